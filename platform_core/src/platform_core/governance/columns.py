"""The columns that a product's factory uses and yields, from its SQL alone: no data, no lake, no run."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final, NoReturn

from platform_core.contracts.model import DataProduct
from platform_core.errors import Diagnostic, Place, PlatformError, SourceError
from platform_core.product_id import ProductId
from platform_core.products.batch import first_rows
from platform_core.products.declare import ProductFunction
from platform_core.products.source import Source
from platform_core.products.table import Table
from platform_core.sql.columns import columns_used
from platform_core.sql.names import UnknownColumn
from platform_core.sql.quoting import quoted
from platform_core.sql.types import duckdb_type

MOST_COLUMNS: Final = 2000
"""Where the search for columns that no table has gives up."""


@dataclass(frozen=True)
class Columns:
    """``used`` by the name of the table in the SQL; what is not in it is not known."""

    used: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    produced: tuple[str, ...] | None = None
    faults: tuple[Diagnostic, ...] = ()


class _TakesData(Exception):
    """The function reads its input, instead of only naming it in SQL."""


class _Named(Table):
    """An input that has a name and columns but no rows."""

    def relation(self) -> NoReturn:
        if not self.frames:
            super().relation()
        raise _TakesData


def of_function(function: ProductFunction, inputs: Mapping[str, DataProduct], domain: str) -> Columns:
    """What a function's SQL uses of its inputs, by calling it with tables that hold nothing.

    It is called only where it says that it returns SQL: by its annotation, or by reading an input
    whose columns it does not declare. Of a stream, the first batch stands for all.
    """
    declared = {name: read.columns for name, read in function.products.items()}
    returns = inspect.signature(function.function).return_annotation
    sql_expected = returns in (str, "str") or "Batch" in str(returns) or None in declared.values()
    sources = function.sources
    if not sql_expected or not all(source.tabular for source in sources.values()):
        return Columns()
    shown = {
        name: tuple(declared[name] or (column.name for column in product.columns))
        for name, product in inputs.items()
    }
    try:
        source_columns = {name: _columns_of(source) for name, source in sources.items()}
    except SourceError:
        # The file is not here, as in a checkout without data; what the SQL makes of it is not known.
        return Columns()
    arguments: dict[str, Table] = {
        name: _Named(
            name, read.product, shown.get(name, ()), frames=read.columns is not None, place=function.place
        )
        for name, read in function.products.items()
    }
    arguments |= {name: _Named(name, sources[name].name, columns) for name, columns in source_columns.items()}
    try:
        sql = first_rows(function(**arguments), ProductId.of(domain, function.name), function.place)
    except _TakesData:
        return Columns()
    except PlatformError as error:
        return Columns(faults=error.diagnostics)
    except Exception as error:  # noqa: BLE001 - the function is a domain's code; what it raises is told
        return Columns(faults=(_fails(function, domain, error),))
    if not isinstance(sql, str):
        return Columns()
    views = {quoted(name): _empty(product, shown[name]) for name, product in inputs.items()}
    views |= {quoted(name): f"{source.query()} LIMIT 0" for name, source in sources.items()}
    return _of_sql(sql, shown, source_columns, views, function.place)


def of_model(sql: str | None, inputs: Mapping[str, DataProduct], place: Place) -> Columns:
    """The same for the SQL of a dbt model; ``inputs`` by their names in it, ``sales.stores``."""
    if sql is None:
        return Columns()
    shown = {name: tuple(column.name for column in product.columns) for name, product in inputs.items()}
    views = {
        f"{quoted(product.domain)}.{quoted(product.name)}": _empty(product, shown[name])
        for name, product in inputs.items()
    }
    return _of_sql(sql, shown, {}, views, place)


def _of_sql(
    sql: str,
    products: Mapping[str, tuple[str, ...]],
    sources: Mapping[str, tuple[str, ...]],
    views: Mapping[str, str],
    place: Place,
) -> Columns:
    try:
        used = _used(sql, products, sources, place)
    except PlatformError as error:
        return Columns(faults=error.diagnostics)
    return Columns({name: used[name] for name in products}, _produced(sql, views))


def _used(
    sql: str,
    products: Mapping[str, tuple[str, ...]],
    sources: Mapping[str, tuple[str, ...]],
    place: Place,
) -> dict[str, tuple[str, ...]]:
    """The columns used, with those that a product does not have: that is for governance to say (G306)."""
    tables = {**products, **sources}
    while True:
        try:
            return columns_used(sql, tables, place=place)
        except UnknownColumn as unknown:
            for name in products:
                wider = tables | {name: (*tables[name], unknown.column)}
                try:
                    return columns_used(sql, wider, place=place)
                except UnknownColumn as other:
                    if other.diagnostics != unknown.diagnostics and len(wider[name]) < MOST_COLUMNS:
                        tables = wider
                        break
            else:
                raise


def _produced(sql: str, views: Mapping[str, str]) -> tuple[str, ...] | None:
    """The names of the query's columns; None where DuckDB cannot tell, since a function is missing, say."""
    import duckdb

    with closing(duckdb.connect()) as connection:
        try:
            for name, query in views.items():
                schema, dot, _ = name.rpartition(".")
                if dot:
                    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                connection.execute(f"CREATE VIEW {name} AS {query}")
            return tuple(row[0] for row in connection.execute(f"DESCRIBE {sql}").fetchall())
        except duckdb.Error:
            return None


def _columns_of(source: Source) -> tuple[str, ...]:
    import duckdb

    with closing(duckdb.connect()) as connection:
        rows = connection.execute(f"DESCRIBE {source.query()}").fetchall()
    return tuple(row[0] for row in rows)


def _empty(product: DataProduct, columns: Sequence[str]) -> str:
    """A query with some columns of a product, in their types, and no rows."""
    types = {column.name: duckdb_type(column) for column in product.columns}
    values = ", ".join(f"NULL::{types[name]} AS {quoted(name)}" for name in columns if name in types)
    return f"SELECT {values or '1'} LIMIT 0"


def _fails(function: ProductFunction, domain: str, error: Exception) -> Diagnostic:
    return Diagnostic(
        "D024",
        f"the function of {domain}/{function.name} fails before it returns its SQL: "
        f"{type(error).__name__}: {error}",
        function.place,
        expected="SQL, from the names of the inputs alone",
        fix=f"mend it; `mesh check {domain}/{function.name}` shows more",
        severity="warning",
    )
