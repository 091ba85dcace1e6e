"""Published versions, read from the stamps of the lake's snapshots and from DuckLake's own tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.lake.location import DATA_PATH, VIEW_OF, PlainCatalog, catalog_of
from platform_core.sql.quoting import literal

Catalog = duckdb.DuckDBPyConnection | PlainCatalog
"""DuckLake's own tables. Statements have no parameters, and no functions and casts that only DuckDB has."""
Tables = Sequence[tuple[str, str, int]]
"""Schema, name and version of each table."""
_ASSET: Final = "(commit_extra_info ->> 'asset')"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The file of a version, as the lake stores it."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Version:
    """A published version of a product. ``bytes`` is None if its files were removed."""

    version: int
    published_at: datetime
    run_id: str
    rows: int
    rows_written: int
    partition: str | None
    bytes: int | None
    file: FileFacts | None = None
    keys: dict[str, str] = field(default_factory=dict)
    """For a masked twin: the fingerprints of the keys of its hashes, by name."""
    seconds: float | None = None
    """How long its run took."""
    view_of: str = ""
    """The product and the version that a view reads, in words."""


@dataclass(frozen=True, slots=True)
class Published:
    """When a version of a product was published, and its content as in the stamp."""

    version: int
    at: datetime
    content: Any = None


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file with rows of a version, and the file of its deletions."""

    path: str
    bytes: int
    deletions: str | None = None
    deletions_bytes: int = 0

    @property
    def paths(self) -> tuple[tuple[str, int], ...]:
        """The paths of both files, and their sizes."""
        both = ((self.path, self.bytes), (self.deletions, self.deletions_bytes))
        return tuple((path, size) for path, size in both if path is not None)


def tables_in(lake: str) -> str:
    """The tables of all versions of a lake, as ``t``, and their schemas, as ``s``."""
    catalog = catalog_of(lake)
    return f"{catalog}.ducklake_table t JOIN {catalog}.ducklake_schema s ON s.schema_id = t.schema_id"


def published_version(connection: Catalog, product: DataProduct) -> int | None:
    """The version that readers see; None if nothing was published or the lake is not attached. Takes
    milliseconds for any number of versions. ``latest`` returns more facts."""
    return next((version for version, _, _ in stamps(connection, product.lake, product.id, limit=1)), None)


def latest(connection: Catalog, product: DataProduct) -> Version | None:
    """The version that readers see; None if the product was never published."""
    return next(iter(history(connection, product, limit=1)), None)


def history(connection: Catalog, product: DataProduct, *, limit: int | None = None) -> tuple[Version, ...]:
    """The published versions that the lake keeps, the newest first; empty if the lake is not attached."""
    found = list(stamps(connection, product.lake, product.id, limit=limit))
    sizes = bytes_of(
        connection, product.lake, [table_behind(product.name, number, facts) for number, _, facts in found]
    )
    return tuple(_version(product, *stamp, size) for stamp, size in zip(found, sizes, strict=True))


def latest_of(
    connection: Catalog, lake: str, products: Iterable[DataProduct]
) -> Iterator[tuple[DataProduct, Version, tuple[DataFile, ...]]]:
    """The published version of each product of a lake, and its data files, by two statements."""
    own: dict[str, DataProduct] = {product.id: product for product in products if product.lake == lake}
    found = [(own[s[2]["asset"]], s) for s in stamps(connection, lake, newest=True) if s[2]["asset"] in own]
    files = files_of(
        connection, lake, [table_behind(product.name, number, facts) for product, (number, _, facts) in found]
    )
    for (product, stamp), held in zip(found, files, strict=True):
        size = None if held is None else sum(file.bytes + file.deletions_bytes for file in held)
        yield product, _version(product, *stamp, size), held or ()


def _version(
    product: DataProduct, number: int, at: datetime, facts: dict[str, Any], size: int | None
) -> Version:
    return Version(
        version=number,
        published_at=at,
        run_id=facts["run_id"],
        rows=facts["rows"],
        rows_written=facts["rows_written"],
        partition=facts.get("partition"),
        bytes=own_bytes(facts, size),
        file=FileFacts(**facts["file"]) if facts.get("file") else None,
        seconds=facts.get("seconds"),
        view_of=f"{facts[VIEW_OF]}, version {facts['pinned']}" if VIEW_OF in facts else "",
        # Before 0.4 the name of a key had no domain.
        keys={
            name if "." in name else f"{product.domain}.{name}": key
            for name, key in (facts.get("keys") or {}).items()
        },
    )


def published(connection: Catalog, lake: str) -> dict[str, tuple[Published, ...]]:
    """The versions that a lake keeps, by product id, the newest first."""
    found: dict[str, list[Published]] = {}
    for version, at, facts in stamps(connection, lake):
        found.setdefault(facts["asset"], []).append(Published(version, at, facts.get("content")))
    return {product: tuple(versions) for product, versions in found.items()}


def newest(connection: duckdb.DuckDBPyConnection, lake: str) -> dict[str, int]:
    """The version that readers see, by product id."""
    return dict(sorted((facts["asset"], n) for n, _, facts in stamps(connection, lake, newest=True)))


def stamps(
    connection: Catalog,
    lake: str,
    product_id: str | None = None,
    *,
    version: int | None = None,
    until: int | None = None,
    limit: int | None = None,
    newest: bool = False,
) -> Iterator[tuple[int, datetime, dict[str, Any]]]:
    """Version, time and stamp of a lake's publications, the newest first; with ``newest`` one per
    product. Reads the catalog's own tables. Empty if the lake is not attached."""
    catalog = catalog_of(lake)
    wanted = [f"{_ASSET} = {literal(product_id)}" if product_id is not None else f"{_ASSET} IS NOT NULL"]
    if version is not None:
        wanted.append(f"snapshot_id = {version:d}")
    if until is not None:
        wanted.append(f"snapshot_id <= {until:d}")
    changes = f"{catalog}.ducklake_snapshot_changes"
    if newest:
        wanted.append(f"snapshot_id IN (SELECT max(snapshot_id) FROM {changes} GROUP BY {_ASSET})")
    try:
        rows = connection.execute(
            f"SELECT snapshot_id, snapshot_time, commit_extra_info"
            f" FROM {changes} JOIN {catalog}.ducklake_snapshot USING (snapshot_id)"
            f" WHERE commit_extra_info IS NOT NULL AND {' AND '.join(wanted)}"
            f" ORDER BY snapshot_id DESC{f' LIMIT {limit:d}' if limit is not None else ''}"
        ).fetchall()
    except duckdb.CatalogException:
        return
    for number, at, extra in rows:
        yield int(number), in_utc(at), json.loads(extra)


def in_utc(written: str | datetime) -> datetime:
    """A time as the catalog has it: a time, or a text such as ``2026-01-31 12:00:00.5+00``."""
    return (datetime.fromisoformat(written) if isinstance(written, str) else written).astimezone(UTC)


def columns_gone(connection: duckdb.DuckDBPyConnection, product: DataProduct) -> dict[str, str]:
    """The columns that only earlier versions of a product have, and the version that removed each."""
    if relation_kind(connection, product.lake, product.name) == "VIEW":
        return {}  # the catalog has no columns of views
    try:
        rows = connection.execute(
            f"SELECT column_name, max(c.end_snapshot) FROM {catalog_of(product.lake)}.ducklake_column c"
            f" JOIN ({tables_in(product.lake)}) ON t.table_id = c.table_id WHERE schema_name = 'products'"
            f" AND table_name = {literal(product.name)} AND parent_column IS NULL"
            " GROUP BY column_name HAVING count(*) = count(c.end_snapshot) ORDER BY column_name"
        ).fetchall()
    except duckdb.Error:
        return {}  # reading the lake reports the error
    return {
        name: f"was removed in version {version} (contract {facts.get('contract_version') or 'unknown'}), "
        f"published {at:%Y-%m-%d %H:%M} UTC"
        for name, removed in rows
        for version, at, facts in stamps(connection, product.lake, product.id, version=removed)
    }


def table_behind(name: str, version: int, facts: Mapping[str, Any]) -> tuple[str, str, int]:
    """Schema, table and snapshot of the rows of a product's version: a view is pinned to a version of another
    product, or, published before 0.4, of a staged table."""
    if VIEW_OF in facts:
        return "products", ProductId(facts[VIEW_OF]).name, facts["pinned"]
    if facts.get("kind") == "view":
        return "staging", facts["staged"], facts["pinned"]
    return "products", name, version


def own_bytes(facts: Mapping[str, Any], size: int | None) -> int | None:
    """The bytes of a version by the ``size`` of the files that it reads: a view over a product has none."""
    return 0 if VIEW_OF in facts and size is not None else size


def relation_kind(
    connection: duckdb.DuckDBPyConnection, lake: str, name: str, schema: str = "products"
) -> str | None:
    """``BASE TABLE`` or ``VIEW``; None if the relation does not exist."""
    # Without parameters, for which DuckDB would import pandas.
    row = connection.execute(
        f"SELECT table_type FROM information_schema.tables WHERE table_catalog = {literal(lake)}"
        f" AND table_schema = {literal(schema)} AND table_name = {literal(name)}"
    ).fetchone()
    return str(row[0]) if row else None


def alive(row: str, version: int | str) -> str:
    """SQL that is true for a row of DuckLake's own tables that belongs to a version."""
    return f"{row}.begin_snapshot <= {version} AND coalesce({version} < {row}.end_snapshot, true)"


def files_of(connection: Catalog, lake: str, of: Tables) -> list[tuple[DataFile, ...] | None]:
    """The data files of each table's version; None for a dropped table or a view."""
    inside = "CASE WHEN {0}.path_is_relative THEN {1} ELSE '' END || {0}.path"
    data = f"(SELECT data_path FROM ducklake_settings({literal(lake)}))"
    if not isinstance(connection, duckdb.DuckDBPyConnection):
        data = f"{DATA_PATH}()"
    folder = inside.format("t", inside.format("s", data))
    rows, gone = (f"{inside.format(each, folder)}, {each}.file_size_bytes" for each in ("f", "d"))
    held: dict[int, list[DataFile]] = {}
    for n, path, size, deletions, less in _query_files(connection, lake, of, f"n, {rows}, {gone}"):
        files = held.setdefault(n, [])
        if path is not None:  # a table without rows has no file
            files.append(DataFile(path, size, deletions or None, less or 0))
    return [tuple(held[n]) if n in held else None for n in range(len(of))]


def bytes_of(connection: Catalog, lake: str, of: Tables) -> list[int | None]:
    """The bytes of the files of each table's version, with deletions; None for a dropped table or a view."""
    size = "CAST(coalesce(sum(f.file_size_bytes), 0) + coalesce(sum(d.file_size_bytes), 0) AS BIGINT)"
    sizes = dict(_query_files(connection, lake, of, f"n, {size}", "GROUP BY n"))
    return [sizes.get(n) for n in range(len(of))]


def _query_files(
    connection: Catalog, lake: str, of: Tables, asked: str, grouped: str = ""
) -> list[tuple[Any, ...]]:
    """Query the data files (f) and deletions (d) of all tables (t) by one statement."""
    tables = ", ".join(f"({n}, {literal(s)}, {literal(t)}, {v:d})" for n, (s, t, v) in enumerate(of))
    if not tables:
        return []
    catalog = catalog_of(lake)
    return connection.execute(
        f"WITH asked(n, room, name, version) AS (VALUES {tables}) SELECT {asked} FROM asked"
        f" JOIN ({tables_in(lake)}) ON schema_name = room AND table_name = name"
        f" AND {alive('t', 'version')}"
        f" LEFT JOIN {catalog}.ducklake_data_file f ON f.table_id = t.table_id AND {alive('f', 'version')}"
        f" LEFT JOIN {catalog}.ducklake_delete_file d ON d.data_file_id = f.data_file_id"
        f" AND {alive('d', 'version')} {grouped}"
    ).fetchall()
