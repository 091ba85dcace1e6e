"""The times of incidents that are over."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from central_data_platform.incidents import INCIDENTS, incidents, row
from platform_core.mesh import ClosedIncident
from platform_core.testing import evaluate

OPENED = datetime(2026, 11, 3, 5, tzinfo=UTC)
READERS = ("sales/best", "hr/rosters", "hr/costs")


def closed(cause: str = "sales/likes", **facts: Any) -> dict[str, Any]:
    usual = {
        "id": "0a1b2c3d",
        "cause": cause,
        "kind": "refused",
        "what": "was not published",
        "opened": OPENED,
        "detected": OPENED + timedelta(seconds=30),
        "acknowledged": OPENED + timedelta(minutes=10),
        "acknowledged_by": "ada",
        "resolved": OPENED + timedelta(hours=2),
        "reopened": 1,
        "affected": READERS,
    }
    return row(ClosedIncident(**usual | facts))


def test_times_are_counted_from_the_begin_of_the_incident() -> None:
    found = closed()
    names = ("seconds_to_detect", "seconds_to_acknowledge", "seconds_to_repair")
    assert [found[name] for name in names] == [30, 600, 7200]
    assert (found["affected"], found["domains_affected"], found["reopened"]) == (3, 2, 1)
    assert found.keys() == set(INCIDENTS.names)


def test_an_incident_without_an_answer_has_no_time_of_one() -> None:
    found = closed(acknowledged=None, acknowledged_by=None)
    assert (found["acknowledged"], found["seconds_to_acknowledge"]) == (None, None)


def test_a_time_is_never_negative() -> None:
    """A run knows of its failure before the watch, whose clock may be another one."""
    assert closed(detected=OPENED - timedelta(seconds=1))["seconds_to_detect"] == 0


@pytest.mark.parametrize(
    ("cause", "domain"),
    [
        ("sales/likes", "sales"),
        ("location:hr", "hr"),
        ("source:tills/receipts", None),
        ("channel:hr-team #hr", None),
        ("daemon", None),
    ],
)
def test_the_domain_is_that_of_the_cause(cause: str, domain: str | None) -> None:
    assert closed(cause)["domain"] == domain


def test_without_a_watch_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    result = evaluate(incidents)
    assert (result.rows, result.failed) == ([], [])
