"""Rows as Arrow, to pass many rows between processes; Python values are made where they are needed.
Loading Arrow takes a tenth of a second, so few rows are passed without it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import duckdb


def load_arrow(connection: duckdb.DuckDBPyConnection) -> None:
    """Load Arrow before the wall is up, without threads, which the wall would not bind."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
    import pyarrow.ipc  # noqa: F401

    # Keeps UUIDs, intervals and huge numbers.
    connection.execute("SET arrow_lossless_conversion = true")


def arrow_batches(
    rows: duckdb.DuckDBPyConnection | duckdb.DuckDBPyRelation, *, always: bool = False
) -> Callable[[int], bytes | list[Any]]:
    """A function that returns up to some further rows of a result, and an empty list at the end; with
    ``always`` no rows there, which have types."""
    import pyarrow as pa

    @cache
    def reader(count: int) -> pa.RecordBatchReader:
        return rows.to_arrow_reader(count)

    def further(count: int) -> bytes | list[Any]:
        batch = next(reader(count), None)
        if batch is None and not always:
            return []
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, reader(count).schema) as stream:
            if batch is not None:
                stream.write_batch(batch)
        return bytes(sink.getvalue())

    return further


def from_arrow(data: bytes) -> list[tuple[Any, ...]]:
    """The rows of a batch, as the engine itself would return them."""
    import pyarrow as pa

    table = pa.ipc.open_stream(data).read_all()
    table.validate(full=True)  # the other process is not trusted
    # Columns may share a name.
    return _converter().from_arrow(table.rename_columns(list(map(str, range(table.num_columns))))).fetchall()


@cache
def _converter() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"})
    connection.execute("SET TimeZone = 'UTC'; SET arrow_lossless_conversion = true")
    return connection
