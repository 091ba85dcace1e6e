"""The cost of masking: a masked twin compared with a plain product, both from the same published table."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Measured, environ, fresh_home, module, run
from benchmarks.publication import UPSTREAM
from benchmarks.report import Aim, Section, peak, processor, seconds, timed

WAYS: dict[str, Sequence[str]] = {
    "as it is": module("masked", "plain"),
    "plain, with the rules of the twin": module("masked", "fewer"),
    "masked, with the leak check": module("masked", "masked"),
}


def measure(rounds: int) -> Section:
    """Run each variant ``rounds`` times in turn, each time in a restored lake."""
    runs: dict[str, list[Measured]] = {way: [] for way in WAYS}
    with fresh_home() as home:
        variables = environ(home)
        run(module("one_process", *UPSTREAM), variables)
        run(module("masked", "prepare"), variables)
        shutil.copytree(home / "lake" / "marketing", home / "prepared")
        for _ in range(rounds):
            for way, command in WAYS.items():
                _restore(home)
                runs[way].append(run(command, variables))
    plain, _, masked = runs.values()
    return Section(
        title=f"Publishing 20,940,529 rows, plain and masked ({rounds} runs each, medians)",
        aims=[
            Aim("masked / plain", timed(masked) / timed(plain), at_most=1.5),
            Aim("peak memory of masking", peak(masked) / 1000, at_most=2, unit=" GB"),
        ],
        columns=("way", "seconds", "whole process, s", "processor, s", "peak MB"),
        rows=[(way, timed(each), seconds(each), processor(each), peak(each)) for way, each in runs.items()],
    )


def _restore(home: Path) -> None:
    """Restore the lake to only the table that both variants read."""
    shutil.rmtree(home / "lake" / "marketing")
    shutil.copytree(home / "prepared", home / "lake" / "marketing")
