"""What a reader of a product reads: which version, and how many bytes of it by the lake's statistics."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from platform_core.contracts.model import DataProduct, Partitions
from platform_core.contracts.windows import Window
from platform_core.sql.quoting import literal, quoted


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


def insertions(product: DataProduct, since: int, version: int) -> str:
    """The rows of a stream that were inserted after one version and up to another, as a relation."""
    lake, name = literal(product.lake), literal(product.name)
    return f"ducklake_table_insertions({lake}, 'products', {name}, {since + 1:d}, {version:d})"


def table_identity(con: duckdb.DuckDBPyConnection, product: DataProduct) -> str | None:
    """What stays the same until a table is made anew; None for a view, or where there is no table."""
    row = con.execute(
        f"SELECT t.table_uuid::VARCHAR FROM {_table(product)} AND t.end_snapshot IS NULL"
    ).fetchone()
    return str(row[0]) if row else None


def has_version(con: duckdb.DuckDBPyConnection, product: DataProduct, version: int) -> bool:
    """Whether a product's lake still keeps a version, whoever made it."""
    found = con.execute(
        f"SELECT count(*) FROM {_catalog(product)}.ducklake_snapshot WHERE snapshot_id = {version:d}"
    ).fetchone()
    return bool(found and found[0])


def changes_between(
    con: duckdb.DuckDBPyConnection, product: DataProduct, first: int, last: int
) -> frozenset[str]:
    """What was done to a product's rows in some versions: DuckLake's words, ``inserted_into_table``."""
    rows = con.execute(
        f"SELECT DISTINCT c.changes_made, t.table_id FROM {_table(product)} AND t.end_snapshot IS NULL,"
        f" {_catalog(product)}.ducklake_snapshot_changes c"
        f" WHERE c.snapshot_id BETWEEN {first:d} AND {last:d}"
    ).fetchall()
    done = set()
    for changes, table in rows:
        for change in changes.split(","):
            what, _, which = change.partition(":")
            # Merged files hold the same rows, and a new column changes none of them.
            if which == str(table) and what not in ("merge_adjacent", "altered_table"):
                done.add(what)
    return frozenset(done)


def _table(product: DataProduct) -> str:
    catalog = _catalog(product)
    return (
        f"{catalog}.ducklake_table t JOIN {catalog}.ducklake_schema s ON s.schema_id = t.schema_id"
        f" AND s.schema_name = 'products' AND s.end_snapshot IS NULL"
        f" AND t.table_name = {literal(product.name)}"
    )


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


@dataclass(frozen=True, slots=True)
class Published:
    """When a version of a product was published."""

    version: int
    at: datetime


def published(con: duckdb.DuckDBPyConnection, lake: str) -> dict[str, tuple[Published, ...]]:
    """The versions that a lake keeps of each of its products, by id, the newest first."""
    catalog = quoted(f"__ducklake_metadata_{lake}")
    rows = con.execute(
        "SELECT json_extract_string(commit_extra_info, '$.asset'), snapshot_id,"
        f" CAST(snapshot_time AS TIMESTAMPTZ) FROM {catalog}.ducklake_snapshot_changes"
        f" JOIN {catalog}.ducklake_snapshot USING (snapshot_id)"
        " WHERE commit_extra_info IS NOT NULL ORDER BY snapshot_id DESC"
    ).fetchall()
    found: dict[str, list[Published]] = {}
    for product, version, at in rows:
        found.setdefault(product, []).append(Published(int(version), at))
    return {product: tuple(versions) for product, versions in found.items()}


def bytes_kept(con: duckdb.DuckDBPyConnection, product: DataProduct) -> int:
    """The bytes of all files that a lake keeps for a product's table: of each version, and deletions.

    A version shares its files with those before and after it as far as they are alike.
    """
    catalog = _catalog(product)
    files = " UNION ALL ".join(
        f"SELECT table_id, file_size_bytes FROM {catalog}.{kind}"
        for kind in ("ducklake_data_file", "ducklake_delete_file")
    )
    row = con.execute(
        f"SELECT coalesce(sum(file_size_bytes), 0) FROM ({files}) WHERE table_id IN ("
        f"SELECT t.table_id FROM {catalog}.ducklake_table t JOIN {catalog}.ducklake_schema s"
        f" ON s.schema_id = t.schema_id WHERE s.schema_name IN ('products', 'staging')"
        f" AND t.table_name = {literal(product.name)})"
    ).fetchone()
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
