"""``python -m benchmarks.scale [--rounds N] [--products N] [BENCHMARK]``: the mesh past one machine.

Postgres, the object store and all code servers run on this machine, from the wheels of the tests.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from unittest.mock import patch

import on_servers  # type: ignore[import-not-found]
import psutil
from deployed import Deployed, deployed  # type: ignore[import-not-found]
from mesh_command import Mesh  # type: ignore[import-not-found]
from small_mesh import SmallMesh  # type: ignore[import-not-found]

from benchmarks import scale_growth
from benchmarks.command import parsed, run_all
from benchmarks.measure import MESH, ROOT, BenchmarkFailed, Measured, fresh_home, run
from benchmarks.report import Aim, Figure, Section, peak, processor, seconds

PRODUCT = "sales/transactions"
QUERIES = {
    "an aggregate over sales.transactions": "SELECT store_id, count(*), sum(sales_value) "
    "FROM sales.transactions GROUP BY 1 ORDER BY 2 DESC LIMIT 5",
    "an aggregate over sales.products": "SELECT department, count(*) FROM sales.products GROUP BY 1 LIMIT 5",
}
EMBEDDED, ON_SERVERS = "embedded", "Postgres and object store"


@dataclass(frozen=True)
class Mode:
    """The real mesh with its own state; ``servers`` are the processes that work for it."""

    environment: Mapping[str, str]
    servers: Sequence[psutil.Process] = ()

    def mesh(self, *words: str) -> Measured:
        """A command; its processor seconds include those of the servers meanwhile."""
        before = sum(map(_used, self.servers))
        measured = run([str(MESH), *words], self.environment)
        return replace(measured, processor=measured.processor + sum(map(_used, self.servers)) - before)


def _used(process: psutil.Process) -> float:
    """Processor seconds of a process, and of its children, those that have ended too."""
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue  # its parent has its time now
        total += times.user + times.system + times.children_user + times.children_system
    return total


@contextmanager
def both_modes() -> Iterator[dict[str, Mode]]:
    """The mesh of this repository in both modes, with the inputs of the product and all that the queries
    read."""
    with (
        fresh_home() as home,
        patch.object(on_servers, "write_deployment", _written_to(home)),
        on_servers.deployed(SmallMesh(ROOT), home / "servers") as servers,
    ):
        there = Mesh(ROOT, home / "on_servers", {"MESH_DEPLOYMENT": str(servers.file)})
        processes = [psutil.Process(each.process.pid) for each in (servers.postgres, servers.store)]
        modes = {
            EMBEDDED: Mode(Mesh(ROOT, home / "embedded").environment()),
            ON_SERVERS: Mode(there.environment(), processes),
        }
        for mode in modes.values():
            mode.mesh("run", "--json", f"+{PRODUCT}")
        yield modes


def _written_to(folder: Path) -> Callable[..., Path]:
    """Writes the deployment into a folder, instead of the root of this repository."""
    original = on_servers.write_deployment

    def written(_: Path, *given: object) -> Path:
        file: Path = original(folder, *given)
        return file

    return written


def lakes(rounds: int) -> list[Section]:
    """Publication and queries in both modes in turn."""
    with both_modes() as modes:
        return [_publication(modes, rounds), *(_query(modes, name, 2 * rounds + 1) for name in QUERIES)]


def _publication(modes: Mapping[str, Mode], rounds: int) -> Section:
    runs: dict[str, list[Measured]] = {name: [] for name in modes}
    for _ in range(rounds):
        for name, mode in modes.items():
            runs[name].append(mode.mesh("run", "--json", PRODUCT))
    here, there = runs[EMBEDDED], runs[ON_SERVERS]
    return Section(
        title=f"Publishing {PRODUCT} ({rounds} runs each, medians)",
        aims=[
            Aim("on servers / embedded, the product's seconds", _own(there) / _own(here), at_most=1.5),
            Aim("the same, processor of all processes", processor(there) / processor(here), at_most=1.5),
        ],
        columns=("mode", "seconds", "whole command, s", "processor, s", "peak MB"),
        rows=[(way, _own(each), seconds(each), processor(each), peak(each)) for way, each in runs.items()],
    )


def _own(runs: Sequence[Measured]) -> float:
    """The seconds of the product's step, as `mesh run` reports them."""
    entries = (entry for each in runs for entry in each.said["products"])
    return round(median(float(entry["seconds"]) for entry in entries if entry["product"] == PRODUCT), 3)


def _query(modes: Mapping[str, Mode], name: str, times: int) -> Section:
    runs: dict[str, list[Measured]] = {mode: [] for mode in modes}
    for number in range(times + 1):
        for way, mode in modes.items():
            measured = mode.mesh("query", "--json", QUERIES[name])
            if number:  # the first fills the caches
                runs[way].append(measured)
    here, there = runs[EMBEDDED], runs[ON_SERVERS]
    more = "more on servers than embedded"
    return Section(
        title=f"mesh query, warm: {name} ({times} runs each, medians)",
        aims=[
            Aim(more, seconds(there) - seconds(here), at_most=0.3, unit=" s"),
            Aim(f"{more}, processor", processor(there) - processor(here), at_most=0.3, unit=" s"),
        ],
        columns=("mode", "seconds", "processor, s", "peak MB"),
        rows=[(way, seconds(each), processor(each), peak(each)) for way, each in runs.items()],
    )


def batch(rounds: int) -> list[Section]:
    """`mesh run` of six products as a client of a served deployment, after one that warms up."""
    submitting: list[float] = []
    starting: list[float] = []
    with fresh_home() as home, deployed(home) as served:
        for number in range(rounds + 1):
            before, began = _run_ids(served), time.time()
            answer = served.mesh.run()
            if answer.code:
                raise BenchmarkFailed(answer.err + answer.out)
            with served.mesh.instance() as instance:
                records = instance.get_run_records()
            new = [each for each in records if each.dagster_run.run_id not in before]
            if number:
                submitting.append(min(each.create_timestamp.timestamp() for each in new) - began)
                starting += [each.start_time - each.create_timestamp.timestamp() for each in new]
    rows: list[tuple[Figure, ...]] = [
        ("the command, to its first submitted run", median(submitting), max(submitting)),
        ("a submitted run, to its start", median(starting), max(starting)),
    ]
    return [
        Section(
            title=f"A batch of six products by {len(starting) // rounds} runs on a served deployment "
            f"({rounds} batches)",
            aims=[Aim("from the submitted run to its start, median", median(starting), at_most=3, unit=" s")],
            columns=("step", "median, s", "longest, s"),
            rows=rows,
        )
    ]


def _run_ids(served: Deployed) -> set[str]:
    with served.mesh.instance() as instance:
        return {run.run_id for run in instance.get_runs()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--products", type=int, default=500, help="of each domain of growth (default 500)")
    options = parsed(parser, ["lakes", "batch", "growth"])
    growth = partial(scale_growth.measure, products=options.products)
    return run_all({"lakes": lakes, "batch": batch, "growth": growth}, options.benchmarks, options.rounds)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
