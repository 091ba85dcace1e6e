"""Staging a Postgres table, compared with DuckDB's own COPY from it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Measured, environ, fresh_home, module, run
from benchmarks.report import Aim, Section, peak, processor, seconds

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "platform_core" / "tests"))  # the server of the tests

from servers import postgres  # type: ignore[import-not-found]  # noqa: E402

ROWS = """
CREATE TABLE orders (id bigint PRIMARY KEY, day date, store integer, amount numeric(12, 2), note text,
  at timestamptz);
INSERT INTO orders SELECT i, date '2024-01-01' + (i % 365), i % 50, i * 1.25, md5(i::text),
  timestamptz '2024-01-01' + make_interval(secs => i) FROM generate_series(1, 1000000) i;
CREATE INDEX ON orders (day);
ANALYZE;
"""


def measure(rounds: int) -> Section:
    """Read the whole table and one day, by both ways in turn, each in a process of its own."""
    ways = [(way, part) for part in ("whole", "day") for way in ("copy", "staged")]
    runs: dict[tuple[str, str], list[Measured]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder)) as server, fresh_home() as home:
        server.run(ROWS)
        variables = {**environ(home), "MESH_SECRET_SHOP_DB": server.url}
        for _ in range(rounds):
            for way in ways:
                runs[way].append(run(module("source_reads", *way, folder), variables))
    times = {way: seconds(each) for way, each in runs.items()}
    return Section(
        title=f"Reading 1,000,000 rows of 6 columns out of Postgres ({rounds} runs each, medians)",
        aims=[
            Aim("staged / COPY", times["staged", "whole"] / times["copy", "whole"], at_most=1.5),
            Aim(
                "one day of an indexed table: seconds over COPY",
                times["staged", "day"] - times["copy", "day"],
                at_most=0.1,
            ),
        ],
        columns=("way", "part", "whole process, s", "processor, s", "peak MB"),
        rows=[(*way, times[way], processor(each), peak(each)) for way, each in runs.items()],
    )
