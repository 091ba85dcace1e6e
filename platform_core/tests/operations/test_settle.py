"""Rounds that replay only as far back as they must show the incidents of a whole replay."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from platform_core.operations.incidents.book import QUIET, Book
from platform_core.operations.incidents.signals import Signal
from platform_core.operations.store.journal import Journal
from platform_core.operations.watch.settle import document, settle

START = datetime(2026, 11, 1, tzinfo=UTC)
GRAPH = {
    "a/one": {"": {"tills": []}, "x": {"tills": ["x"]}, "y": {"tills": ["y"]}},
    "a/two": {"": {"a/one": []}, "x": {"a/one": ["x"]}},
    "b/three": {"": {"a/two": []}, "x": {"a/two": ["x"]}},
    "b/four": {"": {"a/one": []}, "y": {"a/one": ["y"]}},
    "c/five": {"": {"b/three": [], "b/four": []}, "x": {"b/three": ["x"]}},
    "c/six": {"": {}, "x": {}},
}
PRODUCTS = tuple(GRAPH)
KINDS = (
    ("published",) * 8
    + ("late",) * 6
    + ("refused", "failed", "unchecked", "broken", "works", "ack", "silence")
)


def story(seed: int, hours: int) -> list[Signal]:
    """Random signals over some hours, not in the order of their times."""
    chosen = random.Random(seed)
    signals = [Signal.of("graph", "all", START - timedelta(hours=1), part=GRAPH)]
    for number in range(hours * 3):
        kind, product = chosen.choice(KINDS), chosen.choice(PRODUCTS)
        at = START + timedelta(minutes=20 * number + chosen.randint(-30, 30))
        facts: dict[str, object] = {"rule": "range__x"}
        subject: str = product
        if kind in ("broken", "works"):
            subject = chosen.choice(("location:a", "location:b", "daemon"))
        if kind in ("refused", "unchecked"):
            facts |= {"columns": chosen.choice((["x"], ["y"], None))}
        if kind == "failed" and chosen.random() < 0.3:
            facts = {"source": "tills"}
        if kind == "late" and chosen.random() < 0.2:
            facts = {"source": "tills"}
        if kind == "published":
            facts = {"late": chosen.random() < 0.1, "version": number}
        if kind == "silence":
            facts = {"until": (at + timedelta(hours=5)).isoformat(), "by": "x", "why": "y"}
        if kind == "ack":
            facts = {"by": "x"}
        signals.append(Signal.of(kind, subject, at, str(number), **facts))
        if number % 36 == 31:  # everything is repaired, and nothing happens for some hours
            night = START + timedelta(minutes=20 * number + 40)
            signals += [
                Signal.of("published", each, night, "all", str(number), version=0) for each in PRODUCTS
            ]
            causes = ("location:a", "location:b", "daemon", "source:tills")
            signals += [Signal.of("works", each, night, str(number)) for each in causes]
    begin, end = timedelta(minutes=30), timedelta(hours=10, minutes=30)
    always = ("graph", "published", "works")
    return [s for s in signals if s.kind in always or begin < (s.at - START) % timedelta(hours=12) < end]


def acknowledging(signals: list[Signal]) -> Iterator[Signal]:
    """The signals with an incident as the subject of each acknowledgement: the oldest that is open then."""
    done: list[Signal] = []
    for signal in signals:
        if signal.kind == "ack":
            book = Book.replay(
                sorted((each for each in done if each.at <= signal.at), key=lambda each: each.at)
            )
            ids = [incident.id for incident in book.open]
            if not ids:
                continue
            signal = Signal(signal.key, "ack", ids[0], signal.at, signal.facts)
        done.append(signal)
        yield signal


@pytest.mark.parametrize("seed", range(12))
def test_rounds_show_what_a_whole_replay_shows(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    signals = [*acknowledging(story(seed, 48))]
    chosen = random.Random(seed)
    with Journal.open(tmp_path) as journal:
        left, now = [*signals], START
        while left:
            count = chosen.randint(1, 9)
            part, left = left[:count], left[count:]
            now = max([now, *(each.at for each in part)])
            with journal.transaction():
                settle(journal, journal.record(part), now)
        found = {each["id"]: each for each in journal.incidents()}
        assert journal.since(now, QUIET) > START + timedelta(hours=11)

    whole = Book.replay(sorted(signals, key=lambda each: each.at))

    expected = {each.id: document(whole, each, now) for each in whole.incidents.values()}
    assert len(expected) > 5
    assert found.keys() == expected.keys()
    for id, each in expected.items():
        # Readers of a closed incident depend on the graph of its time, which is the same here.
        assert {**found[id], "detected": None, "silenced": None} == {
            **each,
            "detected": None,
            "silenced": None,
        }


def test_a_replay_reads_only_what_it_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    with Journal.open(tmp_path) as journal:
        for day in range(20):
            at = START + timedelta(days=day)
            part = [
                Signal.of("refused", "a/one", at, str(day)),
                Signal.of("published", "a/one", at + timedelta(hours=2), str(day), version=day),
            ]
            with journal.transaction():
                settle(journal, journal.record(part), at + timedelta(hours=3))
        since = journal.since(at + timedelta(hours=12), timedelta(hours=1))
        assert len([*journal.signals(since)]) == 1  # the last publication
        assert len(journal.incidents()) == 20
