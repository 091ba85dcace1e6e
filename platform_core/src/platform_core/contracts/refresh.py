"""The automatic refresh of a product with a deadline: before the deadline, but not so early that it is too
old.

A deadline's window opens ``lower_bound`` before it. A product that reads only sources is refreshed one hour
before its deadline, or in the middle of a window of less than two hours. A product that reads other products
follows them. If none of them was refreshed since the window opened, it is refreshed half an hour before its
deadline, or in the last quarter of a window of less than two hours.
"""

from __future__ import annotations

from functools import lru_cache

from platform_core.contracts.model import Deadline
from platform_core.contracts.time_units import cron_times, cron_weekdays

DAY = 1440
_EVERY = "*"


def opening(deadline: Deadline) -> tuple[str, ...]:
    """Cron lines, in the deadline's zone, that tick when its window opens."""
    return _earlier(deadline.schedule, _minutes(deadline))[0]


def refresh(deadline: Deadline, *, follows: bool) -> tuple[str, ...]:
    """Cron lines, in the deadline's zone, of the refresh of a product that was not made in the window.

    ``follows``: the product reads other products.
    """
    return _earlier(deadline.schedule, _lead(deadline, follows))[0]


def refresh_lead(deadline: Deadline, *, follows: bool) -> int:
    """The most minutes from a refresh to its deadline."""
    return _earlier(deadline.schedule, _lead(deadline, follows))[1]


def _minutes(deadline: Deadline) -> int:
    return int(deadline.lower_bound.total_seconds() // 60)


def _lead(deadline: Deadline, follows: bool) -> int:
    return min(_minutes(deadline) // 4, 30) if follows else min(_minutes(deadline) // 2, 60)


@lru_cache(maxsize=1024)
def _earlier(schedule: str, lead: int) -> tuple[tuple[str, ...], int]:
    """Cron lines that tick ``lead`` minutes before ``schedule``, and the longest time between the two.

    Where cron cannot express that (the evening before the first of a month), they tick at midnight.
    """
    _, _, days, months, weekdays = schedule.split()
    greatest = 0
    by_days: dict[str, dict[int, set[int]]] = {}
    for time in cron_times(schedule):
        before, moved = divmod(time - lead, DAY)
        fields = _days_before(days, months, weekdays, -before)
        if fields is None:
            fields, moved, early = f"{days} {months} {weekdays}", 0, time
        else:
            early = lead
        greatest = max(greatest, early)
        by_days.setdefault(fields, {}).setdefault(moved // 60, set()).add(moved % 60)
    lines = []
    for fields, hours in by_days.items():
        alike: dict[tuple[int, ...], list[int]] = {}
        for hour, minutes in sorted(hours.items()):
            alike.setdefault(tuple(sorted(minutes)), []).append(hour)
        # With *, the schedule ticks every real hour, also when the clocks change.
        lines += [
            f"{_listed(minutes)} {_EVERY if len(at) == 24 else _listed(at)} {fields}"
            for minutes, at in alike.items()
        ]
    return tuple(lines), greatest


def _days_before(days: str, months: str, weekdays: str, back: int) -> str | None:
    """The day fields of a cron line, ``back`` days earlier; None where cron cannot express them."""
    if back == 0 or (days, months, weekdays) == (_EVERY, _EVERY, _EVERY):
        return f"{days} {months} {weekdays}"
    if (days, months) == (_EVERY, _EVERY):
        moved = sorted({(day - back) % 7 for day in cron_weekdays(f"0 0 * * {weekdays}")})
        return f"{days} {months} {_listed(moved)}"
    return None


def _listed(numbers: tuple[int, ...] | list[int]) -> str:
    return ",".join(map(str, numbers))
