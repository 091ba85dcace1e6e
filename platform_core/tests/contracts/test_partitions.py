"""The grid agrees with Dagster's partitions definitions, also where clocks change."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from platform_core.contracts.model import Partitions
from platform_core.contracts.partitions import Window, partition_windows, window_spanning
from platform_core.diagnostics import Place, UsageError

DEFINITIONS: dict[str, Any] = {
    "hour": dg.HourlyPartitionsDefinition,
    "day": dg.DailyPartitionsDefinition,
    "week": dg.WeeklyPartitionsDefinition,
    "month": dg.MonthlyPartitionsDefinition,
}


def grid(every: Any, start: datetime, end: datetime | None, timezone: str) -> Partitions:
    return Partitions("at", every, start, timezone, Place(Path("x")), end)


@pytest.mark.parametrize(
    "timezone",
    ["UTC", "America/New_York", "Europe/Berlin", "Australia/Adelaide", "Asia/Kolkata", "America/Sao_Paulo"],
)
@pytest.mark.parametrize(
    ("every", "start", "end"),
    [
        ("month", datetime(2017, 1, 1), datetime(2018, 1, 1)),
        ("week", datetime(2017, 1, 1), datetime(2017, 12, 31)),
        ("day", datetime(2017, 3, 1), datetime(2017, 11, 30)),
        ("hour", datetime(2017, 3, 10), datetime(2017, 3, 28)),
        ("hour", datetime(2017, 10, 28, 5), datetime(2017, 11, 7, 3)),
    ],
)
def test_keys_and_bounds_agree_with_dagster(
    every: str, start: datetime, end: datetime, timezone: str
) -> None:
    definition = DEFINITIONS[every](start_date=start, end_date=end, timezone=timezone)
    cells = partition_windows(grid(every, start, end, timezone))
    assert [cell.key for cell in cells] == list(definition.get_partition_keys())
    for cell in cells:
        theirs = definition.time_window_for_partition_key(cell.key)
        assert (cell.start, cell.end) == (theirs.start.astimezone(UTC), theirs.end.astimezone(UTC)), cell.key


@pytest.mark.parametrize("every", DEFINITIONS)
def test_open_grid_ends_with_the_last_complete_cell(every: str) -> None:
    start, timezone = datetime(2024, 9, 1), "America/New_York"
    definition = DEFINITIONS[every](start_date=start, timezone=timezone)
    now = datetime(2024, 11, 3, 7, 30, tzinfo=UTC)  # the morning after the clock went back
    keys = list(definition.get_partition_keys(current_time=now))
    assert [cell.key for cell in partition_windows(grid(every, start, None, timezone), now)] == keys


def test_clock_change_makes_days_of_23_and_25_hours() -> None:
    days = grid("day", datetime(2017, 1, 1), datetime(2018, 1, 1), "America/New_York")
    assert {cell.end - cell.start for cell in partition_windows(days)} == {
        timedelta(hours=h) for h in (23, 24, 25)
    }
    spring = window_spanning(days, ["2017-03-12"])
    assert spring.start == datetime(2017, 3, 12, 5, tzinfo=UTC)
    assert spring.end == datetime(2017, 3, 13, 4, tzinfo=UTC)


def test_spanning_covers_adjacent_keys_in_any_order() -> None:
    months = grid("month", datetime(2017, 1, 1), datetime(2018, 1, 1), "America/New_York")
    whole = window_spanning(months, ["2017-03-01", "2017-02-01"])
    assert whole.start == window_spanning(months, ["2017-02-01"]).start
    assert whole.end == window_spanning(months, ["2017-03-01"]).end
    assert window_spanning(months, ["2017-05-01"]) == partition_windows(months)[4]


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (["2017-13-01"], "U020"),
        (["2018-01-01"], "U020"),
        ([], "U021"),
        (["2017-01-01", "2017-03-01"], "U021"),
    ],
)
def test_unknown_and_scattered_keys_are_refused(keys: list[str], code: str) -> None:
    months = grid("month", datetime(2017, 1, 1), datetime(2018, 1, 1), "America/New_York")
    with pytest.raises(UsageError) as caught:
        window_spanning(months, keys)
    assert caught.value.diagnostics[0].code == code


def test_a_skipped_day_has_no_key() -> None:
    """Samoa skipped 30 December 2011, when it crossed the date line."""
    days = grid("day", datetime(2011, 12, 28), datetime(2012, 1, 2), "Pacific/Apia")
    keys = [cell.key for cell in partition_windows(days)]
    assert keys == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]
    assert window_spanning(days, keys).end - window_spanning(days, keys).start == timedelta(days=4)
    with pytest.raises(UsageError, match="U020"):
        window_spanning(days, ["2011-12-30"])


def test_a_span_of_many_keys_makes_the_grid_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each key, a year of hours would take minutes."""
    hours = grid("hour", datetime(2022, 1, 1), datetime(2023, 1, 1), "UTC")
    every = partition_windows(hours)
    made: list[Partitions] = []
    module = sys.modules[partition_windows.__module__]  # whose name in the package is the function's

    def counted(partitions: Partitions) -> tuple[Window, ...]:
        made.append(partitions)
        return every

    monkeypatch.setattr(module, "partition_windows", counted)
    found = window_spanning(hours, [cell.key for cell in every])
    assert (found.start, found.end) == (every[0].start, every[-1].end)
    assert made == [hours]
