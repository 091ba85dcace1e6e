"""The process that feeds a stream, for ``benchmarks.stream``; prints JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from platform_core.contracts.model import DataProduct
from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.publication.streams import COMPACT_EVERY, Stream, open_stream
from platform_core.lake.transaction import Stamp
from platform_core.odcs.reader import load_contract
from platform_core.quality.batches import batch_gate

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: bench/readings
version: 1.0.0
status: active
team: {name: bench-team}
schema:
  - name: readings
    physicalType: stream
    customProperties: [{property: eventTime, value: read_at, vendor: platform-core}]
    properties:
      - {name: reading_id, logicalType: integer, primaryKey: true, logicalTypeOptions: {minimum: 0}}
      - {name: read_at, logicalType: timestamp, required: true}
      - {name: sensor, logicalType: string, required: true, enum: [{value: s0}, {value: s1}, {value: s2}]}
      - {name: celsius, logicalType: number, required: true, logicalTypeOptions: {minimum: -50, maximum: 60}}
"""


@dataclass
class Took:
    """The wall-clock and CPU seconds of each commit, and of the merging of files between them."""

    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    merging: list[float] = field(default_factory=list)
    behind: list[float] = field(default_factory=list)


def query(batch: int, rows: int) -> str:
    """The rows of a batch: a minute of readings, with keys that follow those of the batch before."""
    return f"""
        SELECT
            {batch * rows} + i AS reading_id,
            TIMESTAMP '2024-01-01' + INTERVAL ({batch}) MINUTE
                + INTERVAL (i * 60000 // {rows}) MILLISECOND AS read_at,
            's' || (i % 3) AS sensor,
            (hash(i, {batch}) % 1000) / 10.0::DOUBLE - 40 AS celsius
        FROM range({rows}) t(i)
    """


@contextmanager
def opened(product: DataProduct, folder: Path) -> Iterator[Stream]:
    location = LocalLakes(folder)
    stamp = Stamp(run_id="bench", asset=product.id)
    with (
        connect(location, write=[product.lake]) as con,
        open_stream(con, location, product, stamp=stamp) as stream,
    ):
        yield stream


def append(stream: Stream, rows: int, took: Took) -> None:
    """Publish the next batch, with its audit."""
    number = len(stream.entries)
    name = f"{number:05}"
    audit = batch_gate(stream.connection, stream.product, batch=name, resolve=lambda _: None)
    began, processor = time.monotonic(), time.process_time()
    done = stream.append(name, query(number, rows), audit=audit)
    took.seconds.append(done.seconds)
    if len(stream.entries) % COMPACT_EVERY == 0:
        took.merging.append(time.monotonic() - began - done.seconds)
    else:
        took.processor.append(time.process_time() - processor)


def feed(folder: Path, batches: int, rows: int, pace: float, turns: int) -> dict[str, object]:
    """Publish all batches, one each ``pace`` seconds; then ``turns`` more in turn with the first ones of a
    new stream, to distinguish a slower stream from a busier machine."""
    contract = folder / "bench" / "contracts" / "readings.odcs.yaml"
    contract.parent.mkdir(parents=True)
    contract.write_text(CONTRACT)
    product = load_contract(contract, "bench")
    steady, long, new = Took(), Took(), Took()
    with opened(product, folder / "long") as stream:
        began = time.monotonic()
        for number in range(batches):
            due = began + number * pace
            time.sleep(max(0.0, due - time.monotonic()))
            steady.behind.append(time.monotonic() - due)
            append(stream, rows, steady)
        with opened(product, folder / "new") as other:
            for _ in range(turns):
                append(stream, rows, long)
                append(other, rows, new)
        found = stream.connection.execute("SELECT count(*) FROM bench.products.readings").fetchone()
        assert found == ((batches + turns) * rows,), found
    return {
        "seconds": steady.seconds,
        "processor": steady.processor,
        "merging": steady.merging,
        "behind": max(steady.behind[-100:]),
        "in_turn": {"long": long.seconds, "new": new.seconds},
        "in_turn_processor": {"long": long.processor, "new": new.processor},
    }


if __name__ == "__main__":
    home, batches, rows, pace, turns = sys.argv[1:]
    print(json.dumps(feed(Path(home), int(batches), int(rows), float(pace), int(turns))))
