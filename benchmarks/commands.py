"""The duration of the most frequent commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.generated import write_domain, write_federation
from benchmarks.measure import MESH, Measured, environ, fresh_home, module, run
from benchmarks.report import Aim, Section, peak, processor, seconds

COMMANDS = {
    "mesh --help": 0.3,
    "mesh check sales/household_baskets": 1.5,
}
OF_THE_PROCESSOR = {
    "mesh products": 0.5,
    "mesh show sales/transactions": 0.5,
}
FIRST_ROW = {
    "mesh query": ([str(MESH), "query", "FROM sales.store_performance LIMIT 1"], 0.5),
    "mesh.read": (
        [
            str(MESH.with_name("python")),
            "-c",
            "import platform_core.client as mesh;mesh.read('sales/store_performance').duckdb().fetchone()",
        ],
        0.4,
    ),
}
"""From the start of the process to the first row, in processor seconds with those of its children."""
DOMAINS = [f"domain{number:03d}" for number in range(10)]
MANY = 5_000
"""Products of a generated mesh; none was ever made."""


def measure(rounds: int) -> Section:
    """Run each command several times, after one call that fills the disk's cache."""
    times = 2 * rounds + 1
    runs: dict[str, list[Measured]] = {}
    for command in (*COMMANDS, *OF_THE_PROCESSOR):
        words = [str(MESH), *command.split()[1:]]
        run(words, os.environ)
        runs[command] = [run(words, os.environ) for _ in range(times)]
    for name, (words, _) in FIRST_ROW.items():
        run(words, os.environ)
        runs[name] = [run(words, os.environ) for _ in range(times)]
    status = f"mesh status, {MANY:,} products"
    with fresh_home() as home:
        _write(home / "mesh")
        around = environ(home) | {"MESH_ROOT": str(home / "mesh")}
        runs[status] = [run(module("commands"), around) for _ in range(rounds)]
    first = ((name, most) for name, (_, most) in FIRST_ROW.items())
    limits = [*OF_THE_PROCESSOR.items(), *first, (status, 4.0)]
    waits = (Aim(name, seconds(runs[name]), at_most=most, unit=" s") for name, most in COMMANDS.items())
    used = ((name, processor(runs[name]), most) for name, most in limits)
    return Section(
        title=f"Commands ({times} runs each, medians)",
        aims=[*waits, *(Aim(f"{name}, processor", own, at_most=most, unit=" s") for name, own, most in used)],
        columns=("command", "seconds", "processor, s", "peak MB"),
        rows=[(command, seconds(each), processor(each), peak(each)) for command, each in runs.items()],
    )


def _write(root: Path) -> None:
    root.mkdir()
    write_federation(root, DOMAINS)
    for domain in DOMAINS:
        write_domain(root, domain, MANY // len(DOMAINS), [each for each in DOMAINS if each != domain], None)


if __name__ == "__main__":
    from platform_core.cli import main

    sys.argv[1:] = ["status"]
    main()  # its findings are not a failure of the benchmark
