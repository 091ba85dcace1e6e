"""The automatic refresh of a product with a deadline is inside the deadline's window, for any schedule."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from platform_core.contracts.cron import Schedule
from platform_core.contracts.model import Deadline
from platform_core.contracts.refresh import opening, refresh, refresh_lead
from platform_core.diagnostics import Place

ZONE = "America/New_York"


def deadline(schedule: str, minutes: int) -> Deadline:
    return Deadline(schedule, timedelta(minutes=minutes), ZONE, Place(Path("c.yaml")))


@pytest.mark.parametrize(
    ("schedule", "minutes", "lines"),
    [
        ("0 6 * * *", 240, ("0 5 * * *",)),
        ("0 6 * * *", 90, ("15 5 * * *",)),
        ("30 0 * * 1", 120, ("30 23 * * 0",)),
        ("15 0,17 * * 1-5", 12 * 60, ("15 23 * * 0,1,2,3,4", "15 16 * * 1-5")),
        ("*/5 * * * *", 4, ("3,8,13,18,23,28,33,38,43,48,53,58 * * * *",)),
        # Cron cannot name the last evening of a month: midnight it is, or the deadline itself.
        ("30 0 1 * *", 24 * 60, ("0 0 1 * *",)),
        ("0 0 1 * *", 60, ("0 0 1 * *",)),
    ],
)
def test_a_product_of_sources_is_refreshed_an_hour_before_its_deadline_or_in_mid_window(
    schedule: str, minutes: int, lines: tuple[str, ...]
) -> None:
    assert refresh(deadline(schedule, minutes), follows=False) == lines


def test_a_product_of_products_is_refreshed_half_an_hour_before_its_deadline() -> None:
    assert refresh(deadline("0 6 * * *", 240), follows=True) == ("30 5 * * *",)
    assert refresh(deadline("0 6 * * *", 60), follows=True) == ("45 5 * * *",)
    assert opening(deadline("0 6 * * *", 240)) == ("0 2 * * *",)
    assert refresh_lead(deadline("0 6 * * *", 240), follows=True) == 30
    assert refresh_lead(deadline("30 0 1 * *", 24 * 60), follows=False) == 30


@pytest.mark.parametrize("schedule", ["0 6 * * *", "30 6 * * 1", "0 3 * * 0", "15 5,17 * * 1-5"])
def test_each_refresh_of_a_year_is_in_a_window(schedule: str) -> None:
    """Even when the clocks change, for a window of four hours."""
    promised = deadline(schedule, 240)
    due = Schedule(schedule, ZONE)
    for line in refresh(promised, follows=False):
        ticking = Schedule(line, ZONE)
        moment = ticking.next(28_401_120)  # 2024-01-01
        for _ in range(300):
            assert 0 <= due.next(moment - 1) - moment <= 240
            moment = ticking.next(moment)
