"""A function that yields Arrow batches, compared with one that writes Parquet by hand: time and memory."""

from __future__ import annotations

from benchmarks.measure import Measured, environ, fresh_home, module, run
from benchmarks.report import Aim, Section, peak, processor, seconds, timed, used

ROWS, MORE = 5_000_000, 20_000_000
WAYS = ("written to Parquet by hand", "the same, then published", "yielded, then published", "yielded")


def measure(rounds: int) -> Section:
    """Run each way ``rounds`` times in turn, every time into an empty lake."""
    runs: dict[str, list[Measured]] = {way: [] for way in WAYS}
    more: list[Measured] = []
    for _ in range(rounds):
        for way in WAYS:
            with fresh_home() as home:
                runs[way].append(run(module("yielded_ways", way, str(home), str(ROWS)), environ(home)))
        with fresh_home() as home:
            more.append(run(module("yielded_ways", "yielded", str(home), str(MORE)), environ(home)))
    parquet, by_hand, published, alone = runs.values()
    return Section(
        title=f"{ROWS:,} rows of 6 columns in Arrow batches ({rounds} runs each, medians)",
        aims=[
            Aim("yielded / written to Parquet by hand", timed(alone) / timed(parquet), at_most=1.3),
            Aim("the same, both published", timed(published) / timed(by_hand), at_most=1.3),
            Aim("the same, processor", used(published) / used(by_hand), at_most=1.3),
            Aim(f"peak memory, {MORE:,} rows / {ROWS:,}", peak(more) / peak(alone), at_most=1.1),
        ],
        columns=("way", "seconds", "whole process, s", "processor, s", "peak MB"),
        rows=[
            (way, timed(each), seconds(each), processor(each), peak(each))
            for way, each in [*runs.items(), (f"yielded, {MORE:,} rows", more)]
        ],
    )
