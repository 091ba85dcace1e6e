"""The process that feeds a stream: ``python -m benchmarks.stream_feed BATCHES ROWS PACE``; prints JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from platform_core.contracts.reader import load_contract
from platform_core.lake.connect import connect
from platform_core.lake.location import LakeLocation
from platform_core.lake.publish import Stamp
from platform_core.lake.stream import open_stream
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


def query(batch: int, rows: int) -> str:
    """A batch's rows: a minute of readings, with keys that go on where the batch before ended."""
    return f"""
        SELECT
            {batch * rows} + i AS reading_id,
            TIMESTAMP '2024-01-01' + INTERVAL ({batch}) MINUTE
                + INTERVAL (i * 60000 // {rows}) MILLISECOND AS read_at,
            's' || (i % 3) AS sensor,
            (hash(i, {batch}) % 1000) / 10.0::DOUBLE - 40 AS celsius
        FROM range({rows}) t(i)
    """


def feed(folder: Path, batches: int, rows: int, pace: float) -> dict[str, list[float]]:
    """Append the batches, one each ``pace`` seconds; what each took by the clock and of the processor."""
    contract = folder / "bench" / "contracts" / "readings.odcs.yaml"
    contract.parent.mkdir(parents=True)
    contract.write_text(CONTRACT)
    product = load_contract(contract, "bench")
    location = LakeLocation(folder / "lake")
    stamp = Stamp(run_id="bench", asset=product.id)
    took: dict[str, list[float]] = {"seconds": [], "processor": [], "merging": [], "behind": []}
    with (
        connect(location, write=[product.lake]) as con,
        open_stream(con, location, product, stamp=stamp) as stream,
    ):
        began = time.monotonic()
        for number in range(batches):
            due = began + number * pace
            time.sleep(max(0.0, due - time.monotonic()))
            took["behind"].append(time.monotonic() - due)
            name = f"{number:05}"
            started, processor, merged = time.monotonic(), time.process_time(), stream.compactions
            audit = batch_gate(con, product, batch=name, resolve=lambda _: None)
            done = stream.append(name, query(number, rows), audit=audit)
            took["seconds"].append(done.seconds)
            if stream.compactions > merged:
                took["merging"].append(time.monotonic() - started - done.seconds)
            else:
                took["processor"].append(time.process_time() - processor)
        found = con.execute("SELECT count(*) FROM bench.products.readings").fetchone()
        assert found == (batches * rows,), found
    return took


if __name__ == "__main__":
    home, batches, rows, pace = sys.argv[1:]
    print(json.dumps(feed(Path(home), int(batches), int(rows), float(pace))))
