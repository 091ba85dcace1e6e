"""Finding and removing all versions of a product in a lake, or a whole lake.

It reads the catalog without DuckLake, so that a validation needs no DuckDB.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import suppress
from typing import Any

from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import LakeError
from platform_core.lake.location import RESTRICTED, VIEW_OF, LakeLocation, PlainCatalog, catalog_of
from platform_core.sql.quoting import literal, quoted
from platform_core.words import listed

_FACTS = "CASE WHEN json_valid(commit_extra_info) THEN commit_extra_info END"
_SIGNED = "{c}.ducklake_snapshot_changes WHERE json_extract(" + _FACTS + ", '$.asset') = {id}"
_TABLES = (
    "SELECT table_id, schema_name || '/' || t.path FROM {c}.ducklake_table t JOIN {c}.ducklake_schema s"
    " ON s.schema_id = t.schema_id WHERE schema_name = 'products' AND table_name = {name} OR"
    " schema_name = 'internal' AND table_name = {ledger} OR schema_name = 'staging'"
    f" AND table_name IN (SELECT json_extract({_FACTS}, '$.staged') FROM {_SIGNED})"
)
_VIEWS = (
    "SELECT view_id, '' FROM {c}.ducklake_view v JOIN {c}.ducklake_schema s ON s.schema_id = v.schema_id"
    " WHERE schema_name = 'products' AND view_name = {name}"
)


_PINNED = (
    f"SELECT DISTINCT json_extract({_FACTS}, '$.asset') FROM {{c}}.ducklake_snapshot_changes"
    f" WHERE json_extract({_FACTS}, '$.{VIEW_OF}') = {{id}}"
)


def remove_product(location: LakeLocation, lake: str, product: ProductId, holder: str, by: str) -> None:
    """Remove all versions of a product, with their files, from a lake. Local files are first moved into the
    folder of the lake ``by``.

    DuckLake's expiry would also remove snapshots of other products. No connection of this process may have
    the lake attached, because SQLite's locks belong to the process. The next call finishes the work of a
    killed process. Raises LakeLocked; LakeError, L051 if views are pinned to its versions.
    """
    from platform_core.lake.errors import damaged, lake_faults
    from platform_core.lake.lock import lake_lock

    try:
        if not (location.is_removing(by, product.name) or may_hold(location, lake, product)):
            return
        with lake_lock(location, lake, holder=holder), lake_faults(location, lake):
            require_unpinned(location, lake, product)
            with location.tables(lake, write=False) as catalog:
                folders = _folders(location, catalog, lake, product)
            with location.removing(lake, product.name, folders, by):
                _forget(location, lake, product)
    except sqlite3.Error as error:
        raise damaged(location, lake, str(error)) from error


def holds(location: LakeLocation, lake: str, product: ProductId) -> bool:
    """Whether a lake holds versions or files of a product. Raises sqlite3.Error or LakeError for a broken
    lake."""
    if not location.is_readable(lake):
        return False
    with location.tables(lake, write=False) as catalog:
        listed = _ask(catalog, lake, product, f"{_TABLES} UNION ALL {_VIEWS}")
        return bool(listed or _folders(location, catalog, lake, product))


def views_of(location: LakeLocation, lake: str, product: ProductId) -> list[ProductId]:
    """The products of which a lake keeps versions that are views of a product; none of a broken lake."""
    with suppress(sqlite3.Error, LakeError):
        if location.is_readable(lake):
            with location.tables(lake, write=False) as catalog:
                return sorted(ProductId(str(view)) for [view] in _ask(catalog, lake, product, _PINNED))
    return []


def require_unpinned(location: LakeLocation, lake: str, product: ProductId) -> None:
    """Raise LakeError L051 for a product of which a lake keeps views."""
    if views := views_of(location, lake, product):
        message = f'versions of {listed(views)} in the lake "{lake}" are views of {product}'
        fix = f"Remove it first: `mesh remove product {views[0]}`."
        raise LakeError.of("L051", message, None, "a product of which no view is kept", fix)


def _folders(location: LakeLocation, catalog: PlainCatalog, lake: str, product: ProductId) -> list[str]:
    paths = {path.rstrip("/") for _, path in _ask(catalog, lake, product, _TABLES)}
    names = [f"data/{path}" for path in sorted(paths | {f"products/{product.name}"})]
    return [name for name in (*names, f"files/{product.name}") if location.has_files(lake, name)]


def _ask(catalog: PlainCatalog, lake: str, product: ProductId, query: str) -> list[tuple[Any, ...]]:
    return catalog.execute(_of(lake, product, query)).fetchall()


def _of(lake: str, product: ProductId, query: str) -> str:
    name, ledger = literal(product.name), literal(f"{product.name}__batches")
    return query.format(c=catalog_of(lake), id=literal(product), name=name, ledger=ledger)


def _forget(location: LakeLocation, lake: str, product: ProductId) -> None:
    """Remove the product from every snapshot in one transaction, with statistics, which hold values."""
    own = catalog_of(lake)
    with location.tables(lake, write=True) as catalog:
        holding = location.tables_with(catalog, lake, "table_id")
        tables = ", ".join(str(number) for number, _ in _ask(catalog, lake, product, _TABLES)) or "NULL"
        views = ", ".join(str(number) for number, _ in _ask(catalog, lake, product, _VIEWS)) or "NULL"
        for table in holding:
            if table != "ducklake_schema_versions":
                catalog.execute(f"DELETE FROM {own}.{quoted(table)} WHERE table_id IN ({tables})")
        catalog.execute(f"DELETE FROM {own}.ducklake_view WHERE view_id IN ({views})")
        signed = _of(lake, product, f"SELECT snapshot_id FROM {_SIGNED}")
        catalog.execute(
            f"UPDATE {own}.ducklake_snapshot_changes SET commit_extra_info = NULL"
            f" WHERE snapshot_id IN ({signed})"
        )


def may_hold(location: LakeLocation, lake: str, product: ProductId) -> bool:
    """Whether there may be something to remove: a broken lake is reported by the removal."""
    try:
        left = location.is_removing(lake, product.name)
        stream = location.has_files(lake, f"{product.name}.stream.lock")
        return left or stream or holds(location, lake, product)
    except (sqlite3.Error, LakeError):
        return True


def lakes_of(location: LakeLocation, domain: str) -> tuple[str, ...]:
    """The lakes of a domain of which anything is there, the shared one first."""
    both = (domain, domain + RESTRICTED)
    return tuple(lake for lake in both if location.folder(lake).is_dir() or location.exists(lake))


def require_local(location: LakeLocation, lake: str) -> None:
    """Raise LakeError E017 for lakes on servers, which are the administrator's."""
    if location.reader is not None:
        message = f'the lake "{lake}" is on a server: {location.where(lake)}'
        fix = "Drop schema and bucket as their administrator; then run `mesh grant apply`."
        raise LakeError.of("E017", message, None, "a lake of this machine", fix)


def require_owner(location: LakeLocation, domain: str) -> None:
    """Raise LakeError E012 for a principal that cannot remove from the lakes of a domain."""
    if location.reader not in (None, domain):
        message = f"{location.reader} cannot remove from the lakes of {domain}"
        raise LakeError.of("E012", message, None, "the credentials of the domain", "Set MESH_PRINCIPAL.")


def remove_lake(location: LakeLocation, lake: str) -> None:
    """Remove a lake with all that it holds. Raises LakeLocked; LakeError E017."""
    from platform_core.lake.lock import lake_lock

    require_local(location, lake)
    with lake_lock(location, lake, holder=f"removal of {lake}"):
        shutil.rmtree(location.folder(lake))
