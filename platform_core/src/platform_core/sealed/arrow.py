"""Many rows from one process to another: as Arrow, which takes no time; Python's values are made where they
are wanted. Loading it takes a tenth of a second, so that few rows go without."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import duckdb


def load_arrow(connection: duckdb.DuckDBPyConnection) -> None:
    """Before the process can load nothing any more, and without a thread, which its wall would not bind."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
    import pyarrow.ipc  # noqa: F401

    # UUIDs, intervals and huge numbers come back as they were.
    connection.execute("SET arrow_lossless_conversion = true")


def arrow_batches(connection: duckdb.DuckDBPyConnection) -> Callable[[int], bytes | list[Any]]:
    """Takes up to some further rows of a result at each call; at its end none."""
    import pyarrow as pa

    @cache
    def reader(count: int) -> pa.RecordBatchReader:
        return connection.to_arrow_reader(count)

    def further(count: int) -> bytes | list[Any]:
        batch = next(reader(count), None)
        if batch is None:
            return []
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        return bytes(sink.getvalue())

    return further


def from_arrow(data: bytes) -> list[tuple[Any, ...]]:
    """The rows of a batch, in the values that the engine itself gives."""
    import pyarrow as pa

    table = pa.ipc.open_stream(data).read_all()
    table.validate(full=True)  # its offsets come from the other process
    # Two columns may have one name.
    return _converter().from_arrow(table.rename_columns(list(map(str, range(table.num_columns))))).fetchall()


@cache
def _converter() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"})
    connection.execute("SET TimeZone = 'UTC'; SET arrow_lossless_conversion = true")
    return connection
