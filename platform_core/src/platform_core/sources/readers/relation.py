"""Tables that DuckDB itself can open, as staged Parquet files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from platform_core.diagnostics import LakeError, Place, SourceError
from platform_core.lake.engine import extension_path
from platform_core.sources.order import Order
from platform_core.sources.source import Source
from platform_core.sql.engine import lock_down
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.types import describe

_LOST_IN_PARQUET: Final = re.compile(r"U?HUGEINT|INTERVAL|TIME WITH TIME ZONE")
"""Types that Parquet has not: large numbers become a DOUBLE, zones and microseconds are dropped."""


@contextmanager
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that loads nothing by itself, in the time zone of lakes."""
    with duckdb.connect(config={"allow_persistent_secrets": "false"}) as connection:
        connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def load(connection: duckdb.DuckDBPyConnection, extension: str, extra: str, source: str) -> None:
    """Load an extension. Raises SourceError S021, which names the extra, if it is not installed."""
    try:
        path = extension_path(extension)
    except LakeError:
        raise missing_extra(extra, source) from None
    connection.execute(f"LOAD {literal(str(path))}")


def missing_extra(extra: str, source: str, place: Place | None = None) -> SourceError:
    """The error for a source, or a function, whose extra is not installed in the domain's environment."""
    message = f"{source} needs platform-core[{extra}], which is not installed"
    expected = f'dependencies = ["platform-core[{extra}]"] in the domain\'s pyproject.toml'
    return SourceError.of("S021", message, place, expected, "Add the extra, then run `make lock setup`.")


def limit(connection: duckdb.DuckDBPyConnection, orders: Iterable[Order], *folders: Path) -> None:
    """Let a connection read only these folders and those that the orders are written to: a view, or the
    metadata of a table, could name any other file."""
    lock_down(connection, folders=[*folders, *(Path(order.out).parent for order in orders if order.out)])


@dataclass(frozen=True)
class RelationReader:
    """Reads what ``relation`` names on a connection."""

    connection: duckdb.DuckDBPyConnection
    relation: Callable[[Order], str]
    version: int | None = None

    def types(self, order: Order) -> dict[str, str]:
        with reading(order):
            found = describe(self.connection, f"FROM {self.relation(order)}")
        return {name: "VARCHAR" if kind.startswith("ENUM") else kind for name, kind in found.items()}

    def write(self, order: Order, columns: Mapping[str, str]) -> int:
        return self.copy(order, columns, self.relation(order) + within(order))

    def copy(self, order: Order, columns: Mapping[str, str], relation: str) -> int:
        items = ", ".join(_stored(order, name, kind) for name, kind in columns.items())
        query = f"COPY (SELECT {items} FROM {relation}) TO {literal(order.out)} (FORMAT parquet)"
        with reading(order):
            [(rows,)] = self.connection.execute(query).fetchall()
        return int(rows)

    def newest(self, order: Order, column: str) -> str | None:
        query = f"SELECT max({quoted(column)})::VARCHAR FROM {self.relation(order)}"
        with reading(order):
            [(value,)] = self.connection.execute(query).fetchall()
        return None if value is None else str(value)


def table_name(order: Order, schema: str = "public") -> str:
    """The quoted name of a table, with the schema that it is in by default."""
    named, _, table = order.source.table.rpartition(".")
    return f"{quoted(named or schema)}.{quoted(table)}"


def within(order: Order) -> str:
    """The clause WHERE of the order's range; each engine reads the texts as values of the column's type."""
    part = order.range
    if part is None:
        return ""
    column = quoted(part.column)
    return f" WHERE {column} >= {literal(part.start)} AND {column} < {literal(part.end)}"


def _stored(order: Order, name: str, kind: str) -> str:
    """SQL for a column as it is written: as text where Parquet would change it, which reading converts
    back."""
    value = f"{quoted(name)}::{kind}"
    if _LOST_IN_PARQUET.fullmatch(kind):
        value = f"{value}::VARCHAR"
    elif _LOST_IN_PARQUET.search(kind):
        column = f"the column {name} of the source {order.source.name}"
        fix = "Make a view that casts it, or leave the column out of the declared ones."
        message = f"{column} has the type {kind}, which Parquet has not"
        raise SourceError.of("S024", message, None, "a type that a Parquet file keeps", fix)
    return f"{value} AS {quoted(name)}"


@contextmanager
def reading(order: Order) -> Iterator[None]:
    """Raise errors about the table as SourceError: S023 if it is missing, S025 for any other."""
    try:
        yield
    except duckdb.Error as error:
        if isinstance(error, duckdb.CatalogException) or re.search("ERROR: .* does not exist", str(error)):
            raise no_table(order.source) from None
        raise broken_off(order.source, reason(error)) from None


def broken_off(source: Source, words: str) -> SourceError:
    """S025 for a source that cannot be read to its end."""
    message = f"reading the source {source.name} broke off: {words}"
    fix = "Correct the source, then run it again. The published version is unchanged."
    return SourceError.of("S025", message, None, "a table that can be read whole", fix)


def no_table(source: Source) -> SourceError:
    return missing(source, f"has no table {source.table}", f"the table {source.table}")


def missing(source: Source, message: str, expected: str) -> SourceError:
    """S023 for a source that is not there, or is something else."""
    fix = "Correct the source, or ask its owner where it is now."
    return SourceError.of("S023", f"the source {source.name} {message}", None, expected, fix)


def unreachable(source: Source, error: Exception, expected: str, fix: str) -> SourceError:
    """S022 for a database that cannot be opened."""
    message = f"the database of the source {source.name} cannot be reached: {reason(error)}"
    return SourceError.of("S022", message, None, expected, fix)


def reason(error: Exception) -> str:
    """The words of the server or the engine, without the position in our SQL."""
    text = " ".join(str(error).partition("\n\nLINE ")[0].split())
    return re.sub(r"^(?:.*?(?=(?:FATAL|ERROR|PANIC): )|\w+(?: \w+)* Error: )", "", text).rstrip(".")
