"""The columns that a product's function or model uses and yields, from its SQL without data."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import function_window
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import DefinitionError, Diagnostic, Place, PlatformError, SourceError
from platform_core.fingerprint.made_from import TableShape
from platform_core.lake.publication.column_fit import fitted
from platform_core.products.batch import first_rows
from platform_core.products.declare import Input, ProductFunction
from platform_core.products.inputs.bind import bind, in_memory
from platform_core.products.inputs.inbox import files_of
from platform_core.products.inputs.resolve import BoundInput
from platform_core.products.inputs.rows import NoRows, no_rows
from platform_core.products.inputs.view import require_select
from platform_core.products.result import inputs_read
from platform_core.products.table import RowsNotShown, Table
from platform_core.quality.query_checks import other_type
from platform_core.sql.allowed import NotAllowed, require_one_select
from platform_core.sql.columns import columns_used
from platform_core.sql.names import UnknownColumn
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe, duckdb_type

MOST_COLUMNS: Final = 2000
"""The most columns of a table in the search for unknown columns."""


@dataclass(frozen=True)
class Columns:
    """``used`` by the name of the table in the SQL; the columns of other tables are unknown."""

    used: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    produced: tuple[str, ...] | None = None
    contradicts: tuple[str, ...] = ()
    """Columns of another type than the contract's, in words."""
    faults: tuple[Diagnostic, ...] = ()
    query: str = ""
    """The SQL; empty if it is unknown without rows."""
    tables: tuple[TableShape, ...] = ()
    """The tables of the SQL."""


def of_function(
    function: ProductFunction,
    inputs: Mapping[str, DataProduct],
    domain: str,
    promised: DataProduct | None = None,
) -> Columns:
    """The columns in a function's SQL, which is found by calling the function with empty tables.

    The function is called only if its annotation is ``str`` or ``Batch``, or if it does not declare the
    columns of an input. The first batch of a stream stands for all.
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
        # A declared column that the product lacks is reported by a policy (G306).
        name: BoundInput(replace(function.products[name], columns=_known(declared[name], product)), product)
        for name, product in inputs.items()
    }
    product_id = ProductId.of(domain, function.name)
    with in_memory(files_of(function.sources.values())) as connection:
        try:
            arguments = bind(connection, function, bound, NoRows(window))
            named = {
                name: replace(table, engine=None) if isinstance(table, Table) else table
                for name, table in arguments.items()
            }
        except (SourceError, duckdb.Error):
            # The columns of a missing file, as in a checkout without data, are unknown.
            return Columns()
        except DefinitionError as error:
            return Columns(faults=error.diagnostics)
        try:
            sql = function(**named)
            if promised is not None and promised.kind == "stream" and not function.reads_changes:
                sql = first_rows(sql, product_id, function.place)
        except RowsNotShown:
            return Columns()
        except PlatformError as error:
            return Columns(faults=error.diagnostics)
        except Exception as error:  # noqa: BLE001 - code of a domain may raise anything
            return Columns(faults=(_fails(function, domain, error),))
        if not isinstance(sql, str):
            return Columns()
        shown = {name: table.columns for name, table in arguments.items() if isinstance(table, Table)}
        sources = {name: shown.pop(name) for name in function.sources}
        products = {name: declared[name] or columns for name, columns in shown.items()}
        try:
            if function.view:
                require_select(product_id, sql, function.place)
            inputs_read(connection, sql, arguments, product_id, function.place)
            found = _of_sql(connection, sql, products, sources, function.place, promised)
            return replace(found, query=sql, tables=_tables(connection, function, inputs))
        except PlatformError as error:
            return Columns(faults=error.diagnostics)


def of_model(
    sql: str | None, inputs: Mapping[str, DataProduct], place: Place, promised: DataProduct | None = None
) -> Columns:
    """The same for the SQL of a dbt model; ``inputs`` by their names in it, ``sales.stores``."""
    if sql is None:
        return Columns()
    shown = {name: tuple(column.name for column in product.columns) for name, product in inputs.items()}
    tables = tuple(TableShape(name, product.id, types_of(product)) for name, product in inputs.items())
    with in_memory() as connection:
        for product in inputs.values():
            schema, name = quoted(product.domain), quoted(product.name)
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            connection.execute(f"CREATE VIEW {schema}.{name} AS FROM {no_rows(product)}")
        try:
            return replace(_of_sql(connection, sql, shown, {}, place, promised), query=sql, tables=tables)
        except PlatformError as error:
            return Columns(faults=error.diagnostics)


def types_of(product: DataProduct, columns: Collection[str] | None = None) -> tuple[tuple[str, str], ...]:
    """The columns of a product with their DuckDB types; all, or the declared ones."""
    wanted = (each for each in product.columns if not columns or each.name in columns)
    return tuple((column.name, duckdb_type(column)) for column in wanted)


def shapes(function: ProductFunction, inputs: Mapping[str, DataProduct]) -> tuple[TableShape, ...]:
    """The products that a function reads, as tables."""
    return tuple(
        TableShape(name, product.id, types_of(product, read.columns), _way(read))
        for name, product in inputs.items()
        for read in (function.products[name],)
    )


def _way(read: Input) -> str:
    return " ".join([*([read.partitions] if read.partitions else []), *(["changes"] if read.changes else [])])


def _tables(
    connection: duckdb.DuckDBPyConnection,
    function: ProductFunction,
    inputs: Mapping[str, DataProduct],
) -> tuple[TableShape, ...]:
    sources = (
        TableShape(name, source.name, tuple(types.items()), source.definition, outside=True)
        for name, source in function.sources.items()
        for types in (describe(connection, f"FROM {quoted(name)}"),)
    )
    return (*shapes(function, inputs), *sources)


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
    used = _used(sql, products, sources, place)
    types = _produced(connection, sql, promised)
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
    """The columns used, even if a product does not have them: a policy reports that (G306)."""
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
    """The query's columns with the types of a lake; None where DuckDB cannot bind it, for example for lack of
    a function."""
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
        expected="SQL from the names of the inputs alone",
        fix=f"Repair the function, then call `mesh check {domain}/{function.name}`.",
        severity="warning",
    )
