"""What was published when, by which run: read back from the stamps of the lake's snapshots."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.lake.connect import attached
from platform_core.sql.quoting import literal, quoted


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the lake remembers of the file that a version keeps beside its table."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Version:
    """One published version of a product. ``bytes`` is None where its files are no longer kept."""

    version: int
    published_at: datetime
    run_id: str
    rows: int
    rows_written: int
    partition: str | None
    bytes: int | None
    file: FileFacts | None = None
    keys: dict[str, str] = field(default_factory=dict)
    """Of a masked twin: the fingerprints of the keys it was hashed under, by their names."""


def latest(con: duckdb.DuckDBPyConnection, product: DataProduct) -> Version | None:
    """The version that readers see; None where the product was never published."""
    return next(iter(history(con, product, limit=1)), None)


def history(
    con: duckdb.DuckDBPyConnection, product: DataProduct, *, limit: int | None = None
) -> tuple[Version, ...]:
    """Published versions whose snapshots are kept, the newest first. Empty where the lake is not attached."""
    if product.lake not in attached(con):
        return ()
    rows = con.execute(
        f"SELECT snapshot_id, snapshot_time, commit_extra_info FROM {quoted(product.lake)}.snapshots()"
        " WHERE commit_extra_info IS NOT NULL AND json_extract_string(commit_extra_info, '$.asset') = ?"
        f" ORDER BY snapshot_id DESC{f' LIMIT {limit:d}' if limit is not None else ''}",
        [product.id],
    ).fetchall()
    return tuple(_version(con, product, *row) for row in rows)


def bytes_of(con: duckdb.DuckDBPyConnection, lake: str, schema: str, table: str, version: int) -> int | None:
    """Bytes of the files that hold a table's version, its deletions too; None where they are not known."""
    try:
        row = con.execute(
            "SELECT coalesce(sum(data_file_size_bytes), 0) + coalesce(sum(delete_file_size_bytes), 0)"
            f" FROM ducklake_list_files({literal(lake)}, {literal(table)}, schema => {literal(schema)},"
            f" snapshot_version => {version:d})"
        ).fetchone()
    except duckdb.CatalogException:
        # The table is not in that snapshot: dropped, or replaced by a view.
        return None
    return int(row[0]) if row else None


def _version(
    con: duckdb.DuckDBPyConnection, product: DataProduct, version: int, at: datetime, extra: str
) -> Version:
    facts = json.loads(extra)
    if facts.get("kind") == "view":
        size = bytes_of(con, product.lake, "staging", facts["staged"], facts["pinned"])
    else:
        size = bytes_of(con, product.lake, "products", product.name, version)
    return Version(
        version=version,
        published_at=at,
        run_id=facts["run_id"],
        rows=facts["rows"],
        rows_written=facts["rows_written"],
        partition=facts.get("partition"),
        bytes=size,
        file=FileFacts(**facts["file"]) if facts.get("file") else None,
        keys=facts.get("keys") or {},
    )
