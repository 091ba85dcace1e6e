"""The shapes in which rows leave an engine: Python's values, text, JSON, or types of Arrow or Parquet."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final, Literal

import duckdb

from platform_core.sql.forms import EXPLAIN
from platform_core.sql.quoting import fold, literal, quoted

Shape = Literal["values", "text", "json", "arrow", "parquet"]
"""``text`` and ``json`` are the engine's own casts: Python has no value for infinite times and for months."""
IN_ARROW: Final = ("arrow", "parquet")


def load_arrow(connection: duckdb.DuckDBPyConnection) -> None:
    """Load Arrow before the wall is up, without threads, which the wall would not bind."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
    import pyarrow.ipc  # noqa: F401

    connection.execute("SET arrow_lossless_conversion = true")  # keeps UUIDs


def begun(
    connection: duckdb.DuckDBPyConnection, sql: str, shape: Shape
) -> tuple[list[str], list[str], Callable[[int], Any]]:
    """The columns of a query, their types, and a function for up to some further rows: a list, or a stream of
    Arrow. A plan has a row per line. Raises duckdb.Error."""
    if sql.startswith(EXPLAIN):
        [(_, plan)] = connection.execute(sql).fetchall()
        sql = f"SELECT unnest(string_split({literal(plan.rstrip())}, chr(10))) AS plan"
    if shape == "values":
        connection.execute(sql)
        described = connection.description or ()
        return (
            [name for name, *_ in described],
            [str(kind) for _, kind, *_ in described],
            connection.fetchmany,
        )
    try:
        query = connection.sql(sql)
    except duckdb.Error:
        connection.execute(sql)  # its error has the line and a caret
        raise
    types = list(map(str, query.types))
    if shape in IN_ARROW:
        return query.columns, types, _streams(stored(query, shape))
    text = "COLUMNS(*)" if shape == "text" else "to_json(COLUMNS(*))"
    return query.columns, types, query.project(f"CAST({text} AS VARCHAR)").fetchmany


def stored(rows: duckdb.DuckDBPyRelation, shape: Shape = "arrow") -> duckdb.DuckDBPyRelation:
    """Rows in types that Arrow or Parquet has, under names of which no two are equal for DuckDB."""
    columns = []
    for n, (kind, name) in enumerate(zip(map(str, rows.types), distinct(rows.columns), strict=True), 1):
        # The type of an unnamed struct cannot be written.
        as_kind = f"CAST(#{n} AS {_stored(kind, shape)})" if _stored(kind, shape) != kind else f"#{n}"
        columns.append(f"{as_kind} AS {quoted(name)}")
    return rows.project(", ".join(columns))


def distinct(names: Iterable[str]) -> list[str]:
    """Names of which no two are equal for DuckDB."""
    result: list[str] = []
    for name in names:
        new, number = name, 1
        while fold(new) in map(fold, result):
            number += 1
            new = f"{name}_{number}"
        result.append(new)
    return result


def from_stream(data: bytes) -> Any:
    """The table of a stream, which another process sent that is not trusted. Raises duckdb.Error."""
    import pyarrow as pa
    import pyarrow.ipc

    table = pyarrow.ipc.open_stream(data).read_all()
    try:
        table.validate(full=True)
    except pa.ArrowInvalid:
        raise duckdb.ConversionException("a value, such as TIME '24:00', has no form in Arrow") from None
    return table


def _stored(kind: str, shape: Shape) -> str:
    """The type of a column in Arrow, which has no integer of 128 bits: readers would get bytes."""
    no_type = r"\b(?:UHUGEINT|BIT|BIGNUM|VARIANT|GEOMETRY|TIME WITH TIME ZONE)\b|\bUNION\("
    if re.search(no_type, kind) or (shape == "parquet" and "INTERVAL" in kind):
        return "VARCHAR"
    return re.sub(r"\bHUGEINT\b", "DECIMAL(38, 0)", kind)


def _streams(rows: duckdb.DuckDBPyRelation) -> Callable[[int], bytes]:
    import pyarrow as pa

    reader = cache(rows.to_arrow_reader)

    def further(count: int) -> bytes:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, reader(count).schema) as stream:
            if (batch := next(reader(count), None)) is not None:
                stream.write_batch(batch)
        return bytes(sink.getvalue())

    return further
