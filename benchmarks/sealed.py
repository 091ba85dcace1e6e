"""The cost of the sealed engine: queries compared with an attached lake, a relation compared with SQL."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measure import Measured, environ, fresh_home, module, run
from benchmarks.publication import PRODUCT, UPSTREAM
from benchmarks.report import Aim, Section, peak, processor, seconds, timed

WAYS: dict[str, Sequence[str]] = {
    "scans by DuckLake": module("sealed_ways", "attached"),
    "the same in a sealed engine": module("sealed_ways", "sealed"),
    "SQL written to a lake": module("sealed_ways", "sql"),
    "a sealed relation written to a lake": module("sealed_ways", "relation"),
}
ROWS = 20_940_529


def measure(rounds: int) -> Section:
    """Run each variant ``rounds`` times in turn, over the same published table."""
    runs: dict[str, list[Measured]] = {way: [] for way in WAYS}
    with fresh_home() as home:
        variables = environ(home)
        run(module("one_process", *UPSTREAM, PRODUCT), variables)
        for _ in range(rounds):
            for way, command in WAYS.items():
                runs[way].append(run(command, variables))
    attached, query, sql, relation = runs.values()
    more = 1e6 * (processor(relation) - processor(sql)) / ROWS
    return Section(
        title=f"Reading {ROWS:,} rows, attached and sealed ({rounds} runs each, medians)",
        aims=[
            Aim("scans, sealed / attached", timed(query) / timed(attached), at_most=1.15),
            Aim("a relation instead of SQL, per row", more, at_most=0.1, unit=" microseconds"),
        ],
        columns=("way", "seconds", "whole process, s", "processor, s", "peak MB"),
        rows=[(way, timed(each), seconds(each), processor(each), peak(each)) for way, each in runs.items()],
    )
