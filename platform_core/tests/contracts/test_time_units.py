"""Schedules and time zones agree with Dagster and the IANA database."""

# ruff: noqa: E501 - a list of schedules reads best in one line
from __future__ import annotations

from datetime import timedelta

import pytest
from dagster._utils.schedules import get_smallest_cron_interval, is_valid_cron_string

from platform_core.contracts.time_units import BadCron, cron_interval, time_zone


@pytest.mark.parametrize(
    "schedule",
    ["0 5 * * *", "*/15 * * * *", "0 6 * * 1", "30 6 1 * *", "0 0 1,15 * *", "0 22-23 * * mon-fri", "5 0 * jan sun", "0 0 29 2 *", "59 23 * * *", "0 */7 * * *", "0 0 13 * 5", "0 22-4 * * *", "0 0 * * fri-mon"],
)  # fmt: skip
def test_intervals_agree_with_dagster(schedule: str) -> None:
    assert cron_interval(schedule) == get_smallest_cron_interval(schedule)


@pytest.mark.parametrize(
    "schedule", ["", "* * * *", "60 * * * *", "0 24 * * *", "0 0 0 * *", "0 0 * 13 *", "0 0 * * 8", "*/0 * * * *", "0 0 30 2 *", "a * * * *", "1,,2 * * * *"]
)  # fmt: skip
def test_no_schedule(schedule: str) -> None:
    with pytest.raises(BadCron):
        cron_interval(schedule)
    assert not is_valid_cron_string(schedule)


def test_time_zones_are_places() -> None:
    assert time_zone("America/New_York") is not None
    assert time_zone("UTC") is not None
    for name in (
        "EST",
        "+02:00",
        "America/Nowhere",
        "../etc/passwd",
        "/etc/passwd",
        "",
        "UTC+1",
        "America/",
        "america/new_york\x00",
    ):
        assert time_zone(name) is None, name


def test_weekly_interval() -> None:
    assert cron_interval("0 6 * * 1") == timedelta(days=7)
