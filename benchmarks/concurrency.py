"""Eight writers and two readers at once: a lake per domain, compared with one DuckDB file for all.

Every commit reads its table, adds one to every row, checks the result and commits it, so a lost update makes
a number too small. Two writers share a table, and the readers join all four tables all the time.
"""

from __future__ import annotations

import json
import subprocess
import time
from statistics import quantiles
from typing import Any

from benchmarks.ledgers import COMMITS, DOMAINS, STORES, Store
from benchmarks.measure import ROOT, BenchmarkFailed, environ, fresh_home, module
from benchmarks.report import Aim, Figure, Section

WRITERS = 8
READERS = 2
STARTING = 5.0  # seconds for the imports of all processes, so that they begin together
LONGEST = 300.0  # maximum seconds for the writers of a store
COLUMNS = ("store", "commits", "lost updates", "refused", "p95 commit, s", "reads", "failed reads", "seconds")


def measure(rounds: int) -> Section:
    """Run both stores once. The figures are commits, not seconds, so ``rounds`` has no effect."""
    with fresh_home() as home:
        rows = {name: _run(store(home)) for name, store in STORES.items()}
    lakes = dict(zip(COLUMNS[1:], rows["lakes"], strict=True))
    return Section(
        title=f"{WRITERS} writers x {COMMITS} commits, while {READERS} readers join all four domains",
        aims=[
            Aim("commits over the lakes", float(lakes["commits"]), at_least=WRITERS * COMMITS),
            Aim("lost updates", float(lakes["lost updates"]), at_most=0),
            Aim("failed reads", float(lakes["failed reads"]), at_most=0),
        ],
        columns=COLUMNS,
        rows=[("a lake per domain", *rows["lakes"]), ("one DuckDB file", *rows["file"])],
    )


def _run(store: Store) -> tuple[Figure, ...]:
    store.create()
    start = time.time() + STARTING
    limits = (str(start), str(start + LONGEST))
    stop = store.home / f"{store.name}.stop"
    processes: list[subprocess.Popen[str]] = []
    try:
        for number in range(WRITERS):
            processes.append(_start(store, "write", DOMAINS[number % len(DOMAINS)], *limits))
        for _ in range(READERS):
            processes.append(_start(store, "read", str(stop), *limits))
        writers = [_end(process) for process in processes[:WRITERS]]
        seconds = time.time() - start
        stop.touch()
        readers = [_end(process) for process in processes[WRITERS:]]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    took = [each for writer in writers for each in writer["seconds"]]
    return (
        len(took),
        len(took) - store.commits(),
        sum(writer["refused"] for writer in writers),
        round(quantiles(took, n=20)[-1], 2) if len(took) > 1 else "none",
        sum(reader["reads"] for reader in readers),
        sum(reader["failed"] for reader in readers),
        round(seconds, 1),
    )


def _start(store: Store, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        module("ledgers", store.name, *arguments),
        cwd=ROOT,
        env=environ(store.home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, errors = process.communicate(timeout=2 * LONGEST)
    if process.returncode:
        end = "\n  ".join(errors.strip().splitlines()[-15:])
        raise BenchmarkFailed(f"a process ended with {process.returncode}:\n  {end}")
    said: dict[str, Any] = json.loads(output)
    return said
