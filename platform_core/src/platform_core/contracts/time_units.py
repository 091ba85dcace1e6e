"""Time spans with a unit, time zones and cron schedules, as contracts write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from platform_core.words import counted

_SECONDS = {
    1: ("s", "sec", "second", "seconds"),
    60: ("min", "minute", "minutes"),
    3600: ("h", "hr", "hour", "hours"),
    86400: ("d", "day", "days"),
    7 * 86400: ("w", "wk", "week", "weeks"),
    30 * 86400: ("mo", "month", "months"),
    365 * 86400: ("y", "yr", "year", "years"),
}
UNITS = {word: seconds for seconds, words in _SECONDS.items() for word in words}

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_YEARS = 8 * 366
_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")


@lru_cache(maxsize=256)
def time_zone(name: str) -> ZoneInfo | None:
    """An IANA time zone; None for any other name, an offset such as ``+02:00`` or ``EST5EDT`` included."""
    if "/" not in name and name != "UTC":
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def time_zones() -> list[str]:
    """All names that ``time_zone`` accepts."""
    return sorted(name for name in available_timezones() if "/" in name or name == "UTC")


def duration(value: int | float, seconds: int) -> timedelta | None:
    """A span of time; None where it is not above zero or too long for a timedelta."""
    try:
        span = timedelta(seconds=value * seconds)
    except (OverflowError, ValueError):
        return None
    return span if span > timedelta(0) else None


class BadCron(ValueError):
    """A text that is not a cron schedule; the message states the reason."""


@lru_cache(maxsize=256)
def cron_interval(schedule: str) -> timedelta:
    """The shortest time between two ticks of a five-field cron schedule.

    Raises BadCron for any other text, and for a schedule that never ticks.
    """
    times = cron_times(schedule)
    gaps = [after - before for before, after in pairwise(times)]
    gaps.append(_days_apart(schedule) * 1440 - times[-1] + times[0])
    return timedelta(minutes=min(gaps))


@lru_cache(maxsize=4096)
def cron_times(schedule: str) -> tuple[int, ...]:
    """The ticks of a schedule on one of its days, as minutes after midnight, in order. Raises BadCron."""
    minutes, hours, *_ = _cron(schedule)
    return tuple(sorted(hour * 60 + minute for hour in hours for minute in minutes))


def cron_weekdays(schedule: str) -> set[int]:
    """The days of the week of a schedule, Sunday as 0. Raises BadCron."""
    return {day % 7 for day in _cron(schedule)[4]}


def cron_days(schedule: str, first: date, last: date) -> Iterator[int]:
    """The days of a schedule from ``first`` to ``last``, both included, as ordinals. Raises BadCron."""
    _, _, days, months, _ = _cron(schedule)
    weekdays = cron_weekdays(schedule)
    fields = schedule.split()
    # Where cron restricts both days, either one suffices.
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        if day.month in months:
            by_date, by_weekday = day.day in days, (day.isoweekday() % 7) in weekdays
            if (by_date or by_weekday) if either else (by_date and by_weekday):
                yield ordinal


def _cron(schedule: str) -> list[set[int]]:
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        raise BadCron(
            f"it has {counted(len(fields), 'field')}, not five: minute, hour, day of the month, month, "
            "day of the week"
        )
    return [_field(text, *spec) for text, spec in zip(fields, _FIELDS, strict=True)]


def _field(text: str, name: str, least: int, most: int, words: tuple[str, ...]) -> set[int]:
    allowed: set[int] = set()
    for part in text.lower().split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise BadCron(f'"{part}" is not a {name}')
        first, last, step = match.groups()
        start = least if first is None else _number(first, name, least, most, words)
        if first is None:
            stop = most
        elif last is not None:
            stop = _number(last, name, least, most, words)
        else:
            stop = most if step else start
        if step is not None and not 1 <= int(step) <= most:
            raise BadCron(f'"{part}" has an impossible step')
        span = [*range(start, stop + 1)]
        if stop < start:  # fri-mon
            span = [*range(start, 7 if words is _DAYS else most + 1), *range(least, stop + 1)]
        allowed |= set(span[:: int(step or 1)])
    return allowed


def _number(text: str, name: str, least: int, most: int, words: tuple[str, ...]) -> int:
    if text in words:
        return words.index(text) + least
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise BadCron(f"the {name} is {text}, not {least} to {most}")
    return int(text)


def _days_apart(schedule: str) -> int:
    """The fewest days between two ticks on different days, over eight years, which include a leap day."""
    first = date(2019, 1, 1)
    days = list(cron_days(schedule, first, first + timedelta(days=_YEARS)))
    if not days:
        raise BadCron("it never ticks: no month has such a day")
    return min((after - before for before, after in pairwise(days)), default=_YEARS)
