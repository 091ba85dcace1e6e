"""Finding and removing all versions of a product in a lake, or a whole lake.

It reads the catalog with SQLite, so that a validation needs no DuckDB.
"""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from platform_core.contracts.product_id import ProductId
from platform_core.files import move_folder
from platform_core.lake.location import RESTRICTED, LakeLocation

_FACTS = "CASE WHEN json_valid(commit_extra_info) THEN commit_extra_info END"
_OF_PRODUCT = f"ducklake_snapshot_changes WHERE json_extract({_FACTS}, '$.asset') = :id"
_TABLES = (
    "SELECT table_id, schema_name || '/' || t.path FROM ducklake_table t JOIN ducklake_schema"
    " USING (schema_id) WHERE schema_name = 'products' AND table_name = :name OR"
    " schema_name = 'internal' AND table_name = :name || '__batches' OR schema_name = 'staging'"
    f" AND table_name IN (SELECT json_extract({_FACTS}, '$.staged') FROM {_OF_PRODUCT})"
)
_VIEWS = (
    "SELECT view_id FROM ducklake_view JOIN ducklake_schema USING (schema_id)"
    " WHERE schema_name = 'products' AND view_name = :name"
)
_HOLDING = (
    "SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    " AND c.name = 'table_id' AND m.name <> 'ducklake_schema_versions'"
)


def remove_product(location: LakeLocation, lake: str, product: ProductId, holder: str, by: str) -> None:
    """Remove all versions of a product, with their files, from a lake. The files are first moved into the
    folder of the lake ``by``.

    DuckLake's expiry would also remove snapshots of other products. No connection of this process may have
    the lake attached, because SQLite's locks belong to the process. The next call finishes the work of a
    killed process. Raises LakeLocked, LakeError.
    """
    from platform_core.lake.errors import damaged, lake_faults
    from platform_core.lake.lock import lake_lock
    from platform_core.lake.permissions import private_folder

    removed = location.folder(by) / f".removed-{product.name}"
    try:
        if not (removed.is_dir() or may_hold(location, lake, product)):
            return
        with lake_lock(location, lake, holder=holder), lake_faults(location, lake):
            if location.is_private(by):
                private_folder(location, by)
            removed.mkdir(mode=0o700, exist_ok=True)
            for folder in _folders(location, lake, product):  # in one step, not file by file
                move_folder(folder, removed / uuid.uuid4().hex)
            _forget(location, lake, product)
            stream_lock(location, lake, product).unlink(missing_ok=True)
            shutil.rmtree(removed)
    except sqlite3.Error as error:
        raise damaged(location, lake, str(error)) from error


def holds(location: LakeLocation, lake: str, product: ProductId) -> bool:
    """Whether a lake holds versions or files of a product. Raises sqlite3.Error for a broken lake."""
    if not location.is_readable(lake):
        return False
    listed = _ask(location, lake, product, f"SELECT 1 FROM ({_TABLES}) UNION ALL {_VIEWS}")
    return bool(listed or _folders(location, lake, product))


def _folders(location: LakeLocation, lake: str, product: ProductId) -> list[Path]:
    names = {f"products/{product.name}", *(path for _, path in _ask(location, lake, product, _TABLES))}
    folders = {location.data(lake) / name for name in names}
    return [
        folder for folder in (*folders, location.folder(lake) / "files" / product.name) if folder.is_dir()
    ]


def _ask(location: LakeLocation, lake: str, product: ProductId, query: str) -> list[tuple[Any, ...]]:
    with _catalog(location, lake, "?mode=ro") as connection:
        return connection.execute(query, {"id": product, "name": product.name}).fetchall()


def _forget(location: LakeLocation, lake: str, product: ProductId) -> None:
    """Remove the product from every snapshot in one transaction, with statistics, which hold values."""
    names = {"id": product, "name": product.name}
    with _catalog(location, lake, "") as connection:
        connection.execute("PRAGMA secure_delete = ON")
        tables = ", ".join(str(number) for number, _ in connection.execute(_TABLES, names).fetchall())
        holding = connection.execute(_HOLDING).fetchall()
        with connection:
            for (table,) in holding:
                connection.execute(f'DELETE FROM "{table}" WHERE table_id IN ({tables})')
            connection.execute(f"DELETE FROM ducklake_view WHERE view_id IN ({_VIEWS})", names)
            signed = f"snapshot_id IN (SELECT snapshot_id FROM {_OF_PRODUCT})"
            forget = f"UPDATE ducklake_snapshot_changes SET commit_extra_info = NULL WHERE {signed}"
            connection.execute(forget, names)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _catalog(location: LakeLocation, lake: str, mode: str) -> Iterator[sqlite3.Connection]:
    address = location.catalog(lake).absolute().as_uri() + mode
    with closing(sqlite3.connect(address, uri=True, timeout=30)) as connection:
        yield connection


def may_hold(location: LakeLocation, lake: str, product: ProductId) -> bool:
    """Whether there may be something to remove: a broken lake is reported by the removal."""
    left = (location.folder(lake) / f".removed-{product.name}").is_dir()
    try:
        return left or stream_lock(location, lake, product).exists() or holds(location, lake, product)
    except sqlite3.Error:
        return True


def stream_lock(location: LakeLocation, lake: str, product: ProductId) -> Path:
    return location.folder(lake) / f"{product.name}.stream.lock"


def lakes_of(location: LakeLocation, domain: str) -> tuple[str, ...]:
    """The lakes of a domain of which anything is there, the shared one first."""
    return tuple(lake for lake in (domain, domain + RESTRICTED) if location.folder(lake).is_dir())


def remove_lake(location: LakeLocation, lake: str) -> None:
    """Remove a lake with all that it holds. Raises LakeLocked."""
    from platform_core.lake.lock import lake_lock

    with lake_lock(location, lake, holder=f"removal of {lake}"):
        shutil.rmtree(location.folder(lake))
