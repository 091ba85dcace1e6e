"""Whatever a product's function returns, as one SQL query."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb

from platform_core.errors import DefinitionError, Diagnostic, Place
from platform_core.products.model import Model
from platform_core.products.table import Table
from platform_core.sql.allowed import NotAllowed, require_one_select
from platform_core.sql.columns import columns_used

RESULT = "__result"


@dataclass(frozen=True)
class Result:
    """What a function may return instead of its rows alone: with metadata for the materialization.

    Numbers become plots over the materializations in Dagster's UI. The platform's own names
    (``mesh/...``, ``dagster/...``) are not overwritten.
    """

    value: Any
    metadata: Mapping[str, Any] = field(default_factory=dict)


def with_metadata(result: Any) -> tuple[Any, Mapping[str, Any]]:
    """What a function returned, and the metadata that it returned beside it."""
    return (result.value, result.metadata) if isinstance(result, Result) else (result, {})


def as_query(
    connection: duckdb.DuckDBPyConnection,
    result: Any,
    arguments: Mapping[str, Any],
    product: str,
    place: Place | None,
) -> tuple[str, Mapping[str, tuple[str, ...]]]:
    """A query over ``connection`` that yields what the function returned when called with ``arguments``.

    With it, the columns of each table among the arguments that it uses; nothing where it is no SQL.

    Raises:
        DefinitionError: D004 for a value of another kind, D005 for SQL that is not one query, D006 and
            D021 for text that is no SQL, D020 for a column that no input has.
    """
    result, _ = with_metadata(result)
    if isinstance(result, Model):
        result = result.scores
    if isinstance(result, str):
        shown = {name: value.columns for name, value in arguments.items() if isinstance(value, Table)}
        used = columns_used(result, shown, place=place)
        return _one_query(result, product, place), used
    if isinstance(result, duckdb.DuckDBPyRelation):
        # A view keeps the relation lazy: what it reads is read once, by the write itself.
        result.create_view(RESULT, replace=True)
        return f'SELECT * FROM "{RESULT}"', {}
    table = as_table(result)
    if table is None:
        raise DefinitionError(
            Diagnostic(
                "D004",
                f"the function of {product} returned {_kind(result)}",
                place,
                expected="SQL text, a DuckDB relation, or an Arrow, Polars or pandas table",
                fix="return one of these" if result is not None else "return the product's rows",
            )
        )
    connection.register(RESULT, table)
    return f'SELECT * FROM "{RESULT}"', {}


def _one_query(text: str, product: str, place: Place | None) -> str:
    try:
        require_one_select(text)
    except NotAllowed as refused:
        if refused.what == "syntax":
            raise _sql_fault(product, place, refused) from None
        raise DefinitionError(
            Diagnostic(
                "D005",
                f"the SQL of {product} is not one query",
                place,
                expected="a single SELECT; the platform writes its result",
                fix="return the SELECT alone",
            )
        ) from None
    return text.strip().rstrip(";")


@contextmanager
def sql_faults(product: str, place: Place | None) -> Iterator[None]:
    """DuckDB's complaints about a product's SQL, said as ours (D006)."""
    try:
        yield
    except duckdb.Error as error:
        raise _sql_fault(product, place, error) from None


def _sql_fault(product: str, place: Place | None, error: Exception) -> DefinitionError:
    return DefinitionError(
        Diagnostic(
            "D006",
            f"the SQL of {product} does not run",
            place,
            expected="a query that DuckDB can run over the declared inputs",
            fix=str(error).strip(),
        )
    )


def as_table(result: Any) -> Any | None:
    """An Arrow or pandas table for DuckDB to read; None for anything that is no table.

    Modules are looked up, not imported: a result of theirs means that they are loaded.
    """
    loaded = sys.modules.get
    if (pyarrow := loaded("pyarrow")) and isinstance(result, (pyarrow.Table, pyarrow.RecordBatchReader)):
        return result
    if polars := loaded("polars"):
        if isinstance(result, polars.LazyFrame):
            result = result.collect()
        if isinstance(result, polars.DataFrame):
            return result.to_arrow()
    if (pandas := loaded("pandas")) and isinstance(result, pandas.DataFrame):
        return result
    return None


def _kind(result: Any) -> str:
    return "nothing" if result is None else f"a {type(result).__module__}.{type(result).__qualname__}"
