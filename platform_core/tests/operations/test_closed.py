"""The incidents that are over, as the product of the mesh publishes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from platform_core.mesh import incidents_closed
from platform_core.operations.incidents.signals import Signal
from platform_core.operations.store.closed import closed_incidents
from platform_core.operations.store.journal import Journal
from platform_core.operations.watch.answers import acknowledge
from platform_core.operations.watch.settle import settle

START = datetime(2026, 11, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GRAPH = {"hr/rosters": {"": {"shop/sales": []}, "x": {"shop/sales": ["x"]}}}


def observed(root: Path, now: datetime, *signals: Signal) -> None:
    """A round at a time, with new signals."""
    with Journal.open(root) as journal, journal.transaction():
        settle(journal, journal.record(signals), now)


def published(at: datetime) -> Signal:
    return Signal.of("published", "shop/sales", at, at.isoformat(), version=2)


def test_an_incident_has_the_times_of_its_stages_once_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_ROOT", str(tmp_path))
    monkeypatch.delenv("MESH_HOME", raising=False)
    (tmp_path / "workspace.yaml").write_text("load_from: []\n")
    assert closed_incidents(tmp_path) == []

    refused = Signal.of("refused", "shop/sales", START, "run", rule="range__x", columns=["x"])
    observed(tmp_path, START + MINUTE, Signal.of("graph", "hr", START, "1", part=GRAPH), refused)
    with Journal.open(tmp_path) as journal:
        (open_one,) = journal.incidents(unresolved=True)
    acknowledge(tmp_path, open_one["id"], "ada", START + 10 * MINUTE)
    assert closed_incidents(tmp_path) == []

    observed(tmp_path, START + 61 * MINUTE, published(START + 60 * MINUTE))

    (found,) = incidents_closed()
    assert (found.id, found.cause, found.kind) == (open_one["id"], "shop/sales", "refused")
    assert (found.opened, found.detected) == (START, START + MINUTE)
    assert (found.acknowledged, found.acknowledged_by) == (START + 10 * MINUTE, "ada")
    assert (found.resolved, found.reopened) == (START + 60 * MINUTE, 0)
    assert found.affected == ("hr/rosters",)


def test_an_incident_that_came_back_is_over_at_its_last_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    for number in range(2):
        at = START + number * 50 * MINUTE
        observed(tmp_path, at, Signal.of("failed", "shop/sales", at, str(number)))
        if number:
            assert closed_incidents(tmp_path) == []
        observed(tmp_path, at + 20 * MINUTE, published(at + 20 * MINUTE))

    (found,) = closed_incidents(tmp_path)
    assert (found.opened, found.resolved, found.reopened) == (START, START + 70 * MINUTE, 1)
    assert (found.acknowledged, found.detected) == (None, START)
