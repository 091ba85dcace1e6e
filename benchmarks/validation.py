"""`mesh validate`, compared with `dagster definitions validate`, which checks less."""

from __future__ import annotations

import shutil

from benchmarks.measure import MESH, ROOT, Measured, environ, fresh_home, run
from benchmarks.report import Aim, Section, peak, processor, seconds

DAGSTER = [str(ROOT / ".venv" / "bin" / "dagster"), "definitions", "validate", "-w", "workspace.yaml"]


def measure(rounds: int) -> Section:
    """Run in turn Dagster's command, ours without a cache, and ours with one. All have dbt's manifest."""
    ways = (
        "dagster definitions validate",
        "mesh validate, nothing cached",
        "mesh validate, nothing changed",
    )
    runs: dict[str, list[Measured]] = {way: [] for way in ways}
    with fresh_home() as home:
        around = environ(home)
        # As in a terminal, each location has the packages of its own environment.
        del around["PYTHONPATH"]
        run(DAGSTER, around)
        for _ in range(rounds):
            shutil.rmtree(home / "introspection", ignore_errors=True)
            for way, command in zip(
                ways, (DAGSTER, [str(MESH), "validate"], [str(MESH), "validate"]), strict=True
            ):
                runs[way].append(run(command, around))
    theirs, cold, warm = runs.values()
    return Section(
        title=f"Validating the four locations ({rounds} runs each, medians)",
        aims=[
            Aim("mesh validate, cold / dagster's", seconds(cold) / seconds(theirs), at_most=0.35),
            Aim("mesh validate, warm / dagster's", seconds(warm) / seconds(theirs), at_most=0.08),
        ],
        columns=("way", "seconds", "processor, s", "peak MB"),
        rows=[(way, seconds(each), processor(each), peak(each)) for way, each in runs.items()],
    )
