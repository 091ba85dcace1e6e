"""The result of a product's function as one SQL query."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, Diagnostic, Place
from platform_core.lake.errors import beyond_inputs, sentence
from platform_core.lake.publication.column_fit import mapped
from platform_core.products.batch import Delivered
from platform_core.products.declare import Engine
from platform_core.products.dlt_resource import Pull, is_resource
from platform_core.products.model import Model
from platform_core.products.rows import Yielded, in_arrow
from platform_core.products.table import Table
from platform_core.sql.allowed import NotAllowed, tables_read
from platform_core.sql.columns import columns_used
from platform_core.sql.engine import trial
from platform_core.sql.quoting import fold, quoted

RESULT = "__result"
_ROWS_AT_ONCE: Final = 122_880
"""The rows that DuckDB writes into one row group."""


@dataclass(frozen=True)
class Result:
    """A function's rows with metadata for the materialization.

    Numbers become plots in Dagster's UI. The platform's own keys (``mesh/...``, ``dagster/...``) are not
    overwritten.
    """

    value: Any
    metadata: Mapping[str, Any] = field(default_factory=dict)


def with_metadata(result: Any) -> tuple[Any, Mapping[str, Any]]:
    """A function's result and its metadata."""
    return (result.value, result.metadata) if isinstance(result, Result) else (result, {})


@dataclass(frozen=True, slots=True)
class MadeQuery:
    """A function's result as a query on one connection."""

    query: str
    used: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The columns that it uses of each argument; empty if the result is not SQL."""
    reads: tuple[str, ...] | None = None
    """The relations that it may read; None if the result is not SQL."""


def as_query(
    connection: duckdb.DuckDBPyConnection,
    result: Any,
    arguments: Mapping[str, Any],
    product: DataProduct,
    place: Place | None,
    room: Path,
) -> MadeQuery:
    """A query over ``connection`` for the result of a function that was called with ``arguments``; a query
    that was made before is returned as it is.

    The rows of an iterator are written into ``room``. Only SQL can be read more than once. Raises
    DefinitionError: D004 for another type, D005 for SQL that is not one query, D006 and D021 for text that
    is not SQL, D020 for a column that no input has, D027 for SQL that reads or calls more than its inputs;
    what ``Yielded`` raises.
    """
    result, _ = with_metadata(result)
    if isinstance(result, Model):
        result = result.scores
    if isinstance(result, str):
        shown = {name: value.columns for name, value in arguments.items() if isinstance(value, Table)}
        used = columns_used(result, shown, place=place)
        query = result.strip().rstrip(";")
        return MadeQuery(query, used, inputs_read(connection, query, arguments, product.id, place))
    if isinstance(result, duckdb.DuckDBPyRelation):
        return MadeQuery(streamed(connection, result))
    if isinstance(result, MadeQuery):
        return result
    if is_resource(result):  # without a state: all its rows
        result = Pull(result).rows()
    if is_iterator(result):
        rows, types = Yielded(result, product, place).write(room / f"{RESULT}.arrow")
        connection.register(RESULT, rows)
        casts = ", ".join(f"CAST({quoted(n)} AS {kind}) AS {quoted(n)}" for n, kind in types.items())
        return MadeQuery(f"SELECT * {f'REPLACE ({casts}) ' if casts else ''}FROM {quoted(RESULT)}")
    unread = ""
    try:
        if (table := as_table(result)) is not None:
            connection.register(RESULT, table)
            return MadeQuery(f"SELECT * FROM {quoted(RESULT)}")
    except Exception as error:  # noqa: BLE001 - each library raises its own
        unread = f", which the engine cannot read: {sentence(error)}"
    kind = "nothing" if result is None else f"a {type(result).__module__}.{type(result).__qualname__}"
    message = f"the function of {product.id} returned {kind}{unread}"
    expected = "SQL text, a DuckDB relation, an Arrow, Polars or pandas table, or an iterator of rows"
    fix = "Return one of these." if result is not None else "Return the product's rows."
    raise DefinitionError.of("D004", message, place, expected, fix)


def streamed(connection: duckdb.DuckDBPyConnection, result: duckdb.DuckDBPyRelation) -> str:
    """A query over the rows of another connection's relation, which are read as they are computed."""
    kinds = result.limit(0).aggregate("typeof(any_value(COLUMNS(*)))").fetchall()[0]
    types = {name: trial().type(kind) for name, kind in zip(result.columns, kinds, strict=True)}
    # Arrow lacks some types, whose values are passed as text.
    over = {name: mapped(kind, lambda each: in_arrow(str(each))) for name, kind in types.items()}
    cast = [f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in over.items()]
    connection.register(RESULT, result.project(", ".join(cast)).to_arrow_reader(_ROWS_AT_ONCE))
    typed = ", ".join(f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in types.items())
    return f"SELECT {typed} FROM {quoted(RESULT)}"


def inputs_read(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    arguments: Mapping[str, Any],
    product: str,
    place: Place | None,
) -> tuple[str, ...]:
    """The inputs that SQL names; a view is created for a delivered batch. Raises D005, D006, D027."""
    batches = [batch for value in arguments.values() if isinstance(value, list) for batch in value]
    delivered = {fold(batch.view): batch for batch in batches if isinstance(batch, Delivered)}
    tables = {fold(name): name for name, value in arguments.items() if isinstance(value, Table)}
    found = []
    try:
        for table in tables_read(query):
            name = fold(table.name) if table.schema in ("", "main") and not table.catalog else ""
            if name not in tables and name not in delivered:
                raise NotAllowed("construct", f'"{table}" is not an input', table.line)
            if name in delivered and (made := delivered[name].query):
                # Only for Parquet does a plan show the file that is read.
                kind = "VIEW" if delivered[name].id.endswith(".parquet") else "TABLE"
                connection.execute(
                    f"CREATE TEMP {kind} IF NOT EXISTS {quoted(delivered[name].view)} AS {made}"
                )
            found.append(tables.get(name) or delivered[name].view)
    except NotAllowed as refused:
        if refused.what == "syntax":
            raise _sql_fault(product, place, refused) from None
        if refused.what == "statement":
            message = f"the SQL of {product} is not one query"
            expected = "a single SELECT; the platform writes its result"
            raise DefinitionError.of("D005", message, place, expected, "Return only the SELECT.") from None
        raise beyond_inputs(product, place, refused) from None
    return tuple(found)


@contextmanager
def sql_faults(product: str, place: Place | None, engine: Engine = "duckdb") -> Iterator[None]:
    """Raise DuckDB's errors about a product's SQL as D006, those about SQL of Spark as E075."""
    try:
        yield
    except duckdb.Error as error:
        if engine == "spark":
            message = f"the SQL of {product} is checked at a run, by Spark: {sentence(error)}"
            expected, fix = "SQL that both engines run, to check it without data", "Run it with `mesh run`."
            raise DefinitionError(
                Diagnostic("E075", message, place, expected, fix, severity="warning")
            ) from None
        raise _sql_fault(product, place, error) from None


def _sql_fault(product: str, place: Place | None, error: Exception) -> DefinitionError:
    expected, fix = "a query that DuckDB can run over the declared inputs", str(error).strip()
    return DefinitionError.of("D006", f"the SQL of {product} does not run", place, expected, fix)


def is_iterator(result: Any) -> bool:
    """Whether a function yields its rows, as a dlt resource does. A reader of Arrow batches is a table."""
    return is_resource(result) or (isinstance(result, Iterator) and as_table(result) is None)


def as_table(result: Any) -> Any | None:
    """An Arrow or pandas table for DuckDB; None for another type. Modules are looked up, not imported:
    only a loaded library can have made the result."""
    loaded = sys.modules.get
    if (pyarrow := loaded("pyarrow")) and isinstance(result, (pyarrow.Table, pyarrow.RecordBatchReader)):
        return result
    if polars := loaded("polars"):
        if isinstance(result, polars.LazyFrame):
            result = result.collect()
        if isinstance(result, polars.DataFrame):
            if polars.Object in result.dtypes:  # Arrow would get their addresses
                raise TypeError("a column holds Python objects")
            return result.to_arrow()
    if (pandas := loaded("pandas")) and isinstance(result, pandas.DataFrame):
        return result
    return None
