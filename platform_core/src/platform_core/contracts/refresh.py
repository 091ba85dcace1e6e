"""When a product with a deadline is refreshed by itself: in time, and not so early that it is too old.

A deadline's window is what lies between it and its ``lower_bound`` before. What only reads sources is
made an hour before the deadline, in a window of less than two hours in its middle: late enough for
sources that are late, early enough for a long run. What reads other products follows them; only if
nothing came since the window opened is it made half an hour before the deadline (of less than two hours,
in the last quarter) from what is there.
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
    """Cron lines, in the deadline's zone, by which a product is made that nobody made before.

    ``follows`` says whether it reads other products.
    """
    return _earlier(deadline.schedule, _lead(deadline, follows))[0]


def refresh_lead(deadline: Deadline, *, follows: bool) -> int:
    """How many minutes before a deadline its refresh is, at most."""
    return _earlier(deadline.schedule, _lead(deadline, follows))[1]


def _minutes(deadline: Deadline) -> int:
    return int(deadline.lower_bound.total_seconds() // 60)


def _lead(deadline: Deadline, follows: bool) -> int:
    return min(_minutes(deadline) // 4, 30) if follows else min(_minutes(deadline) // 2, 60)


@lru_cache(maxsize=1024)
def _earlier(schedule: str, lead: int) -> tuple[tuple[str, ...], int]:
    """Cron lines that tick ``lead`` minutes before another's, and the longest time that is before it.

    Where cron cannot say so (the evening before the first of a month), they tick at midnight.
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
        lines += [f"{_listed(minutes)} {_hours(at)} {fields}" for minutes, at in alike.items()]
    return tuple(lines), greatest


def _days_before(days: str, months: str, weekdays: str, back: int) -> str | None:
    """The day fields of a cron line, so many days earlier; None where they cannot say it."""
    if back == 0 or (days, months, weekdays) == (_EVERY, _EVERY, _EVERY):
        return f"{days} {months} {weekdays}"
    if (days, months) == (_EVERY, _EVERY):
        moved = sorted({(day - back) % 7 for day in cron_weekdays(f"0 0 * * {weekdays}")})
        return f"{days} {months} {_listed(moved)}"
    return None


def _hours(hours: list[int]) -> str:
    # Written so, it ticks every hour that passes, also when the clocks change.
    return _EVERY if len(hours) == 24 else _listed(hours)


def _listed(numbers: tuple[int, ...] | list[int]) -> str:
    return ",".join(map(str, numbers))
