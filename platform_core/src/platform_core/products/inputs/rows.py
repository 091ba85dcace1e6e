"""The three sources of an input's rows: the lake, rows that a test makes up, and none at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from platform_core.contracts.model import DataProduct
from platform_core.contracts.windows import Window, window_read
from platform_core.errors import Diagnostic, Place, UsageError
from platform_core.products.batch import Batch
from platform_core.products.inbox import deliveries
from platform_core.products.inputs.resolve import BoundInput
from platform_core.products.source import Source
from platform_core.sql.quoting import quoted
from platform_core.sql.types import duckdb_type
from platform_core.words import did_you_mean, listed

if TYPE_CHECKING:
    import duckdb

NotTabular = Path | list[Batch]
"""A file that is no table, or the batches of an inbox."""


class Rows(Protocol):
    """A source of rows. What is tabular is SQL that may stand after FROM."""

    def of_product(self, name: str, bound: BoundInput) -> str:
        """All columns of a product that is read under a name."""

    def of_source(self, name: str, source: Source) -> str | NotTabular:
        """A source that is read under a name.

        Raises:
            SourceError: the file or the inbox is missing.
        """


@dataclass(frozen=True)
class LakeRows:
    """What is published: at pinned versions, of the partitions that a run of ``consumer`` reads."""

    connection: duckdb.DuckDBPyConnection
    consumer: DataProduct
    window: Window | None = None

    def of_product(self, name: str, bound: BoundInput) -> str:
        from platform_core.lake.location import table_of
        from platform_core.lake.reading import at_version, insertions

        producer, version = bound.product, bound.version
        relation = table_of(producer)
        if version is not None:
            relation = (
                at_version(relation, version)
                if bound.since is None
                else insertions(producer, bound.since, version)
            )
        read = window_read(
            self.consumer.partitions, bound.declared.partitions, producer.partitions, self.window
        )
        return relation if read is None else self._within(relation, producer, read)

    def of_source(self, name: str, source: Source) -> str | NotTabular:
        if source.inbox:
            return [delivery.batch() for delivery in deliveries(source).values()]
        if not source.tabular:
            return source.locate()
        relation, grid = f"({source.query()})", self.consumer.partitions
        if self.window is None or grid is None or source.time_column is None:
            return relation
        # The file has the consumer's grid, though perhaps under another column.
        on_file = replace(self.consumer, partitions=replace(grid, column=source.time_column))
        return self._within(relation, on_file, self.window)

    def _within(self, relation: str, product: DataProduct, window: Window) -> str:
        from platform_core.lake.window import window_predicate
        from platform_core.sql.types import describe

        types = describe(self.connection, f"FROM {relation}")
        return f"(FROM {relation} WHERE {window_predicate(product, types, window)})"


@dataclass(frozen=True)
class NoRows:
    """No rows, of the types that contracts and files say. Files are looked at, no lake is."""

    def of_product(self, name: str, bound: BoundInput) -> str:
        return no_rows(bound.product)

    def of_source(self, name: str, source: Source) -> str | NotTabular:
        if source.inbox:
            batches = (delivery.batch() for delivery in deliveries(source).values())
            return [replace(batch, rows=f"SELECT * FROM {batch} LIMIT 0") for batch in batches]
        return f"({source.query()} LIMIT 0)" if source.tabular else source.locate()


@dataclass(frozen=True)
class MadeUpRows:
    """Rows that a test makes up, by input; what is left out is empty.

    Each is a list of dicts or a data frame. They have the types of the contract, a list also those of a
    file that it stands for. An inbox is a dict of these by batch id, with the types of the first row.
    """

    connection: duckdb.DuckDBPyConnection
    given: Mapping[str, Any]
    place: Place

    def of_product(self, name: str, bound: BoundInput) -> str:
        return filled(self.connection, name, no_rows(bound.product), self.given.get(name, ()), self.place)

    def of_source(self, name: str, source: Source) -> str | NotTabular:
        given = self.given.get(name)
        if source.inbox:
            batches = enumerate((given or {}).items())
            made = [(id, self._as_given(f"{name}_{number}", rows)) for number, (id, rows) in batches]
            return [Batch(id, f"SELECT * FROM {table}") for id, table in made]
        if isinstance(given, Path) or not source.tabular:
            return given if isinstance(given, Path) else source.locate()
        if isinstance(given, Sequence) or given is None:
            return filled(self.connection, name, f"({source.query()})", given or (), self.place)
        return self._as_given(name, given)

    def _as_given(self, name: str, rows: Any) -> str:
        if isinstance(rows, Sequence):
            first = ", ".join(f"? AS {quoted(column)}" for column in rows[0])
            return filled(self.connection, name, f"(SELECT {first})", rows, self.place, rows[0].values())
        self.connection.register(f"__{name}", rows)
        return quoted(f"__{name}")


def filled(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    like: str,
    rows: Any,
    place: Place | None = None,
    parameters: Iterable[Any] = (),
) -> str:
    """A table that holds ``rows`` in the columns and types of ``like``; columns left out are NULL.

    Raises:
        UsageError: U011 for a column that it does not have.
    """
    table = quoted(f"__{name}")
    connection.execute(f"CREATE TEMP TABLE {table} AS FROM {like} LIMIT 0", list(parameters))
    if not isinstance(rows, Sequence):
        connection.register("__given", rows)
        connection.execute(f"INSERT INTO {table} BY NAME FROM __given")
        connection.unregister("__given")
        return table
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
    """Columns of some DuckDB types, without rows."""
    values = ", ".join(f"NULL::{kind} AS {quoted(name)}" for name, kind in types.items())
    return f"(SELECT {values} LIMIT 0)"


def require_known(
    what: str, given: Iterable[str], known: Sequence[str], whose: str, place: Place | None
) -> None:
    """Raise UsageError U011 for a name that does not exist."""
    for name in given:
        if name not in known:
            raise UsageError(
                Diagnostic(
                    "U011",
                    f'{whose} has no {what} "{name}"',
                    place,
                    expected=f"{what}s: {listed(known) or 'none'}",
                    fix=did_you_mean(name, known),
                )
            )
