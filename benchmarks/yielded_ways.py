"""``python -m benchmarks.yielded_ways WAY FOLDER ROWS``: one way to bring Arrow batches into a lake."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.contracts.model import Column, DataProduct
from platform_core.diagnostics import Place
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.products.result import as_query
from platform_core.products.rows import Yielded

AT_ONCE = 100_000
_PLACE = Place(Path("orders.py"), 1)
_TYPES = {
    "id": "BIGINT",
    "day": "DATE",
    "store": "INTEGER",
    "amount": "DOUBLE",
    "tax": "DOUBLE",
    "name": "VARCHAR",
}
PRODUCT = DataProduct(
    domain="shop",
    name="orders",
    path=_PLACE.path,
    place=_PLACE,
    version="1.0.0",
    status="active",
    columns=tuple(Column(name, _PLACE, physical_type=kind) for name, kind in _TYPES.items()),
    rules=(),
)


def pages(rows: int) -> Iterator[pa.Table]:
    """Pages as an API gives them, made once, with other ids in each."""
    draw = np.random.default_rng(1)
    amount = draw.gamma(2, 10, AT_ONCE)
    page = {
        "day": pa.array(draw.integers(19_000, 20_000, AT_ONCE), pa.int32()).cast(pa.date32()),
        "store": pa.array(draw.integers(0, 500, AT_ONCE), pa.int32()),
        "amount": pa.array(amount),
        "tax": pa.array(amount * 0.19),
        "name": pa.array([f"customer {n}" for n in draw.integers(0, 50_000, AT_ONCE)]),
    }
    for first in range(0, rows, AT_ONCE):
        yield pa.table({"id": pa.array(np.arange(first, first + AT_ONCE)), **page})


def main(way: str, home: Path, rows: int) -> None:
    items, began, room = pages(rows), time.monotonic(), home / "room"
    room.mkdir()
    if way == "yielded":
        Yielded(items, PRODUCT, _PLACE).write(room / "rows")
    elif way == "written to Parquet by hand":
        _by_hand(items, room / "rows.parquet")
    else:
        with connect(current_lakes(home), write=["shop"]) as connection:
            if way == "yielded, then published":
                query = as_query(connection, items, {}, PRODUCT, _PLACE, room).query
            else:
                _by_hand(items, room / "rows.parquet")
                query = f"FROM read_parquet('{room / 'rows.parquet'}')"
            stamp = Stamp(run_id="benchmark", asset=PRODUCT.id)
            publish_table(connection, current_lakes(home), PRODUCT, query, stamp=stamp, audit=str)
    print(json.dumps({"seconds": time.monotonic() - began, "processor": time.process_time()}))


def _by_hand(items: Iterator[pa.Table], file: Path) -> None:
    first = next(items)
    with pq.ParquetWriter(file, first.schema) as writer:
        writer.write_table(first)
        for page in items:
            writer.write_table(page)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
