"""The forms in which a query's rows leave its engine: Python's values, exact text, JSON, or types that Arrow
and Parquet have."""

from __future__ import annotations

import re
from typing import Final, Literal

import duckdb

from platform_core.sql.forms import EXPLAIN
from platform_core.sql.quoting import literal

Shape = Literal["values", "text", "json", "arrow", "parquet"]
"""``text`` and ``json`` are the engine's own casts: Python has no value for infinite times and for months."""

_NOT_IN_ARROW: Final = re.compile(
    r"\b(?:UHUGEINT|BIT|BIGNUM|VARIANT|GEOMETRY|TIME WITH TIME ZONE)\b|\bUNION\("
)


def begun(
    connection: duckdb.DuckDBPyConnection, sql: str, shape: Shape
) -> tuple[list[str], list[str], duckdb.DuckDBPyConnection | duckdb.DuckDBPyRelation]:
    """The columns of a query, their types, and its rows in a shape. A plan has a row per line. Raises
    duckdb.Error."""
    if sql.startswith(EXPLAIN):
        [(_, plan)] = connection.execute(sql).fetchall()
        sql = f"SELECT unnest(string_split({literal(plan.rstrip())}, chr(10))) AS plan"
    if shape == "values":
        connection.execute(sql)
        described = connection.description or ()
        return [name for name, *_ in described], [str(kind) for _, kind, *_ in described], connection
    try:
        query = connection.sql(sql)
    except duckdb.Error:
        connection.execute(sql)  # its error has the line and a caret
        raise
    return query.columns, list(map(str, query.types)), query.project(_projection(query, shape))


def _projection(query: duckdb.DuckDBPyRelation, shape: Shape) -> str:
    if shape == "text":
        return "CAST(COLUMNS(*) AS VARCHAR)"
    if shape == "json":
        return "CAST(to_json(COLUMNS(*)) AS VARCHAR)"
    columns = []
    for number, kind in enumerate(map(str, query.types), 1):
        lost = _NOT_IN_ARROW.search(kind) or (shape == "parquet" and "INTERVAL" in kind)
        # Arrow has no integer of 128 bits: readers would get bytes.
        stored = "VARCHAR" if lost else re.sub(r"\bHUGEINT\b", "DECIMAL(38, 0)", kind)
        columns.append(f"#{number}" if stored == kind else f"CAST(#{number} AS {stored})")
    return ", ".join(columns)
