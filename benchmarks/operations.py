"""Operation of 1,000 products: a replay of 30 days of signals, a night of the ledger; and a quiet round of
the watch of this mesh."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, BenchmarkFailed, environ, fresh_home, module, run
from benchmarks.report import Aim, Section
from platform_core.operations.incidents.book import Book
from platform_core.operations.incidents.reach import ROWS
from platform_core.operations.incidents.signals import Signal
from platform_core.operations.ledger.night import Deliveries, entries
from platform_core.operations.ledger.promises import Delivery, closing
from platform_core.operations.store.journal import Journal
from platform_core.operations.watch.process import EVERY
from platform_core.operations.watch.round import Rounds
from platform_core.operations.watch.settle import settle
from platform_core.registry.lookup import Registry
from platform_core.workspace.home import Home

PRODUCTS, LAYERS, DAYS = 1000, 10, 30
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)


def measure(rounds: int) -> Section:
    """Measure each in a process of its own; figures are processor seconds, the worst of all rounds."""
    found = dict[str, float]()
    for what in ("replay", "night", "quiet"):
        measured = []
        for _ in range(rounds):
            with fresh_home() as home:
                measured.append(run(module("operations", what), environ(home)).said)
        found |= {name: max(each[name] for each in measured) for name in measured[0]}
    share = 100 * found["quiet round"] / EVERY.total_seconds()
    return Section(
        title=f"Operation of {PRODUCTS:,} products ({rounds} runs each, the worst)",
        aims=[
            Aim(f"replay of {DAYS} days of signals, processor", found["replay"], at_most=3, unit=" s"),
            Aim("a night of the ledger, processor", found["night"], at_most=0.1, unit=" s"),
            Aim("a quiet round of this mesh, of a core", share, at_most=1, unit=" %"),
        ],
        columns=("what", "processor, s"),
        rows=[(name, round(value, 3)) for name, value in found.items()],
    )


def graph() -> dict[str, Any]:
    """Products in layers, each made from two of the layer before."""
    width = PRODUCTS // LAYERS
    return {
        f"d{n % 7}/p{n}": {ROWS: {f"d{m % 7}/p{m}": [] for m in _inputs(n, width)}} for n in range(PRODUCTS)
    }


def _inputs(number: int, width: int) -> list[int]:
    before = number // width * width - width
    return [before + (number * k) % width for k in (1, 7)] if before >= 0 else []


def signals() -> Iterator[Signal]:
    """A publication of each product a day; one in a hundred is refused first, and its readers are late."""
    chance, part = random.Random(1), graph()
    yield Signal.of("graph", "all", BEGIN, "graph", part=part)
    for day in range(DAYS):
        at, missing = BEGIN + timedelta(days=day), set[str]()
        for number, product in enumerate(part):
            at += timedelta(seconds=30)
            refused = chance.random() < 0.01
            if refused:
                yield Signal.of("refused", product, at, str(day), run="r", rule="rule")
            late = bool(part[product][ROWS].keys() & missing)
            if late:
                yield Signal.of("late", product, at, str(day), why="was due")
            missing |= {product} if refused or late else set()
            facts = {"run": "r", "version": day, "rows": 1, "seconds": 1.0, "bytes": number, "late": False}
            again = timedelta(hours=10) if product in missing else timedelta()
            yield Signal.of("published", product, at + again, str(day), **facts)


def replay() -> dict[str, float]:
    found = sorted(signals(), key=lambda each: each.at)
    with Journal.open(ROOT) as journal:
        with journal.transaction():
            journal.record(found)
        with journal.transaction():
            whole = _processor(lambda: settle(journal, found, found[-1].at))
        one = Signal.of("published", "d0/p0", found[-1].at, "one more", **found[-1].facts)
        with journal.transaction():
            round_ = _processor(lambda: settle(journal, journal.record([one]), found[-1].at))
    book = _processor(lambda: Book.replay(found))
    return {"signals": float(len(found)), "replay": whole, "book alone": book, "one more signal": round_}


def night() -> dict[str, float]:
    """The contracts of this mesh, repeated; of their deliveries some are late and some are missing."""
    own, chance = Registry.open(ROOT).scan()[0], random.Random(3)
    products = [
        replace(own[number % len(own)], name=f"{own[number % len(own)].name}_{number}")
        for number in range(PRODUCTS)
    ]
    ids, of = [product.id for product in products], dict[str, list[Delivery]]()
    for number, product in enumerate(products):
        inputs = frozenset(ids[before] for before in _inputs(number, PRODUCTS // LAYERS))
        promised = closing(product, BEGIN, BEGIN + timedelta(days=40))
        early = [
            timedelta(minutes=chance.randint(-300 if chance.random() < 0.02 else 1, 30)) for _ in range(40)
        ]
        times = [slot.due - before for slot, before in zip(promised, early, strict=False)]
        of[product.id] = [Delivery(at, n, inputs) for n, at in enumerate(times) if chance.random() > 0.01]
    day = (BEGIN + timedelta(days=38)).date()
    found = Deliveries(BEGIN, of)
    return {"night": _processor(lambda: entries(products, found, day))}


def quiet() -> dict[str, float]:
    Home.of(ROOT).prepare(ROOT)
    with Journal.open(ROOT) as journal:
        watch = Rounds(ROOT, journal, EVERY)
        first = _processor(lambda: watch.round(datetime.now(UTC)))
        again = _processor(lambda: watch.round(datetime.now(UTC)))
    return {"first round": first, "quiet round": again}


def _processor(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    if Path.cwd() != ROOT:
        raise BenchmarkFailed(f"run it in {ROOT}")
    print(json.dumps({"replay": replay, "night": night, "quiet": quiet}[sys.argv[1]]()))
