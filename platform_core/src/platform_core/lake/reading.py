"""What a reader of a product reads: which version, and how many bytes of it by the lake's statistics."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from platform_core.contracts.model import DataProduct, Partitions
from platform_core.contracts.windows import Window
from platform_core.lake.sql import literal, quoted


def published_version(con: duckdb.DuckDBPyConnection, product: DataProduct) -> int | None:
    """The version that readers see now; None where nothing was published, or the lake is not attached.

    Asks the catalog's tables, in milliseconds however many versions a lake keeps; ``latest`` tells
    more of a version.
    """
    stamp = _stamp(con, product)
    return stamp[0] if stamp else None


def at_version(relation: str, version: int) -> str:
    """A relation as it was published at a version, whatever is published meanwhile."""
    return f"{relation} AT (VERSION => {version:d})"


def bytes_of_columns(
    con: duckdb.DuckDBPyConnection,
    product: DataProduct,
    version: int,
    columns: Collection[str] | None = None,
    window: Window | None = None,
) -> int:
    """The compressed bytes of a version's columns (all of them by default), by DuckLake's statistics.

    Counted are the column chunks of the data files of the version, so it is what a reader fetches who
    reads every row of these columns once; with a window, of the files whose smallest and greatest
    value of the partition column overlap it. Footers, deletions, row groups that a filter skips, and
    what an engine reads twice or finds in its cache are not known here.
    """
    stamp = _stamp(con, product, version)
    if stamp is None:
        return 0
    facts = stamp[1]
    schema, table, snapshot = (
        ("staging", facts["staged"], facts["pinned"])
        if facts.get("kind") == "view"
        else ("products", product.name, version)
    )
    catalog = _catalog(product)

    def alive(name: str) -> str:
        return (
            f"{name}.begin_snapshot <= {snapshot:d} AND "
            f"({name}.end_snapshot IS NULL OR {name}.end_snapshot > {snapshot:d})"
        )

    named = " OR ".join(f"c.column_name = {literal(column)}" for column in columns or ())
    chunks = (
        f"FROM {catalog}.ducklake_data_file f"
        f" JOIN {catalog}.ducklake_table t ON t.table_id = f.table_id AND {alive('t')}"
        f" JOIN {catalog}.ducklake_schema s ON s.schema_id = t.schema_id"
        f" JOIN {catalog}.ducklake_file_column_stats st ON st.data_file_id = f.data_file_id"
        f" JOIN {catalog}.ducklake_column c ON c.table_id = t.table_id AND c.column_id = st.column_id"
        f" AND {alive('c')}"
        f" WHERE s.schema_name = {literal(schema)} AND t.table_name = {literal(table)} AND {alive('f')}"
    )
    only = f" AND ({named})" if columns is not None else ""
    if window is not None and product.partitions is not None:
        only += (
            f" AND f.data_file_id IN (SELECT f.data_file_id {chunks}"
            f" AND c.column_name = {literal(product.partitions.column)}"
            f" AND {_overlaps(product.partitions, window)})"
        )
    row = con.execute(f"SELECT coalesce(sum(st.column_size_bytes), 0) {chunks}{only}").fetchone()
    return int(row[0]) if row else 0


def _overlaps(partitions: Partitions, window: Window) -> str:
    """Whether a file's values of the partition column may lie in the window; true where nobody knows."""
    zone = ZoneInfo(partitions.timezone)
    # As the rows themselves are cut: a date is a day of the grid's own calendar, all else is UTC.
    lower, upper = (literal(moment.astimezone(zone).date()) for moment in (window.start, window.end))
    moments = _between("TIMESTAMPTZ", literal(window.start), literal(window.end))
    return f"CASE c.column_type WHEN 'date' THEN {_between('DATE', lower, upper)} ELSE {moments} END"


def _between(kind: str, lower: str, upper: str) -> str:
    return (
        f"coalesce(TRY_CAST(st.min_value AS {kind}) < {upper}"
        f" AND TRY_CAST(st.max_value AS {kind}) >= {lower}, true)"
    )


def _catalog(product: DataProduct) -> str:
    """DuckLake's own tables, as DuckDB attaches them beside a lake whatever database keeps them."""
    return quoted(f"__ducklake_metadata_{product.lake}")


def _stamp(
    con: duckdb.DuckDBPyConnection, product: DataProduct, version: int | None = None
) -> tuple[int, dict[str, Any]] | None:
    catalog = _catalog(product)
    wanted = f"AND snapshot_id = {version:d}" if version is not None else ""
    try:
        row = con.execute(
            f"SELECT snapshot_id, commit_extra_info FROM {catalog}.ducklake_snapshot_changes"
            " WHERE commit_extra_info IS NOT NULL"
            f" AND json_extract_string(commit_extra_info, '$.asset') = {literal(product.id)} {wanted}"
            " ORDER BY snapshot_id DESC LIMIT 1"
        ).fetchone()
    except duckdb.CatalogException:
        return None  # the lake is not attached: there is none yet
    return (int(row[0]), json.loads(row[1])) if row else None
