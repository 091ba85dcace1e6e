"""The cost of governance when a location loads: 1,000 governed products, compared with the same specs and
checks in plain Dagster."""

from __future__ import annotations

from typing import Any

from benchmarks.generated import write_domain, write_federation
from benchmarks.measure import environ, fresh_home, module, run
from benchmarks.report import Aim, Section, peak, timed

PRODUCTS = 1000
DOMAIN = "retail"
WAYS = {
    "plain Dagster": "plain",
    "governed, contracts parsed before": "parsed",
    "governed, with parsing": "parsing",
}


def measure(rounds: int) -> Section:
    """Run each variant in turn, in its own process, without the time of its imports."""
    with fresh_home() as home:
        root = home / "mesh"
        root.mkdir()
        write_federation(root, [DOMAIN])
        write_domain(root, DOMAIN, PRODUCTS, [], None)
        around = environ(home) | {"MESH_ROOT": str(root)}
        runs: dict[str, list[Any]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way, word in WAYS.items():
                runs[way].append(run(module("loading", word, str(root)), around))
    plain, parsed, parsing = runs.values()
    return Section(
        title=f"Definitions of {PRODUCTS:,} products in one location ({rounds} runs each, medians)",
        aims=[
            Aim("governed / plain Dagster, contracts parsed", timed(parsed) / timed(plain), at_most=1.1),
            Aim("governed / plain Dagster, with parsing", timed(parsing) / timed(plain), at_most=2.5),
        ],
        columns=("way", "seconds", "peak MB"),
        rows=[(way, timed(each), peak(each)) for way, each in runs.items()],
    )
