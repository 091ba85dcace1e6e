"""Versions that readers read, and the bytes of their columns by the lake's statistics."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb

from platform_core.contracts.model import DataProduct, Partitions
from platform_core.contracts.partitions import Window
from platform_core.lake.location import VIEW_OF, catalog_of
from platform_core.lake.transaction import number
from platform_core.lake.versions import Catalog, alive, in_utc, stamps, table_behind, tables_in
from platform_core.sql.quoting import literal


def at_version(relation: str, version: int) -> str:
    """A relation pinned to a version."""
    return f"{relation} AT (VERSION => {version:d})"


def insertions(product: DataProduct, since: int, version: int) -> str:
    """The rows of a stream that were inserted after one version, up to another, as a relation."""
    lake, name = literal(product.lake), literal(product.name)
    return f"ducklake_table_insertions({lake}, 'products', {name}, {since + 1:d}, {version:d})"


def table_identity(
    connection: duckdb.DuckDBPyConnection, product: DataProduct, version: int | None = None
) -> str | None:
    """An id that changes when a table is created again, by default of the newest version; None for a view
    or a missing table."""
    row = connection.execute(f"SELECT t.table_uuid::VARCHAR FROM {_table(product, version)}").fetchone()
    return str(row[0]) if row else None


def holds_nan(connection: duckdb.DuckDBPyConnection, product: DataProduct) -> bool:
    """Whether a product's table holds a NaN, by the lake's statistics."""
    table = f"SELECT t.table_id FROM {_table(product)}"
    known = f"FROM {catalog_of(product.lake)}.ducklake_table_column_stats WHERE contains_nan::BOOLEAN"
    return bool(number(connection, f"SELECT count(*) {known} AND table_id IN ({table})"))


def has_version(connection: duckdb.DuckDBPyConnection, product: DataProduct, version: int) -> bool:
    """Whether the lake of a product still keeps a version, of any product."""
    kept = f"FROM {catalog_of(product.lake)}.ducklake_snapshot WHERE snapshot_id = {version:d}"
    return bool(number(connection, f"SELECT count(*) {kept}"))


def version_at(connection: Catalog, product: DataProduct, at: int | datetime) -> int | None:
    """The version of a product at a version of its lake, or at a time. None if the product was not
    published by then, or if that version is unknown or expired."""
    kept = connection.execute(
        f"SELECT snapshot_id, snapshot_time FROM {catalog_of(product.lake)}.ducklake_snapshot"
    ).fetchall()
    if isinstance(at, datetime):
        until = max((number for number, made in kept if in_utc(made) <= at), default=-1)
        # An expired version in between may have been one of this product.
        last = min(until + 1, max(kept)[0])
    else:
        until = last = at
    stamp = next(stamps(connection, product.lake, product.id, until=until, limit=1), None)
    if stamp is None:
        return None
    between = sum(stamp[0] <= number <= last for number, _ in kept)
    return stamp[0] if between == last - stamp[0] + 1 else None


def changes_between(connection: Catalog, product: DataProduct, first: int, last: int) -> frozenset[str]:
    """The changes of some versions to a product's rows, in DuckLake's terms: ``inserted_into_table``."""
    rows = connection.execute(
        f"SELECT DISTINCT c.changes_made, t.table_id FROM {_table(product)},"
        f" {catalog_of(product.lake)}.ducklake_snapshot_changes c"
        f" WHERE c.snapshot_id BETWEEN {first:d} AND {last:d}"
    ).fetchall()
    done = set()
    for changes, table in rows:
        for change in changes.split(","):
            what, _, which = change.partition(":")
            # These two do not change rows.
            if which == str(table) and what not in ("merge_adjacent", "altered_table"):
                done.add(what)
    return frozenset(done)


def _table(product: DataProduct, version: int | None = None) -> str:
    now = "t.end_snapshot IS NULL" if version is None else alive("t", version)
    return (
        f"{tables_in(product.lake)} AND s.schema_name = 'products' AND s.end_snapshot IS NULL"
        f" AND t.table_name = {literal(product.name)} AND {now}"
    )


def bytes_of_columns(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    version: int,
    columns: Collection[str] | None = None,
    window: Window | None = None,
) -> int:
    """The compressed bytes of a version's columns, by default of all columns, by DuckLake's statistics.

    The sum of the column chunks in the version's data files; with a window, only of files whose range of the
    partition column overlaps it. Without footers, deletions, and effects of filters and caches.
    """
    stamp = next(stamps(connection, product.lake, product.id, version=version), None)
    if stamp is None:
        return 0
    schema, table, snapshot = table_behind(product.name, version, stamp[2])
    catalog = catalog_of(product.lake)

    named = " OR ".join(f"c.column_name = {literal(column)}" for column in columns or ())
    chunks = (
        f"FROM {catalog}.ducklake_data_file f"
        f" JOIN ({tables_in(product.lake)}) ON t.table_id = f.table_id AND {alive('t', snapshot)}"
        f" JOIN {catalog}.ducklake_file_column_stats st ON st.data_file_id = f.data_file_id"
        f" JOIN {catalog}.ducklake_column c ON c.table_id = t.table_id AND c.column_id = st.column_id"
        f" AND {alive('c', snapshot)}"
        f" WHERE s.schema_name = {literal(schema)} AND t.table_name = {literal(table)}"
        f" AND {alive('f', snapshot)}"
    )
    of_table = columns is not None and VIEW_OF not in stamp[2]  # a view has names of its own
    only = f" AND ({named})" if of_table else ""
    if window is not None and product.partitions is not None:
        only += (
            f" AND f.data_file_id IN (SELECT f.data_file_id {chunks}"
            f" AND c.column_name = {literal(product.partitions.column)}"
            f" AND {_overlaps(product.partitions, window)})"
        )
    return number(connection, f"SELECT coalesce(sum(st.column_size_bytes), 0) {chunks}{only}")


def bytes_kept(connection: duckdb.DuckDBPyConnection, product: DataProduct) -> int:
    """The bytes of all data and deletion files of a product's table, over all versions that the lake
    keeps."""
    catalog = catalog_of(product.lake)
    files = " UNION ALL ".join(
        f"SELECT table_id, file_size_bytes FROM {catalog}.{kind}"
        for kind in ("ducklake_data_file", "ducklake_delete_file")
    )
    return number(
        connection,
        f"SELECT coalesce(sum(file_size_bytes), 0) FROM ({files}) WHERE table_id IN ("
        f"SELECT t.table_id FROM {tables_in(product.lake)} WHERE s.schema_name IN ('products', 'staging')"
        f" AND t.table_name = {literal(product.name)})",
    )


def _overlaps(partitions: Partitions, window: Window) -> str:
    zone = ZoneInfo(partitions.timezone)  # of dates; timestamps are UTC
    lower, upper = (literal(moment.astimezone(zone).date()) for moment in (window.start, window.end))
    moments = _between("TIMESTAMPTZ", literal(window.start), literal(window.end))
    return f"CASE c.column_type WHEN 'date' THEN {_between('DATE', lower, upper)} ELSE {moments} END"


def _between(kind: str, lower: str, upper: str) -> str:
    return (
        f"coalesce(TRY_CAST(st.min_value AS {kind}) < {upper}"
        f" AND TRY_CAST(st.max_value AS {kind}) >= {lower}, true)"
    )
