"""The columns that a product's factory uses and yields, from its SQL alone: no data, no lake, no run."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import function_window
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import DefinitionError, Diagnostic, Place, PlatformError, SourceError
from platform_core.lake.publication.column_fit import fitted
from platform_core.products.batch import first_rows
from platform_core.products.declare import ProductFunction
from platform_core.products.inputs.bind import bind, in_memory
from platform_core.products.inputs.inbox import files_of
from platform_core.products.inputs.resolve import BoundInput
from platform_core.products.inputs.rows import NoRows, no_rows
from platform_core.products.result import inputs_read
from platform_core.products.table import RowsNotShown, Table
from platform_core.quality.query_checks import other_type
from platform_core.sql.allowed import NotAllowed, require_one_select
from platform_core.sql.columns import columns_used
from platform_core.sql.names import UnknownColumn
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe

MOST_COLUMNS: Final = 2000
"""Where the search for columns that no table has gives up."""


@dataclass(frozen=True)
class Columns:
    """``used`` by the name of the table in the SQL; what is not in it is not known."""

    used: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    produced: tuple[str, ...] | None = None
    contradicts: tuple[str, ...] = ()
    """Columns of another type than the contract's, in words."""
    faults: tuple[Diagnostic, ...] = ()


def of_function(
    function: ProductFunction,
    inputs: Mapping[str, DataProduct],
    domain: str,
    promised: DataProduct | None = None,
) -> Columns:
    """What a function's SQL uses of its inputs, by calling it with tables that hold nothing.

    It is called only where it says that it returns SQL: by its annotation, or by reading an input
    whose columns it does not declare. Of a stream, the first batch stands for all.
    """
    declared = {name: read.columns for name, read in function.products.items()}
    returns = inspect.signature(function.function).return_annotation
    sql_expected = returns in (str, "str") or "Batch" in str(returns) or None in declared.values()
    window = function_window(promised.partitions) if promised else None
    if function.windowed and window is None:
        return Columns()
    if not sql_expected or not all(source.tabular for source in function.sources.values()):
        return Columns()
    bound = {
        # That a product lacks a column which is declared is for governance to say (G306).
        name: BoundInput(replace(function.products[name], columns=_known(declared[name], product)), product)
        for name, product in inputs.items()
    }
    with in_memory(files_of(function.sources.values())) as connection:
        try:
            arguments = bind(connection, function, bound, NoRows(window))
        except (SourceError, duckdb.Error):
            # Of a file that is not here, as in a checkout without data, the columns are not known.
            return Columns()
        except DefinitionError as error:
            return Columns(faults=error.diagnostics)
        try:
            named = {
                name: replace(table, engine=None) if isinstance(table, Table) else table
                for name, table in arguments.items()
            }
            sql = first_rows(function(**named), ProductId.of(domain, function.name), function.place)
        except RowsNotShown:
            return Columns()
        except PlatformError as error:
            return Columns(faults=error.diagnostics)
        except Exception as error:  # noqa: BLE001 - the function is a domain's code; what it raises is told
            return Columns(faults=(_fails(function, domain, error),))
        if not isinstance(sql, str):
            return Columns()
        try:
            inputs_read(connection, sql, arguments, ProductId.of(domain, function.name), function.place)
        except PlatformError as error:
            return Columns(faults=error.diagnostics)
        shown = {name: table.columns for name, table in arguments.items() if isinstance(table, Table)}
        sources = {name: shown.pop(name) for name in function.sources}
        products = {name: declared[name] or columns for name, columns in shown.items()}
        return _of_sql(connection, sql, products, sources, function.place, promised)


def of_model(
    sql: str | None, inputs: Mapping[str, DataProduct], place: Place, promised: DataProduct | None = None
) -> Columns:
    """The same for the SQL of a dbt model; ``inputs`` by their names in it, ``sales.stores``."""
    if sql is None:
        return Columns()
    shown = {name: tuple(column.name for column in product.columns) for name, product in inputs.items()}
    with in_memory() as connection:
        for product in inputs.values():
            schema, name = quoted(product.domain), quoted(product.name)
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            connection.execute(f"CREATE VIEW {schema}.{name} AS FROM {no_rows(product)}")
        return _of_sql(connection, sql, shown, {}, place, promised)


def _known(columns: tuple[str, ...] | None, product: DataProduct) -> tuple[str, ...] | None:
    return columns and tuple(name for name in columns if product.column(name) is not None)


def _of_sql(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    products: Mapping[str, tuple[str, ...]],
    sources: Mapping[str, tuple[str, ...]],
    place: Place,
    promised: DataProduct | None,
) -> Columns:
    try:
        used = _used(sql, products, sources, place)
        types = _produced(connection, sql, promised)
    except PlatformError as error:
        return Columns(faults=error.diagnostics)
    known = {name: used[name] for name in products}
    if types is None:
        return Columns(known)
    wrong = (
        f'"{column.name}" as {types[column.name]} instead of {wanted}'
        for column in (promised.columns if promised else ())
        if column.name in types and (wanted := other_type(column, types[column.name]))
    )
    return Columns(known, tuple(types), tuple(wrong))


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


def _produced(
    connection: duckdb.DuckDBPyConnection, sql: str, promised: DataProduct | None
) -> dict[str, str] | None:
    """The query's columns with the types that a lake would have; None where DuckDB cannot tell, since a
    function is missing, say."""
    try:
        require_one_select(sql)
        return fitted(connection, promised, sql).types if promised else describe(connection, sql)
    except (NotAllowed, duckdb.Error):
        return None


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
