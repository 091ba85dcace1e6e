"""Ticks agree with those of Dagster, which evaluates deadlines."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import takewhile

import pytest
from dagster._utils.schedules import cron_string_iterator

from platform_core.contracts.cron import Schedule

# Both changes of clocks of 2024, on either hemisphere.
SCHEDULES = [
    ("0 5 * * *", "America/New_York"),
    ("30 2 * * *", "America/New_York"),  # skipped on 10 March
    ("30 1 * * *", "America/New_York"),  # twice on 3 November
    ("15,45 * * * *", "Europe/Berlin"),
    ("0 6 * * 1", "America/Chicago"),
    ("0 0 1,15 * 3", "Asia/Tokyo"),  # either day, as cron has it
    ("30 1,2 * * *", "Australia/Lord_Howe"),  # half an hour
    ("0 0 * * *", "Africa/Cairo"),  # at midnight
]


@pytest.mark.parametrize(("cron", "zone"), SCHEDULES)
def test_ticks_agree_with_dagster(cron: str, zone: str) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    end = datetime(2025, 2, 1, tzinfo=UTC)
    ticks = takewhile(end.__gt__, cron_string_iterator(start, cron, zone))
    expected = [int(tick.timestamp() // 60) for tick in ticks]
    schedule = Schedule(cron, zone)
    moment, found = expected[0], [expected[0]]
    while moment < expected[-1]:
        moment = schedule.next(moment)
        found.append(moment)
    assert found == expected
    assert [schedule.last(tick) for tick in found] == found
    assert [schedule.last(tick - 1) for tick in found[1:]] == found[:-1]
