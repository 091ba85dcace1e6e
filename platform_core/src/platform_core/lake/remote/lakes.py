"""The lakes of servers: a schema of Postgres, a bucket and a role of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import duckdb
from psycopg2.extensions import connection as Session

from platform_core.deployment.model import Credential, Lakes
from platform_core.deployment.principal import credential_of, principal
from platform_core.diagnostics import LakeError, PlatformError
from platform_core.lake.engine import open_engine
from platform_core.lake.errors import read_fault
from platform_core.lake.local.faults import environment_fault
from platform_core.lake.location import FORMAT, RESTRICTED, LakeLocation, PlainCatalog
from platform_core.lake.remote import owns
from platform_core.lake.remote.faults import not_made, postgres_fault, store_fault
from platform_core.lake.remote.postgres import (
    WRITING,
    PostgresCatalog,
    postgres_errors,
    run,
    session,
    table_lock,
)
from platform_core.lake.remote.store import Bucket, RemoteBytes
from platform_core.sql.quoting import literal, quoted

_VISIBLE: Final = (
    "SELECT nspname FROM pg_namespace WHERE has_schema_privilege(oid, 'USAGE')"
    " AND to_regclass(quote_ident(nspname) || '.ducklake_metadata') IS NOT NULL"
)
_locks: dict[tuple[int, str], Session] = {}
"""The sessions of this process that hold the writer lock of a lake."""


@dataclass(frozen=True, slots=True)
class RemoteLakes(LakeLocation):
    """``root`` is a folder of this machine for drafts, copies and work that exceeds the memory: none of it is
    ever in a bucket. A bucket has the data below ``data/`` and the files of products below ``files/``, which
    DuckLake's sweep does not reach."""

    lakes: Lakes
    extensions: ClassVar[tuple[str, ...]] = ("postgres_scanner", "httpfs", "ducklake")

    @property
    def reader(self) -> str | None:
        return principal()

    def exists(self, lake: str) -> bool:
        return lake in self._visible()

    def is_readable(self, lake: str) -> bool:
        return self.exists(lake)

    def shared(self) -> tuple[str, ...]:
        return tuple(sorted(lake for lake in self._visible() if not self.is_private(lake)))

    def _visible(self) -> set[str]:
        with session(self.lakes, "") as own:
            return {name for (name,) in run(own, _VISIBLE).fetchall()}

    def where(self, lake: str) -> str:
        database = self.lakes.catalogs
        bucket = self.lakes.bucket(lake)
        return f"the schema {lake} of {database.address}/{database.name}, and the bucket {bucket}"

    def prepare(self, lake: str, *, writing: bool) -> None:
        if not writing:
            return
        if not owns(principal(), lake):
            message = f'{principal()} cannot write the lake "{lake}"'
            fix = f"Run it on the code server of {lake.removesuffix(RESTRICTED)}, or set MESH_PRINCIPAL."
            raise LakeError.of("E012", message, None, "the credentials of the lake's domain", fix)
        if not self.exists(lake):
            raise not_made(self.lakes, lake, self.where(lake))

    def attach(self, connection: duckdb.DuckDBPyConnection, lake: str, *, read_only: bool) -> None:
        attach_remote(connection, self.lakes, lake, read_only=read_only)

    @contextmanager
    def catalog(self, lake: str) -> Iterator[PlainCatalog | None]:
        with session(self.lakes, lake) as own:
            own.set_session(isolation_level="REPEATABLE READ", readonly=True)
            known = f"SELECT value FROM {quoted(lake)}.ducklake_metadata WHERE key = 'version'"
            same = run(own, known).fetchall() == [(FORMAT,)]
            yield PostgresCatalog(own, self.data(lake)) if same else None

    @contextmanager
    def tables(self, lake: str, *, write: bool) -> Iterator[PlainCatalog]:
        with session(self.lakes, lake) as own:
            own.set_session(readonly=not write)
            yield PostgresCatalog(own, self.data(lake))
            own.commit()

    def tables_with(self, catalog: PlainCatalog, lake: str, column: str) -> tuple[str, ...]:
        rows = catalog.execute(
            f"SELECT table_name FROM information_schema.columns WHERE table_schema = {literal(lake)}"
            f" AND column_name = {literal(column)}"
        )
        return tuple(name for (name,) in rows.fetchall())

    @contextmanager
    def lock(self, lake: str, holder: str, stream: str | None, patience: float) -> Iterator[None]:
        with table_lock(self.lakes, lake, holder, stream, patience) as own:
            if stream is not None:
                yield
                return
            _locks[os.getpid(), lake] = own
            try:
                yield
            finally:
                del _locks[os.getpid(), lake]

    @contextmanager
    def writing(self, connection: duckdb.DuckDBPyConnection, lake: str) -> Iterator[Callable[[], None]]:
        table = f"{quoted(lake)}.{WRITING}"

        def sweep() -> None:
            # Under the lock, whatever the catalog does not know is of a transaction that failed.
            connection.execute(f"CALL ducklake_delete_orphaned_files({literal(lake)}, cleanup_all => true)")

        def require_lock() -> None:
            # A writer that lost it would commit files which the next holder may sweep.
            with postgres_errors(self.lakes, lake):
                run(_locks[os.getpid(), lake], "SELECT 1")

        with session(self.lakes, lake, autocommit=True) as own:
            if run(own, f"SELECT 1 FROM {table}").fetchall():
                sweep()
            else:
                run(own, f"INSERT INTO {table} VALUES (now())")
            try:
                yield require_lock
            except BaseException:
                with suppress(duckdb.Error, PlatformError):  # the first error is reported
                    require_lock()
                    sweep()
                    run(own, f"DELETE FROM {table}")
                raise
            run(own, f"DELETE FROM {table}")

    def fault(self, error: BaseException, lake: str) -> LakeError | None:
        text = str(error)
        found = postgres_fault(text, self.lakes, lake) or store_fault(text, self.lakes, lake)
        return found if isinstance(error, duckdb.Error) and found else environment_fault(error, self, lake)

    def data(self, lake: str) -> str:
        return data_path(self.lakes, lake)

    def sizes(self, paths: Collection[str]) -> dict[str, int | None]:
        found: dict[str, int | None] = {}
        for lake in {self._lake(path) for path in paths}:
            own = [path for path in paths if self._lake(path) == lake]
            found |= dict(zip(own, Bucket(self.lakes, lake).sizes([_key(path) for path in own]), strict=True))
        return found

    def files_below(self, folder: str) -> tuple[str, ...]:
        bucket, _, prefix = folder.removeprefix("s3://").partition("/")
        paths = (each["path"] for each in Bucket(self.lakes, self._lake(folder)).listed(prefix))
        return tuple(sorted(f"s3://{bucket}/{path}" for path in paths if path.endswith(".parquet")))

    def remove(self, path: str) -> None:
        Bucket(self.lakes, self._lake(path)).remove([_key(path)])

    def open(self, path: str) -> RemoteBytes:
        return RemoteBytes(Bucket(self.lakes, self._lake(path)), _key(path))

    def unreadable(self, path: str) -> str:
        with closing(open_engine(self.extensions)) as engine:
            own = credential_of(self.lakes, principal())
            engine.execute(store_secret(self.lakes, self._lake(path), own))
            return read_fault(engine, path)

    def has_files(self, lake: str, folder: str) -> bool:
        return bool(Bucket(self.lakes, lake).listed(f"{folder}/"))

    @contextmanager
    def removing(self, lake: str, product: str, folders: Collection[str], by: str) -> Iterator[None]:
        yield
        bucket = Bucket(self.lakes, lake)
        bucket.remove([each["path"] for folder in folders for each in bucket.listed(f"{folder}/")])

    def is_removing(self, lake: str, product: str) -> bool:
        return False  # what is left is found by ``has_files``

    def keep(self, path: Path) -> None:
        for file in [path] if path.is_file() else path.iterdir():
            bucket, key = self._kept_as(file)
            bucket.upload(file, key)

    def fetch(self, path: Path) -> None:
        bucket, key = self._kept_as(path)
        bucket.download(key, path)

    def discard(self, folder: Path) -> None:
        bucket, key = self._kept_as(folder)
        bucket.remove([each["path"] for each in bucket.listed(f"{key}/")])

    def kept(self, folder: Path) -> tuple[str, ...]:
        bucket, key = self._kept_as(folder)
        there = {each["path"].removeprefix(f"{key}/").partition("/")[0] for each in bucket.listed(f"{key}/")}
        return tuple(there | {entry.name for entry in folder.iterdir()} if folder.is_dir() else there)

    def bytes_kept(self, folder: Path) -> int:
        bucket, key = self._kept_as(folder)
        try:
            return sum(each["size"] for each in bucket.listed(f"{key}/"))
        except LakeError as error:
            if error.diagnostics[0].code == "E014":  # only the lake's domain may list
                return 0
            raise

    def _kept_as(self, path: Path) -> tuple[Bucket, str]:
        lake, *key = path.relative_to(self.root).parts
        return Bucket(self.lakes, lake), "/".join(key)

    def _lake(self, path: str) -> str:
        """The lake of a data file, by its bucket."""
        bucket = path.removeprefix("s3://").partition("/")[0]
        before, _, after = self.lakes.buckets.partition("{lake}")
        return bucket.removeprefix(before).removesuffix(after)


def _key(path: str) -> str:
    return path.removeprefix("s3://").partition("/")[2]


def data_path(lakes: Lakes, lake: str) -> str:
    return f"s3://{lakes.bucket(lake)}/data/"


def attach_remote(
    connection: duckdb.DuckDBPyConnection,
    lakes: Lakes,
    lake: str,
    *,
    read_only: bool = False,
    make: bool = False,
) -> None:
    """Attach a lake as this process's principal; with ``make`` make it. Raises duckdb.Error."""
    own, database = credential_of(lakes, principal()), lakes.catalogs
    secret = f"pg_{lake}"
    connection.execute(
        f"CREATE OR REPLACE SECRET {quoted(secret)} (TYPE postgres, HOST {literal(database.address.host)},"
        f" PORT {database.address.port}, DATABASE {literal(database.name)}, USER {literal(own.user)},"
        f" PASSWORD {literal(own.text('password') or '')})"
    )
    connection.execute(store_secret(lakes, lake, own))
    options = [f"DATA_PATH {literal(data_path(lakes, lake))}", "OVERRIDE_DATA_PATH 1"]
    # Statements on DuckLake's own tables name no schema, so it is the default one.
    options += [f"METADATA_SCHEMA {literal(lake)}", f"META_SCHEMA {literal(lake)}"]
    options += [f"META_SECRET {literal(secret)}"]
    options += ["READ_ONLY"] if read_only else []
    # Processes that make a lake at the same time disturb each other.
    options += [] if make else ["CREATE_IF_NOT_EXISTS false"]
    url = literal(f"ducklake:postgres:{f'sslmode={database.sslmode}' if database.sslmode else ''}")
    connection.execute(f"ATTACH {url} AS {quoted(lake)} ({', '.join(options)})")


def store_secret(lakes: Lakes, lake: str, own: Credential) -> str:
    """The statement that gives an engine the key for the bucket of a lake."""
    scheme, _, host = (lakes.endpoint or "").partition("://")
    parts = {
        "KEY_ID": own.key or "",
        "SECRET": own.text("secret") or "",
        "REGION": lakes.region,
        "SCOPE": f"s3://{lakes.bucket(lake)}",
        "SESSION_TOKEN": own.text("session_token") or "",
        "ENDPOINT": host,
        "URL_STYLE": "path" if host else "",
    }
    words = ", ".join(f"{name} {literal(value)}" for name, value in parts.items() if value)
    plain = ", USE_SSL false" if scheme == "http" else ""
    return f"CREATE OR REPLACE SECRET {quoted(f's3_{lake}')} (TYPE s3, {words}{plain})"
