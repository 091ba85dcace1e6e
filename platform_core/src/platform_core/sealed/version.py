"""A published version as files and columns, for an engine without the lake."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.lake.damage import whole_files
from platform_core.lake.reading import at_version
from platform_core.lake.versions import alive, catalog_of, files_of, stamps, table_behind, tables_in
from platform_core.sealed.files import SealedFiles
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.types import describe


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

    def opened(self, files: SealedFiles, name: str) -> VersionFiles:
        """A copy whose files are open descriptors, under names that begin with ``name``. Raises OSError."""
        return replace(self, files=tuple(files.add(file, f"{name}/{n}") for n, file in enumerate(self.files)))

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
    connection: duckdb.DuckDBPyConnection,
    lake: str,
    schema: str,
    table: str,
    version: int,
    copies: Path | None,
) -> VersionFiles:
    """The files and columns of a table's version, from its attached lake.

    A version with deletions or with changed nested columns cannot be read from its files alone, so it is
    copied into the folder ``copies``. Raises duckdb.Error, and PermissionError if ``copies`` is None but
    needed.
    """
    relation = at_version(f"{quoted(lake)}.{quoted(schema)}.{quoted(table)}", version)
    types = describe(connection, f"FROM {relation}")
    catalog = catalog_of(lake)
    rows = connection.execute(
        "SELECT c.column_id, c.column_name, c.initial_default, c.parent_column IS NULL,"
        f" {alive('c', version)}, c.begin_snapshot > t.begin_snapshot OR c.end_snapshot IS NOT NULL,"
        f" EXISTS (FROM {catalog}.ducklake_inlined_data_tables i WHERE i.table_id = t.table_id)"
        f" OR EXISTS (FROM {catalog}.ducklake_column_mapping m WHERE m.table_id = t.table_id)"
        f" FROM {tables_in(lake)} AND {alive('s', version)}"
        f" JOIN {catalog}.ducklake_column c ON c.table_id = t.table_id"
        f" WHERE s.schema_name = {literal(schema)} AND t.table_name = {literal(table)}"
        f" AND {alive('t', version)}"
        " ORDER BY c.column_order"
    ).fetchall()
    columns = tuple(
        VersionColumn(id, name, types[name], default)
        for id, name, default, top, now, *_ in rows
        if top and now
    )
    evolved = any(changed for *_, changed, _ in rows)
    unmapped = any(mapped for *_, mapped in rows) or (evolved and not all(top for _, _, _, top, *_ in rows))
    [files] = files_of(connection, lake, [(schema, table, version)])
    if unmapped or any(file.deletions for file in files or ()):
        return copied(connection, relation, copies)
    return VersionFiles(columns, tuple(str(file.path) for file in files or ()), evolved)


def product_files(
    connection: duckdb.DuckDBPyConnection, product: DataProduct, copies: Path | None, version: int
) -> VersionFiles:
    """``version_files`` of a published version. Raises LakeError L004 for a damaged file."""
    [(_, _, facts)] = stamps(connection, product.lake, product.id, version=version)
    whole_files(connection, product, version)
    return version_files(connection, product.lake, *table_behind(product, version, facts), copies)


def copied(connection: duckdb.DuckDBPyConnection, relation: str, folder: Path | None) -> VersionFiles:
    """A relation copied to a file of its own. Raises duckdb.Error, PermissionError."""
    if folder is None:
        raise PermissionError(errno.EACCES, "permission denied to copy a version with deletions")
    file = folder / f"{len(list(folder.iterdir()))}.parquet"
    connection.execute(f"COPY (FROM {relation}) TO {literal(str(file))} (FORMAT parquet)")
    types = describe(connection, f"FROM {relation}")
    return VersionFiles(
        tuple(VersionColumn(0, name, kind, None) for name, kind in types.items()), (str(file),)
    )
