"""A published version as files and columns, for an engine without the lake."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.lake.connect import LakeNeeded
from platform_core.lake.damage import whole_files
from platform_core.lake.location import VIEW_OF, LakeLocation, catalog_of
from platform_core.lake.reading import at_version
from platform_core.lake.versions import Catalog, alive, files_of, stamps, table_behind, tables_in
from platform_core.sealed.files import SealedFiles
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.types import describe

_PART: Final = 1 << 26
"""The bytes of a file that are copied at a time."""
_TYPES: Final = {
    "boolean": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "int128": "HUGEINT", "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER",
    "uint64": "UBIGINT", "uint128": "UHUGEINT", "float32": "FLOAT", "float64": "DOUBLE", "date": "DATE",
    "time": "TIME", "timetz": "TIME WITH TIME ZONE", "timestamp": "TIMESTAMP", "timestamp_s": "TIMESTAMP_S",
    "timestamp_ms": "TIMESTAMP_MS", "timestamp_ns": "TIMESTAMP_NS",
    "timestamptz": "TIMESTAMP WITH TIME ZONE", "interval": "INTERVAL", "varchar": "VARCHAR", "blob": "BLOB",
    "json": "JSON", "uuid": "UUID",
}  # fmt: skip
"""DuckDB's types by DuckLake's."""


class VersionColumn(NamedTuple):
    """A column with the id of its values in the files, which stays when the column is renamed."""

    id: int
    name: str
    type: str
    default: str | None
    """The value in rows that were written before the column was added."""


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """The rows of a table's version. ``evolved`` tables have other columns than at first."""

    columns: tuple[VersionColumn, ...]
    files: tuple[str, ...]
    """Paths, or the names that ``opened`` returned."""
    evolved: bool = False
    version: int = 0
    """The number of a product's version."""

    def opened(self, files: SealedFiles, name: str) -> VersionFiles:
        """A copy whose files are open descriptors, under names that begin with ``name``. Raises OSError."""
        return replace(self, files=tuple(files.add(file, f"{name}/{n}") for n, file in enumerate(self.files)))

    def here(self, location: LakeLocation, folder: Path) -> VersionFiles:
        """The same with files of this machine; those of servers are copied into ``folder``. Raises
        OSError."""
        return replace(self, files=tuple(_copy(location, file, folder) for file in self.files))

    @property
    def query(self) -> str:
        """SQL that reads the rows."""
        typed = ", ".join(f"CAST({quoted(c.name)} AS {c.type}) AS {quoted(c.name)}" for c in self.columns)
        if not self.files:
            nothing = ", ".join(f"CAST(NULL AS {c.type}) AS {quoted(c.name)}" for c in self.columns)
            return f"SELECT {nothing} LIMIT 0"
        read = ", ".join(map(literal, self.files))
        # Only for evolved tables: mapping columns by id makes scans 1.7 times slower.
        fields = ", ".join(
            f"{c.id:d}: {{name: {literal(c.name)}, type: {literal(c.type)},"
            f" default_value: {literal(c.default) if c.default is not None else 'NULL'}}}"
            for c in self.columns
        )
        by_id = f", schema = MAP {{{fields}}}" if self.evolved else ""
        return f"SELECT {typed} FROM read_parquet([{read}]{by_id}, hive_partitioning = false)"


def version_files(
    connection: Catalog, lake: str, schema: str, table: str, version: int, copies: Path | None
) -> VersionFiles:
    """The files and columns of a table's version, from its catalog.

    A version that cannot be read from its files alone is copied into the folder ``copies``: one with
    deletions, since a filter would also be evaluated for deleted rows, or with changed nested columns. Raises
    LakeNeeded if that needs the attached lake, duckdb.Error, and PermissionError if ``copies`` is None but
    needed.
    """
    named = f"s.schema_name = {literal(schema)} AND t.table_name = {literal(table)}"
    found = f"FROM {tables_in(lake)} AND {named} AND {alive('s', version)} AND {alive('t', version)}"
    rows = connection.execute(
        "SELECT c.column_id, c.column_name, c.column_type, c.parent_column, c.initial_default,"
        f" {alive('c', version)}, c.begin_snapshot > t.begin_snapshot OR c.end_snapshot IS NOT NULL {found}"
        f" JOIN {catalog_of(lake)}.ducklake_column c ON c.table_id = t.table_id ORDER BY c.column_order"
    ).fetchall()
    evolved = any(changed for *_, changed in rows)
    nested = any(parent is not None for _, _, _, parent, *_ in rows)
    tree: dict[int | None, list[VersionColumn]] = {}
    for id, name, kind, parent, default, now, _ in rows:
        if now:
            tree.setdefault(parent, []).append(VersionColumn(id, name, kind, default))
    columns = [c._replace(type=_type(c, tree)) for c in tree.get(None, ())]
    [files] = files_of(connection, lake, [(schema, table, version)])
    unreadable = files is None or (evolved and nested) or any(file.deletions for file in files)
    if unreadable or not all(c.type for c in columns) or _beyond_files(connection, lake, found, version):
        if not isinstance(connection, duckdb.DuckDBPyConnection):
            raise LakeNeeded
        relation = at_version(f"{quoted(lake)}.{quoted(schema)}.{quoted(table)}", version)
        return copied(connection, relation, copies)
    return VersionFiles(tuple(columns), tuple(str(file.path) for file in files or ()), evolved)


def _type(column: VersionColumn, tree: Mapping[int | None, Sequence[VersionColumn]]) -> str:
    """DuckDB's type of a column by DuckLake's; empty if it is not known."""
    inner = [(quoted(child.name), _type(child, tree)) for child in tree.get(column.id, ())]
    if not all(kind for _, kind in inner):
        return ""
    match column.type, inner:
        case "list", [(_, kind)]:
            return f"{kind}[]"
        case "map", [(_, key), (_, value)]:
            return f"MAP({key}, {value})"
        case "struct", [_, *_]:
            return f"STRUCT({', '.join(map(' '.join, inner))})"
    return _TYPES.get(column.type) or column.type * column.type.startswith("decimal(")


def _beyond_files(connection: Catalog, lake: str, found: str, version: int) -> bool:
    """Whether a version has rows in the catalog, files with names of columns in place of ids, or files that
    were merged with rows of later versions."""
    whole = {"inlined_data_tables": "", "column_mapping": ""}
    merged = {"data_file": f" AND {alive('x', version)} AND x.partial_max > {version:d}"}
    asked = (
        f"SELECT 1 FROM {catalog_of(lake)}.ducklake_{table} x"
        f" WHERE x.table_id IN (SELECT t.table_id {found}){only}"
        for table, only in (whole | merged).items()
    )
    return bool(connection.execute(" UNION ALL ".join(asked)).fetchall())


def product_files(
    location: LakeLocation, connection: Catalog, product: DataProduct, copies: Path | None, version: int
) -> VersionFiles:
    """``version_files`` of a published version. A view over a product is copied: that product's files have
    columns and rows that an engine of the view's readers may not open. Raises LakeError L004 for a damaged
    file."""
    [(_, _, facts)] = stamps(connection, product.lake, product.id, version=version)
    whole_files(location, connection, product, version)
    view = ("products", product.name, version)  # no table, so it is copied
    behind = view if VIEW_OF in facts else table_behind(product.name, version, facts)
    rows = version_files(connection, product.lake, *behind, copies)
    return replace(rows, version=version)


def _copy(location: LakeLocation, file: str, folder: Path) -> str:
    if "://" not in file:
        return file
    copy = folder / f"{uuid.uuid4().hex}.parquet"
    with closing(location.open(file)) as source, copy.open("wb") as target:
        for start in range(0, source.size, _PART):
            target.write(source.read(start, min(_PART, source.size - start)))
    return str(copy)


def copied(connection: duckdb.DuckDBPyConnection, relation: str, folder: Path | None) -> VersionFiles:
    """A relation copied to a file of its own. Raises duckdb.Error, PermissionError."""
    if folder is None:
        raise PermissionError(errno.EACCES, "permission denied to copy a version")
    file = folder / f"{len(list(folder.iterdir()))}.parquet"
    connection.execute(f"COPY (FROM {relation}) TO {literal(str(file))} (FORMAT parquet)")
    types = describe(connection, f"FROM {relation}")
    return VersionFiles(
        tuple(VersionColumn(0, name, kind, None) for name, kind in types.items()), (str(file),)
    )
