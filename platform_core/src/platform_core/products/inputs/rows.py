"""The three origins of an input's rows: the lake, made-up rows of a test, and no rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import Window, function_window, window_read
from platform_core.diagnostics import Place
from platform_core.lake.location import table_of
from platform_core.lake.partition_filter import window_predicate
from platform_core.lake.reading import at_version, insertions
from platform_core.products.batch import Delivered
from platform_core.products.inputs.inbox import batches
from platform_core.products.inputs.resolve import BoundInput
from platform_core.registry.typed_names import require_known
from platform_core.sources.source import Source
from platform_core.sources.staging import Staging
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe, duckdb_type

Types = Mapping[str, str]
"""Columns and their DuckDB types."""
NotTabular = Path | list[Delivered]
"""A file that is not a table, or the batches of an inbox."""


@dataclass(frozen=True)
class LakeRows:
    """Published rows at pinned versions, of the partitions that a run of ``consumer`` reads."""

    connection: duckdb.DuckDBPyConnection
    consumer: DataProduct
    window: Window | None = None
    staging: Staging | None = None
    """The run's staging, for a function with staged sources."""

    @property
    def shown_window(self) -> Window | None:
        """The window of the run as the function gets it."""
        return function_window(self.consumer.partitions, self.window.keys) if self.window else None

    def of_product(self, name: str, bound: BoundInput) -> str:
        producer, wanted = bound.product, bound.declared.partitions
        relation = self.relation(name, bound)
        read = window_read(self.consumer.partitions, wanted, producer.partitions, self.window)
        return relation if read is None else self._within(relation, producer, read)

    def relation(self, name: str, bound: BoundInput) -> str:
        """All partitions of an input."""
        relation, version = table_of(bound.product), bound.version
        if version is not None and bound.since is not None:
            return insertions(bound.product, bound.since, version)
        return relation if version is None else at_version(relation, version)

    def of_source(self, name: str, source: Source, columns: Types | None) -> str | NotTabular:
        if source.inbox:
            return batches(source, name)
        if self.staging is not None and name in self.staging.orders:
            found = self.staged(name, source, self.staging)
            if isinstance(found, Path) or columns is not None:
                return found  # of the window alone
            relation = found
        elif not source.tabular:
            return source.locate()
        else:
            relation = f"({self.file(name, source)})"
        grid = self.consumer.partitions
        if self.window is None or grid is None or source.time_column is None:
            return relation
        # The file has the consumer's partitions, by its own column.
        on_file = replace(self.consumer, partitions=replace(grid, column=source.time_column))
        return self._within(relation, on_file, self.window)

    def file(self, name: str, source: Source) -> str:
        """SQL that reads all rows of a file."""
        return source.query()

    def staged(self, name: str, source: Source, staging: Staging) -> str | Path:
        """A staged source: without rows until the columns that the function's SQL uses are known."""
        columns = staging.orders[name].columns
        if columns is not None and source.tabular:
            return typed(columns)
        staging.read()
        return f"({staging.query(name)})" if source.tabular else Path(staging.orders[name].out)

    def _within(self, relation: str, product: DataProduct, window: Window) -> str:
        types = describe(self.connection, f"FROM {relation}")
        return f"(FROM {relation} WHERE {window_predicate(product, types, window)})"


@dataclass(frozen=True)
class NoRows:
    """No rows, with the types of contracts and files. Files are opened, lakes are not."""

    shown_window: Window | None = None

    def of_product(self, name: str, bound: BoundInput) -> str:
        return no_rows(bound.product)

    def of_source(self, name: str, source: Source, columns: Types | None) -> str | NotTabular:
        if columns is not None and source.tabular:
            return typed(columns)
        if source.inbox:
            return [replace(batch, query=f"{batch.query} LIMIT 0") for batch in batches(source, name)]
        return f"({source.query()} LIMIT 0)" if source.tabular else source.locate()


@dataclass(frozen=True)
class MadeUpRows:
    """Made-up rows by input; missing inputs are empty.

    Each input is a list of dicts or a data frame, with the types of its contract; a list also takes the
    types of the source's file. An inbox is a dict of these by batch id, with the types of the first row.
    """

    connection: duckdb.DuckDBPyConnection
    given: Mapping[str, Any]
    place: Place
    shown_window: Window | None = None

    def of_product(self, name: str, bound: BoundInput) -> str:
        return self._filled(name, self.given.get(name), no_rows(bound.product))

    def of_source(self, name: str, source: Source, columns: Types | None) -> str | NotTabular:
        given = self.given.get(name)
        if source.inbox:
            for id, rows in (given or {}).items():
                self._filled(f"{name}_{id}", rows)
            return [Delivered.of(id, f"__{name}_{id}") for id in given or {}]
        if isinstance(given, Path) or not source.tabular:
            return given if isinstance(given, Path) else source.locate()
        typed_by_file = given is None or isinstance(given, Sequence)
        like = typed(columns) if columns is not None else None
        return self._filled(name, given, (like or f"({source.query()})") if typed_by_file else None)

    def _filled(self, name: str, given: Any, like: str | None = None) -> str:
        return filled(self.connection, name, () if given is None else given, like, self.place)


Rows = LakeRows | NoRows | MadeUpRows
"""The rows of a function's inputs. Tabular ones are SQL that can follow FROM."""


def filled(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    rows: Any,
    like: str | None = None,
    place: Place | None = None,
) -> str:
    """A table with rows, in the columns and types of ``like`` or their own; missing values are NULL.
    Raises UsageError U011 for an unknown column."""
    table = quoted(f"__{name}")
    if not isinstance(rows, Sequence):
        if like is None:
            connection.register(f"__{name}", rows)
            return table
        connection.execute(f"CREATE TEMP TABLE {table} AS FROM {like} LIMIT 0")
        connection.register("__given", rows)
        connection.execute(f"INSERT INTO {table} BY NAME FROM __given")
        connection.unregister("__given")
        return table
    values = [] if like is not None else list(rows[0].values())
    like = like or f"(SELECT {', '.join(f'? AS {quoted(column)}' for column in rows[0])})"
    connection.execute(f"CREATE TEMP TABLE {table} AS FROM {like} LIMIT 0", values)
    known = [column[0] for column in connection.execute(f"DESCRIBE {table}").fetchall()]
    for row in rows:
        require_known("column", row, known, f'the input "{name}"', place)
        columns, marks = ", ".join(map(quoted, row)), ", ".join("?" for _ in row)
        connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))
    return table


def no_rows(product: DataProduct) -> str:
    """A product's columns in the types of its contract, without rows."""
    return typed({column.name: duckdb_type(column) for column in product.columns})


def typed(types: Mapping[str, str]) -> str:
    """Columns of DuckDB types, without rows."""
    values = ", ".join(f"NULL::{kind} AS {quoted(name)}" for name, kind in types.items())
    return f"(SELECT {values} LIMIT 0)"
