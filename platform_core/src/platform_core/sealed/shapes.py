"""The shapes in which rows leave an engine: Python's values, text, JSON, or types of Arrow or Parquet."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final, Literal

import duckdb

from platform_core.sql.forms import EXPLAIN
from platform_core.sql.quoting import literal

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
        stored = ", ".join(f"CAST(#{n} AS {_stored(kind, shape)})" for n, kind in enumerate(types, 1))
        return query.columns, types, _streams(query.project(stored))
    text = "COLUMNS(*)" if shape == "text" else "to_json(COLUMNS(*))"
    return query.columns, types, query.project(f"CAST({text} AS VARCHAR)").fetchmany


def from_stream(data: bytes) -> Any:
    """The table of a stream, which another process sent that is not trusted."""
    import pyarrow.ipc

    table = pyarrow.ipc.open_stream(data).read_all()
    table.validate(full=True)
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
