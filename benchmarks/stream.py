"""A stream of 1,000 micro-batches of 1,000 rows at a steady pace: does a commit take longer as it grows?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles

from benchmarks.measure import environ, fresh_home, module, run
from benchmarks.report import Aim, Figure, Section

BATCHES, ROWS = 1_000, 1_000
PACE = 0.2  # seconds from one batch to the next
ENDS = 100  # compared batches at the beginning and at the end
FLAT = 1.25


def measure(rounds: int) -> Section:
    """Run one stream of all batches. ``rounds`` has no effect, because the batches are the repetitions."""
    del rounds
    with fresh_home() as home:
        words = [str(home), str(BATCHES), str(ROWS), str(PACE), str(ENDS)]
        fed = run(module("stream_feed", *words), environ(home))
    seconds, processor, merging = (fed.said[name] for name in ("seconds", "processor", "merging"))
    turn, turn_processor = fed.said["in_turn"], fed.said["in_turn_processor"]
    return Section(
        title=f"A stream of {BATCHES:,} batches of {ROWS:,} rows, one each {PACE} s",
        aims=[
            Aim("commit, last 100 / first 100", _ratio(seconds[-ENDS:], seconds[:ENDS]), at_most=FLAT),
            Aim("the same, processor", _ratio(processor[-ENDS:], processor[:ENDS]), at_most=FLAT),
            Aim("commit, in turn with a new stream", _ratio(turn["long"], turn["new"]), at_most=FLAT),
            Aim("behind the pace at the end", fed.said["behind"], at_most=10 * PACE, unit=" s"),
        ],
        columns=("commits", "median, ms", "p95, ms", "processor median, ms", "processor p95, ms"),
        rows=[
            ("first 100", *_figures(seconds[:ENDS]), *_figures(processor[:ENDS])),
            ("last 100", *_figures(seconds[-ENDS:]), *_figures(processor[-ENDS:])),
            ("100 more", *_figures(turn["long"]), *_figures(turn_processor["long"])),
            ("in turn, new stream", *_figures(turn["new"]), *_figures(turn_processor["new"])),
            (f"merging files, {len(merging)} times", *_figures(merging), "", ""),
            ("peak memory, MB", round(fed.peak / 1e6), "", "", ""),
        ],
    )


def _ratio(long: Sequence[float], short: Sequence[float]) -> float:
    return round(median(long) / median(short), 2)


def _figures(took: Sequence[float]) -> tuple[Figure, Figure]:
    return round(median(took) * 1e3, 1), round(quantiles(took, n=20)[-1] * 1e3, 1)
