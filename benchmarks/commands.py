"""How long a person waits for the commands that are called all the time."""

from __future__ import annotations

import os

from benchmarks.measure import MESH, run
from benchmarks.report import Aim, Section, peak, processor, seconds

COMMANDS = {
    "mesh --help": 0.3,
    "mesh check sales/household_baskets": 1.5,
}


def measure(rounds: int) -> Section:
    """Each command several times, after one call that fills the disk's cache."""
    times = 2 * rounds + 1
    runs = {}
    for command in COMMANDS:
        words = [str(MESH), *command.split()[1:]]
        run(words, os.environ)
        runs[command] = [run(words, os.environ) for _ in range(times)]
    return Section(
        title=f"Commands ({times} runs each, medians)",
        aims=[
            Aim(command, seconds(runs[command]), at_most=limit, unit=" s")
            for command, limit in COMMANDS.items()
        ],
        columns=("command", "seconds", "processor, s", "peak MB"),
        rows=[(command, seconds(each), processor(each), peak(each)) for command, each in runs.items()],
    )
