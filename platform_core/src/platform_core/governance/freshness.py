"""The freshness that each product can have, computed from the promises of its upstreams.

A promise is a deadline (at each tick, the data is at most ``lower_bound`` old) or a maximum age (the data is
never older).

An upstream that just keeps its promise delivers:
    with a deadline     from each tick on, the data that its own upstreams owed at that tick; a product that
                        reads only sources has the data of its automatic refresh (``contracts.refresh``)
    with a maximum age  data of its own maximum age plus the worst age of its upstreams
    without a promise   the data of its upstreams, immediately

A product can keep its promise if the data of every upstream is recent enough at each of its deadlines, or,
for a maximum age, just before each refresh of the upstream. The product itself takes no time. Spans are
measured on the local clock, so a day is a day when the clocks change. A broken promise is reported for its
product and assumed to be kept downstream. The first pass over the graph, consumers first, finds the ticks
that matter; the second, sources first, the data at these ticks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from platform_core.contracts.cron import Schedule, clock_changes
from platform_core.contracts.model import DataProduct
from platform_core.contracts.refresh import refresh_lead
from platform_core.graph import ordered

YEAR = 2024
"""Ticks are compared over this year, which has a 29 February, so that the result does not depend on the
day."""
FEW_TICKS = 60
"""A schedule with more ticks in the year is compared only in one week and around the changes of clocks, at
most twice an hour."""

NO_CLOCK_CHANGE = 180
"""More minutes than any change of clocks."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that an upstream does not allow.

    ``tick`` is the deadline with the oldest data (None for a maximum age), ``age`` the age of the data of
    ``upstream`` there and ``promised`` the allowed age, in minutes. ``path`` lists the products that cause
    the age, the oldest first, with their ticks (None without a schedule).
    """

    product: str
    upstream: str
    tick: int | None
    age: int
    promised: int
    path: tuple[tuple[str, int | None], ...]


class Freshness:
    """The freshness of a graph; ``upstreams`` holds the inputs of each product."""

    def __init__(self, products: Mapping[str, DataProduct], upstreams: Mapping[str, tuple[str, ...]]) -> None:
        self._products = products
        self._upstreams = upstreams
        made = cache(Schedule)
        deadlines = {name: product.deadline for name, product in products.items() if product.deadline}
        self._schedules = {name: made(due.schedule, due.timezone) for name, due in deadlines.items()}
        days = _sample_days({schedule.timezone for schedule in self._schedules.values()})
        self._probes = {each: tuple(_probes(each, days)) for each in set(self._schedules.values())}
        self._of: dict[str, dict[int, int]] = {}
        """The moment of the data at each tick, by product with a deadline or without a promise."""
        self._worst: dict[str, int] = {}
        self._worst_tick: dict[str, int] = {}

    def breaches(self) -> Iterator[Breach]:
        order = ordered(self._upstreams)
        needed = self._needed(order)
        for product in order:
            promise = self._products[product]
            if promise.deadline is not None:
                breach = self._deadline(product, sorted(needed[product]))
            elif promise.maximum_age is not None:
                breach = self._maximum_age(product)
            else:
                moments = sorted(needed[product])
                delivered = [self._delivered(upstream, moments) for upstream in self._upstreams[product]]
                oldest = map(min, moments, *delivered) if delivered else moments
                self._of[product] = dict(zip(moments, oldest, strict=True))
                breach = None
            if breach is not None:
                yield breach

    def schedule(self, product: str) -> Schedule | None:
        return self._schedules.get(product)

    def worst(self, product: str) -> int:
        """The greatest age, in minutes, of a product's data."""
        if product not in self._worst:
            self._worst[product], self._worst_tick[product] = max(self._spans(product), default=(0, 0))
        return self._worst[product]

    def _spans(self, product: str) -> Iterator[tuple[int, int]]:
        """The age of the data just before each refresh, with the tick of the last refresh."""
        schedule = self._schedules.get(product)
        if schedule is None:
            yield from ((self.worst(upstream), 0) for upstream in self._upstreams[product])
            return
        for tick in self._probes[schedule]:
            yield schedule.local(schedule.next(tick)) - schedule.local(self._of[product][tick]), tick

    def _needed(self, order: list[str]) -> dict[str, set[int]]:
        """The ticks, or moments without a promise, at which the data of each product matters."""
        asked: dict[str, set[int]] = defaultdict(set)
        needed: dict[str, set[int]] = {}
        for product in reversed(order):
            schedule = self._schedules.get(product)
            if schedule is not None:
                needed[product] = set(self._probes[schedule])
                needed[product].update(map(schedule.last, asked[product]))
            elif self._products[product].maximum_age is not None:
                needed[product] = set()
            else:
                needed[product] = asked[product]
            for upstream in self._upstreams[product]:
                asked[upstream] |= needed[product]
        return needed

    def _deadline(self, product: str, ticks: list[int]) -> Breach | None:
        deadline, schedule = self._products[product].deadline, self._schedules[product]
        assert deadline is not None
        promised = int(deadline.lower_bound.total_seconds() // 60)
        upstreams = self._upstreams[product]
        delivered = [self._delivered(upstream, ticks) for upstream in upstreams]
        if delivered:
            oldest = list(map(min, ticks, *delivered))
        else:
            lead = refresh_lead(deadline, follows=False)
            oldest = [tick - lead for tick in ticks]
        self._of[product] = {tick: max(of, tick - promised) for tick, of in zip(ticks, oldest, strict=True)}
        worst, found = 0, None
        for index, (tick, of) in enumerate(zip(ticks, oldest, strict=True)):
            if of >= tick - promised + NO_CLOCK_CHANGE:
                continue
            age = schedule.local(tick) - schedule.local(of)
            if age - promised > worst:
                worst = age - promised
                moments = {upstream: each[index] for upstream, each in zip(upstreams, delivered, strict=True)}
                upstream = min(moments, key=moments.__getitem__)
                path = (*self._path(upstream, tick), (product, tick))
                found = Breach(product, upstream, tick, age, promised, path)
        return found

    def _maximum_age(self, product: str) -> Breach | None:
        age = self._products[product].maximum_age
        assert age is not None
        promised = int(age.fail_after.total_seconds() // 60)
        upstream = max(self._upstreams[product], key=self.worst, default=None)
        worst = self.worst(upstream) if upstream is not None else 0
        self._worst[product] = promised + min(worst, promised)
        if upstream is None or worst <= promised:
            return None
        return Breach(
            product, upstream, None, worst, promised, (*self._path(upstream, None), (product, None))
        )

    def _delivered(self, product: str, moments: list[int]) -> list[int]:
        """The moments of the oldest data that consumers may find at ``moments``."""
        schedule = self._schedules.get(product)
        if schedule is not None:
            of = self._of[product]
            return [of[schedule.last(moment)] for moment in moments]
        if self._products[product].maximum_age is not None:
            worst = self._worst[product]
            return [moment - worst for moment in moments]
        of = self._of[product]
        return [of[moment] for moment in moments]

    def _path(self, product: str, moment: int | None) -> tuple[tuple[str, int | None], ...]:
        steps: list[tuple[str, int | None]] = []
        current: str | None = product
        while current is not None:
            schedule = self._schedules.get(current)
            if schedule is not None:
                moment = schedule.last(moment) if moment is not None else self._worst_tick[current]
            elif self._products[current].maximum_age is not None:
                moment = None
            steps.append((current, moment if schedule is not None else None))
            current = self._older(current, moment)
        return tuple(reversed(steps))

    def _older(self, product: str, moment: int | None) -> str | None:
        """The upstream that causes the age of a product's data; None where it is the product itself."""
        upstreams = self._upstreams[product]
        if not upstreams:
            return None
        if moment is None:
            return max(upstreams, key=self.worst)
        moments = {upstream: self._delivered(upstream, [moment])[0] for upstream in upstreams}
        oldest = min(moments, key=moments.__getitem__)
        return oldest if moments[oldest] < moment else None


def _sample_days(timezones: set[str]) -> frozenset[int]:
    week = date(YEAR, 1, 7).toordinal()
    changes = {day for zone in timezones for day in clock_changes(zone, YEAR)}
    return frozenset({*range(week, week + 8), *changes, *(day + 1 for day in changes)})


def _probes(schedule: Schedule, sample: frozenset[int]) -> Iterator[int]:
    first, last = date(YEAR, 1, 1).toordinal(), date(YEAR, 12, 31).toordinal()
    days = [day for day in schedule.days if first <= day <= last]
    if not days:  # a schedule without a tick in the year
        days = list(schedule.days[-1:])
    if len(days) * len(schedule.times) > FEW_TICKS:
        days = [day for day in days if day in sample] or days[:10]
    for day in days:
        by_hour: dict[int, list[int]] = defaultdict(list)
        for tick in schedule.ticks(day):
            by_hour[tick // 60].append(tick)
        for ticks in by_hour.values():
            yield from {ticks[0], ticks[-1]}
