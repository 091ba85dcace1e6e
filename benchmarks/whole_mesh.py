"""The cost of isolation: `mesh run` of all products, compared with the same assets in one process."""

from __future__ import annotations

from benchmarks.measure import MESH, Measured, environ, fresh_home, module, run
from benchmarks.report import Aim, Section, peak, processor, seconds

WAYS: dict[str, list[str]] = {
    "mesh run, a process per code location": [str(MESH), "run", "--json"],
    "the same assets in one process": module("one_process"),
}


def measure(rounds: int) -> Section:
    """Run both variants in turn, every time without a lake, a Dagster home and a dbt manifest."""
    runs: dict[str, list[Measured]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, command in WAYS.items():
            with fresh_home() as home:
                runs[way].append(run(command, environ(home)))
    mesh, single = runs.values()
    return Section(
        title=f"All products of the four domains from nothing ({rounds} runs each, medians)",
        aims=[Aim("mesh run / one process", seconds(mesh) / seconds(single), at_most=1.5)],
        columns=("way", "seconds", "processor, s", "peak MB of the largest process"),
        rows=[(way, seconds(each), processor(each), peak(each)) for way, each in runs.items()],
    )
