"""The cost of governed publication, compared with checks by hand, and with pandas without checks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Measured, environ, fresh_home, module, run
from benchmarks.report import Aim, Section, peak, processor, seconds, timed, used

PRODUCT = "marketing/promotions"
# The products that the foreign keys of the promotions reference, with their upstream.
UPSTREAM = ("sales/products", "sales/transactions", "sales/stores")
WAYS: dict[str, Sequence[str]] = {
    "DuckLake CTAS, then checks by hand, keys by a window": module("promotions", "window"),
    "the same, keys by GROUP BY": module("promotions", "group"),
    "the same, keys by count(DISTINCT hash(...))": module("promotions", "distinct"),
    "governed publication": module("promotions", "governed"),
    "governed publication in a Dagster run": module("governed_io"),
    "dagster-duckdb-pandas, no checks": module("pandas_io"),
    "the same, the next asset takes one column": module("pandas_io", "week"),
}


def measure(rounds: int) -> Section:
    """Run each variant ``rounds`` times in turn, every time into an empty lake."""
    runs: dict[str, list[Measured]] = {way: [] for way in WAYS}
    with fresh_home() as home:
        variables = environ(home)
        run(module("one_process", *UPSTREAM), variables)
        run(module("promotions", "record"), variables)
        for _ in range(rounds):
            for way, command in WAYS.items():
                _forget(home)
                runs[way].append(run(command, variables))
    *by_hand, governed, in_dagster, pandas, _ = runs.values()
    return Section(
        title=f"Publishing {PRODUCT}, 20,940,529 rows ({rounds} runs each, medians)",
        aims=[
            Aim("governed / the fastest by hand", timed(governed) / min(map(timed, by_hand)), at_most=0.9),
            # CPU time stays comparable on a busy machine.
            Aim("the same, processor", used(governed) / min(map(used, by_hand)), at_most=0.9),
            Aim("pandas / governed, both in a Dagster run", timed(pandas) / timed(in_dagster), at_least=3),
            Aim("peak memory governed / pandas", peak(in_dagster) / peak(pandas), at_most=0.5),
        ],
        columns=("way", "seconds", "whole process, s", "processor, s", "peak MB"),
        rows=[(way, timed(each), seconds(each), processor(each), peak(each)) for way, each in runs.items()],
    )


def _forget(home: Path) -> None:
    shutil.rmtree(home / "lake" / "marketing", ignore_errors=True)
    for file in home.glob("pandas.duckdb*"):
        file.unlink()
