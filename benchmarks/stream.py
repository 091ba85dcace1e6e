"""A stream of 1,000 micro-batches of 1,000 rows at a steady pace: does a commit take longer as it grows?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles

from benchmarks.measure import environ, fresh_home, module, run
from benchmarks.report import Aim, Section

BATCHES, ROWS = 1_000, 1_000
PACE = 0.2  # seconds from one batch to the next
ENDS = 100  # batches at the beginning and at the end that are compared
FLAT = 1.25


def measure(rounds: int) -> Section:
    """One stream of all batches; ``rounds`` changes nothing, since the batches are what is repeated."""
    del rounds
    with fresh_home() as home:
        fed = run(module("stream_feed", str(home), str(BATCHES), str(ROWS), str(PACE)), environ(home))
    seconds, processor = fed.said["seconds"], fed.said["processor"]
    merging = fed.said["merging"]
    return Section(
        title=f"A stream of {BATCHES:,} batches of {ROWS:,} rows, one each {PACE} s",
        aims=[
            Aim(f"processor time of a commit, last {ENDS} / first", _growth(processor), at_most=FLAT),
            Aim(f"time of a commit, last {ENDS} / first", _growth(seconds), at_most=FLAT),
            Aim("behind the pace at the end", max(fed.said["behind"][-ENDS:]), at_most=10 * PACE, unit=" s"),
        ],
        columns=("commits", "median, ms", "p95, ms", "processor median, ms", "processor p95, ms"),
        rows=[
            (f"first {ENDS}", *_figures(seconds[:ENDS]), *_figures(processor[:ENDS])),
            (f"last {ENDS}", *_figures(seconds[-ENDS:]), *_figures(processor[-ENDS:])),
            (f"merging files, {len(merging)} times", *_figures(merging), "", ""),
            (f"peak memory {fed.peak / 1e6:.0f} MB", "", "", "", ""),
        ],
    )


def _growth(took: Sequence[float]) -> float:
    return round(median(took[-ENDS:]) / median(took[:ENDS]), 2)


def _figures(took: Sequence[float]) -> tuple[float, float]:
    return round(median(took) * 1e3, 1), round(quantiles(took, n=20)[-1] * 1e3, 1)
