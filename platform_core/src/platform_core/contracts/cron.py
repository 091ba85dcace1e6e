"""The ticks of a cron schedule in its zone, clock changes included. Moments are minutes since 1970, UTC."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property, lru_cache
from zoneinfo import ZoneInfo

from platform_core.contracts.time_units import cron_days, cron_times

FIRST_DAY = date(2015, 1, 1)
LAST_DAY = date(2032, 12, 31)
"""Ticks are known between these days, a range wide enough for a schedule of 29 February."""
DAY = 24 * 60
_EPOCH = date(1970, 1, 1).toordinal()


class Schedule:
    """A five-field cron schedule in a time zone. Raises BadCron for any other text."""

    def __init__(self, cron: str, timezone: str) -> None:
        self.cron = cron
        self.timezone = timezone
        self.times = cron_times(cron)
        self._zone = ZoneInfo(timezone)
        # The freshness policy asks for the same moments many times.
        self.last = cache(self._last)
        self.next = cache(self._next)
        self.ticks = cache(self._ticks)
        self.local = cache(self._local)

    @cached_property
    def days(self) -> tuple[int, ...]:
        """Ordinals of the days on which it ticks."""
        return _days(" ".join(self.cron.split()[2:]))

    def _ticks(self, day: int) -> tuple[int, ...]:
        """The moments of the ticks of one of its days, in order.

        As in Dagster, a time that the clock skips ticks at the skip, a repeated time ticks the second time,
        and an hourly schedule ticks every real hour.
        """
        if day in clock_changes(self.timezone, date.fromordinal(day).year):
            return self._around_the_change(day)
        midnight = _minutes(datetime.fromordinal(day).replace(tzinfo=self._zone))
        return tuple(midnight + minute for minute in self.times)

    def _local(self, moment: int) -> int:
        offset = self.clock(moment).utcoffset() or timedelta()
        return moment + int(offset.total_seconds() // 60)

    def clock(self, moment: int) -> datetime:
        return datetime.fromtimestamp(moment * 60, UTC).astimezone(self._zone)

    def _around_the_change(self, day: int) -> tuple[int, ...]:
        hourly = self.cron.split()[1] == "*"
        moments: set[int] = set()
        for minute in self.times:
            local = datetime.fromordinal(day) + timedelta(minutes=minute)
            first, second = (_minutes(local.replace(tzinfo=self._zone, fold=fold)) for fold in (0, 1))
            if second < first and not hourly:  # skipped: one moment is before the skip, one after it
                moments.add(
                    next(m for m in range(second, first + 1) if self.local(m) > self.local(m - 1) + 1)
                )
            elif second >= first:
                moments |= {first, second} if hourly else {second}
        return tuple(sorted(moments))

    def _last(self, moment: int) -> int:
        """The tick at or before a moment. Raises LookupError outside FIRST_DAY to LAST_DAY."""
        day = self.local(moment) // DAY + _EPOCH
        for index in range(bisect_right(self.days, day) - 1, -1, -1):
            ticks = self.ticks(self.days[index])
            if ticks and ticks[0] <= moment:
                return ticks[bisect_right(ticks, moment) - 1]
        raise LookupError(f"no tick of {self.cron} before {self.clock(moment)} is known")

    def _next(self, moment: int) -> int:
        """The first tick after a moment. Raises LookupError outside FIRST_DAY to LAST_DAY."""
        day = self.local(moment) // DAY + _EPOCH
        for index in range(bisect_left(self.days, day), len(self.days)):
            ticks = self.ticks(self.days[index])
            if ticks and ticks[-1] > moment:
                return ticks[bisect_right(ticks, moment)]
        raise LookupError(f"no tick of {self.cron} after {self.clock(moment)} is known")


@lru_cache(maxsize=256)
def clock_changes(timezone: str, year: int) -> tuple[int, ...]:
    """Ordinals of the days of a year on which the clocks of a zone change."""
    zone = ZoneInfo(timezone)
    first = date(year, 1, 1).toordinal()
    last = date(year, 12, 31).toordinal()
    offsets = [datetime.fromordinal(day).replace(tzinfo=zone).utcoffset() for day in range(first, last + 2)]
    return tuple(first + index for index in range(len(offsets) - 1) if offsets[index] != offsets[index + 1])


@lru_cache(maxsize=1024)
def _days(fields: str) -> tuple[int, ...]:
    return tuple(cron_days(f"0 0 {fields}", FIRST_DAY, LAST_DAY))


def _minutes(moment: datetime) -> int:
    return int(moment.timestamp() // 60)
