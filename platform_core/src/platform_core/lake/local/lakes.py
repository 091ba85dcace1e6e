"""The lakes of this machine: a folder per lake, with a catalog in SQLite, data files and a lock.

DuckDB is imported only where it is used: a validation needs none.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from filelock import Timeout

from platform_core.diagnostics import LakeError, shown
from platform_core.files import file_lock, link_new, move_folder
from platform_core.lake.location import DATA_PATH, FORMAT, LakeLocation, PlainCatalog, catalog_of
from platform_core.sql.quoting import literal, quoted

if TYPE_CHECKING:
    import duckdb

BUSY_SECONDS: Final = 30
_ARROWS: Final = (3, 38)
"""The first SQLite with ->>."""
_attached: Counter[Path] = Counter()
"""The catalogs that DuckDB has open in this process."""


@dataclass(frozen=True, slots=True)
class LocalLakes(LakeLocation):
    """The lakes in the folder ``root``."""

    extensions: ClassVar[tuple[str, ...]] = ("sqlite_scanner", "ducklake")

    def catalog_file(self, lake: str) -> Path:
        return self.root / lake / "catalog.sqlite"

    def data_folder(self, lake: str) -> Path:
        return self.root / lake / "data"

    def lock_file(self, lake: str, stream: str | None = None) -> Path:
        return self.root / lake / (f"{stream}.stream.lock" if stream else "lake.lock")

    def exists(self, lake: str) -> bool:
        return self.catalog_file(lake).exists() or self._is_lost(lake)

    def _is_lost(self, lake: str) -> bool:
        """Whether the catalog is missing but data files exist."""
        there = next(self.data_folder(lake).rglob("*.parquet"), None) is not None
        return not self.catalog_file(lake).exists() and there

    def is_readable(self, lake: str) -> bool:
        if os.access(self.catalog_file(lake), os.R_OK | os.W_OK):
            return True
        return os.access(self.data_folder(lake), os.R_OK | os.W_OK | os.X_OK) and self._is_lost(lake)

    def shared(self) -> tuple[str, ...]:
        names = [path.name for path in self.root.glob("*")]
        return tuple(sorted(name for name in names if not self.is_private(name) and self.is_readable(name)))

    def where(self, lake: str) -> str:
        return shown(self.folder(lake))

    def prepare(self, lake: str, *, writing: bool) -> None:
        from platform_core.lake.errors import damaged
        from platform_core.lake.local.permissions import close_folder, written_privately

        if writing and not self.exists(lake):
            with written_privately(self, lake):
                self._create(lake)
        close_folder(self, lake)
        if self._is_lost(lake):
            raise damaged(self, lake, "the catalog is missing, but its data files exist")
        # SQLite takes an empty file for a new database.
        if self.catalog_file(lake).stat().st_size == 0:
            raise damaged(self, lake, "the catalog is empty")

    def _create(self, lake: str) -> None:
        """Create an empty lake in one step, even if another process does so at the same time."""
        from platform_core.lake.engine import fill_new_lake, open_engine
        from platform_core.lake.errors import lake_faults

        catalog = self.catalog_file(lake)
        draft = catalog.with_name(f".{os.getpid()}-{uuid.uuid4().hex[:8]}.sqlite")
        with lake_faults(self, lake):
            self.data_folder(lake).mkdir(parents=True, exist_ok=True)
            try:
                with closing(open_engine(self.extensions)) as connection:
                    connection.execute("SET temp_directory = ''")
                    self._attach(connection, lake, draft, [])
                    fill_new_lake(connection, lake)
                    connection.execute(f"DETACH {quoted(lake)}")
                # If another process was faster, its lake stays.
                link_new(draft, catalog)
            finally:
                for left in catalog.parent.glob(f"{draft.name}*"):
                    left.unlink(missing_ok=True)

    def attach(self, connection: duckdb.DuckDBPyConnection, lake: str, *, read_only: bool) -> None:
        # An existing lake is not created again even if its catalog is empty.
        options = ["CREATE_IF_NOT_EXISTS false", *(["READ_ONLY"] if read_only else [])]
        self._attach(connection, lake, self.catalog_file(lake), options)

    def _attach(
        self, connection: duckdb.DuckDBPyConnection, lake: str, catalog: Path, further: list[str]
    ) -> None:
        # The catalog stores the path under which it was created. The folder may have been moved or copied.
        options = [f"DATA_PATH {literal(self.data(lake))}", "OVERRIDE_DATA_PATH 1"]
        # Without WAL a commit would make readers fail.
        options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 30000", *further]
        url = literal(f"ducklake:sqlite:{catalog}")
        connection.execute(f"ATTACH {url} AS {quoted(lake)} ({', '.join(options)})")

    @contextmanager
    def attached(self, lakes: Collection[str]) -> Iterator[None]:
        # Two SQLites of one process remove each other's locks when they close a file.
        _attached.update(map(self.catalog_file, lakes))
        try:
            yield
        finally:
            _attached.subtract(map(self.catalog_file, lakes))

    @contextmanager
    def catalog(self, lake: str) -> Iterator[PlainCatalog | None]:
        catalog = self.catalog_file(lake)
        if sqlite3.sqlite_version_info < _ARROWS or _attached[catalog]:
            yield None
            return
        self.prepare(lake, writing=False)
        with closing(sqlite3.connect(":memory:", BUSY_SECONDS, isolation_level=None, uri=True)) as connection:
            connection.create_function(DATA_PATH, 0, lambda: self.data(lake))
            url = literal(f"{catalog.absolute().as_uri()}?mode=ro")
            connection.execute(f"ATTACH {url} AS {catalog_of(lake)}")
            connection.execute("BEGIN")  # one state for all statements
            known = f"SELECT value FROM {catalog_of(lake)}.ducklake_metadata WHERE key = 'version'"
            yield connection if connection.execute(known).fetchall() == [(FORMAT,)] else None

    @contextmanager
    def tables(self, lake: str, *, write: bool) -> Iterator[PlainCatalog]:
        with closing(sqlite3.connect(":memory:", BUSY_SECONDS, isolation_level=None, uri=True)) as connection:
            mode, schema = "" if write else "?mode=ro", catalog_of(lake)
            url = literal(self.catalog_file(lake).absolute().as_uri() + mode)
            connection.execute(f"ATTACH {url} AS {schema}")
            if write:
                connection.execute(f"PRAGMA {schema}.secure_delete = ON")
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
            if write:
                connection.execute(f"PRAGMA {schema}.wal_checkpoint(TRUNCATE)")

    def tables_with(self, catalog: PlainCatalog, lake: str, column: str) -> tuple[str, ...]:
        schema = catalog_of(lake)
        names = [name for (name,) in catalog.execute(f"SELECT name FROM {schema}.sqlite_master").fetchall()]
        described = {name: catalog.execute(f"PRAGMA {schema}.table_info({quoted(name)})") for name in names}
        return tuple(n for n, rows in described.items() if column in {row[1] for row in rows.fetchall()})

    @contextmanager
    def lock(self, lake: str, holder: str, stream: str | None, patience: float) -> Iterator[None]:
        """A file lock of the operating system. SQLite refuses concurrent writers in the middle of their
        commits, so they wait for it before they begin. The kernel releases it when its holder dies. The text
        in the file is only for messages."""
        from platform_core.lake.errors import lake_faults, locked

        path = self.lock_file(lake, stream)
        lock = file_lock(path, patience)
        with lake_faults(self, lake):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout:
                # The file is empty for a moment after the lock was taken.
                owner = path.read_text("utf-8", "replace") or "another process"
                raise locked(lake, owner, patience, f"by the lock {shown(path)}") from None
        try:
            path.write_text(f"process {os.getpid()} ({holder})", encoding="utf-8")
            yield
        finally:
            lock.release()

    @contextmanager
    def writing(self, connection: duckdb.DuckDBPyConnection, lake: str) -> Iterator[Callable[[], None]]:
        import duckdb

        try:
            yield lambda: None
        except BaseException:
            # ROLLBACK leaves files that were not closed.
            unknown = (
                f"CALL ducklake_delete_orphaned_files({literal(lake)}, cleanup_all => true, dry_run => true)"
            )
            with suppress(OSError, duckdb.Error):  # the first error is reported
                since = self.lock_file(lake).stat().st_mtime_ns  # the holder writes it before anything else
                for (path,) in connection.execute(unknown).fetchall():
                    if Path(path).stat().st_mtime_ns >= since:
                        Path(path).unlink()
            raise

    def fault(self, error: BaseException, lake: str) -> LakeError | None:
        from platform_core.lake.local.faults import environment_fault

        return environment_fault(error, self, lake)

    def data(self, lake: str) -> str:
        return f"{self.data_folder(lake)}/"

    def sizes(self, paths: Collection[str]) -> dict[str, int | None]:
        return {path: Path(path).stat().st_size if Path(path).is_file() else None for path in paths}

    def files_below(self, folder: str) -> tuple[str, ...]:
        return tuple(sorted(map(str, Path(folder).rglob("*.parquet"))))

    def remove(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)

    def open(self, path: str) -> LocalBytes:
        return open_local(path)

    def unreadable(self, path: str) -> str:
        import duckdb

        from platform_core.lake.errors import read_fault

        with closing(duckdb.connect()) as engine:
            return read_fault(engine, path)

    def keep(self, path: Path) -> None:
        """Nothing: it is kept where it is."""

    def fetch(self, path: Path) -> None:
        """Nothing: it is here."""

    def discard(self, folder: Path) -> None:
        """Nothing: there is no other copy."""

    def kept(self, folder: Path) -> tuple[str, ...]:
        return tuple(entry.name for entry in folder.iterdir()) if folder.is_dir() else ()

    def bytes_kept(self, folder: Path) -> int:
        kept = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        # The stable name is a link to one of them.
        return sum({path.stat().st_ino: path.stat().st_size for path in kept}.values())

    def has_files(self, lake: str, folder: str) -> bool:
        return (self.folder(lake) / folder).exists()

    @contextmanager
    def removing(self, lake: str, product: str, folders: Collection[str], by: str) -> Iterator[None]:
        from platform_core.lake.local.permissions import private_folder

        if self.is_private(by):
            private_folder(self, by)
        removed = self._removed(by, product)
        removed.mkdir(mode=0o700, exist_ok=True)
        for folder in folders:  # in one step, not file by file
            move_folder(self.folder(lake) / folder, removed / uuid.uuid4().hex)
        yield
        self.lock_file(lake, product).unlink(missing_ok=True)
        shutil.rmtree(removed)

    def is_removing(self, lake: str, product: str) -> bool:
        return self._removed(lake, product).is_dir()

    def _removed(self, lake: str, product: str) -> Path:
        return self.folder(lake) / f".removed-{product}"


def open_local(path: str) -> LocalBytes:
    """Open a file of this machine. Raises OSError."""
    return LocalBytes(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


class LocalBytes:
    """An open descriptor; many readers share it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, start: int, count: int) -> bytes:
        return os.pread(self.descriptor, count, start)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
