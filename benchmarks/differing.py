"""The difference of two versions, compared with a full join by hand."""

from __future__ import annotations

from benchmarks.measure import Measured, environ, fresh_home, module, run
from benchmarks.report import Aim, Section, peak, seconds, timed, used

WAYS = {
    "a full join by hand": "join",
    "the difference, 2,000 rows": "changed",
    "the difference, the same content": "same",
}


def measure(rounds: int) -> Section:
    """Run each variant ``rounds`` times in turn, over the same three versions."""
    runs: dict[str, list[Measured]] = {way: [] for way in WAYS}
    with fresh_home() as home:
        variables = environ(home)
        run(module("differing_ways", "publish"), variables)
        for _ in range(rounds):
            for way, name in WAYS.items():
                runs[way].append(run(module("differing_ways", name), variables))
    join, changed, same = runs.values()
    return Section(
        title=f"The difference of two versions of 20,940,529 rows ({rounds} runs each, medians)",
        aims=[
            Aim("the difference / a join, processor", used(changed) / used(join), at_most=1.3),
            Aim("the same, peak memory", peak(changed) / peak(join), at_most=0.5),
            Aim("the same content", timed(same), at_most=1.5, unit=" s"),
        ],
        columns=("way", "seconds", "whole process, s", "processor, s", "peak MB"),
        rows=[(way, timed(each), seconds(each), used(each), peak(each)) for way, each in runs.items()],
    )
