"""How fresh each product can be, from what its upstreams promise: arithmetic over the whole graph.

What is promised:
    a deadline    at each of its ticks a reader finds data of at most ``lower_bound`` ago,
    a maximum age at any moment a reader finds data of at most that long ago.

What an upstream delivers, at worst, if it keeps its promise and no more:
    a deadline    from each tick on, what its own upstreams owed at that tick; a product without
                  upstreams is of the tick itself. Between ticks nothing new is owed.
    a maximum age nobody says when it is refreshed, so ages add up: its own and its upstreams' worst.
    no promise    what its upstreams deliver, at once.

A product can keep its promise if every upstream delivers data young enough at each of its deadlines, or,
for a maximum age, just before each of the upstream's refreshes; the product itself takes no time. Spans
are measured on the clock of the deadline's zone, so that a day is a day when the clocks change. A broken
promise is reported where it is made, and taken as kept further down. One pass over the graph finds what
has to be known at which ticks, readers first, a second what is delivered then, sources first.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from platform_core.contracts.model import DataProduct
from platform_core.contracts.ticks import Schedule, clock_changes

YEAR = 2024
"""Ticks are compared over one year, always the same (it has a 29 February), so that a verdict does not
depend on the day on which it is given."""
FEW_TICKS = 60
"""A schedule with no more ticks in the year is compared at all of them; a denser one in the days of a
week, on those around each change of clocks, and there at most twice an hour."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that an upstream does not allow.

    ``tick`` is the deadline that it breaks by most (None for a maximum age), ``age`` in minutes how old
    the data of ``upstream`` is there, ``promised`` how old it may be, and ``path`` where that comes from,
    the oldest first: products with the tick that counts, None where it has none.
    """

    product: str
    upstream: str
    tick: int | None
    age: int
    promised: int
    path: tuple[tuple[str, int | None], ...]


class Freshness:
    """The verdict on a graph: ``upstreams`` holds the inputs of each product."""

    def __init__(self, products: Mapping[str, DataProduct], upstreams: Mapping[str, tuple[str, ...]]) -> None:
        self._products = products
        self._upstreams = upstreams
        self._schedules: dict[tuple[str, str], Schedule] = {}
        self._probes: dict[tuple[str, str], tuple[int, ...]] = {}
        self._days = _sample_days({p.deadline.timezone for p in products.values() if p.deadline})
        self._of: dict[str, dict[int, int]] = {}
        """By product with a deadline or without a promise: of which moment its data is at a tick."""
        self._worst: dict[str, int] = {}
        """By product: the greatest age in minutes that its readers ever meet."""

    def breaches(self) -> Iterator[Breach]:
        order = _sources_first(self._upstreams)
        needed = self._needed(order)
        for product in order:
            promise = self._products[product]
            if promise.deadline is not None:
                breach = self._deadline(product, needed[product])
            elif promise.maximum_age is not None:
                breach = self._maximum_age(product)
            else:
                breach = None
                for moment in needed[product]:
                    self._delivered(product)[moment] = min(self._ages(product, moment), default=moment)
                ages = (self._worst[upstream] for upstream in self._upstreams[product])
                self._worst[product] = max(ages, default=0)
            if breach is not None:
                yield breach

    def schedule(self, product: str) -> Schedule | None:
        deadline = self._products[product].deadline
        if deadline is None:
            return None
        key = (deadline.schedule, deadline.timezone)
        if key not in self._schedules:
            self._schedules[key] = Schedule(*key)
        return self._schedules[key]

    def worst(self, product: str) -> int:
        """The greatest age, in minutes, of a product's data that its readers ever meet."""
        return self._worst[product]

    def _needed(self, order: list[str]) -> dict[str, set[int]]:
        """At which of its ticks (any moment, without a promise) a product's data is asked for."""
        asked: dict[str, set[int]] = defaultdict(set)
        needed: dict[str, set[int]] = {}
        for product in reversed(order):
            promise = self._products[product]
            schedule = self.schedule(product)
            if schedule is not None:
                ticks = {tick for moment in asked[product] if (tick := schedule.last(moment)) is not None}
                needed[product] = ticks.union(self._probes_of(schedule))
            elif promise.maximum_age is not None:
                needed[product] = set()
            else:
                needed[product] = asked[product]
            for upstream in self._upstreams[product]:
                asked[upstream] |= needed[product]
        return needed

    def _deadline(self, product: str, ticks: set[int]) -> Breach | None:
        deadline, schedule = self._products[product].deadline, self.schedule(product)
        assert deadline is not None
        assert schedule is not None
        promised = int(deadline.lower_bound.total_seconds() // 60)
        probes = self._probes_of(schedule)
        delivered = self._delivered(product)
        worst, found = 0, None
        for tick in sorted(ticks):
            of, upstream = tick, None
            for other in self._upstreams[product]:
                if (moment := self._at(other, tick)) < of:
                    of, upstream = moment, other
            age = schedule.local(tick) - schedule.local(of)
            if upstream is not None and age - promised > worst:
                worst = age - promised
                path = (*self._path(upstream, tick), (product, tick))
                found = Breach(product, upstream, tick, age, promised, path)
            delivered[tick] = max(of, tick - promised)
        spans = (
            schedule.local(after) - schedule.local(delivered[tick])
            for tick in probes
            if (after := schedule.next(tick)) is not None
        )
        self._worst[product] = max(spans, default=0)
        return found

    def _maximum_age(self, product: str) -> Breach | None:
        age = self._products[product].maximum_age
        assert age is not None
        promised = int(age.fail_after.total_seconds() // 60)
        upstream = max(self._upstreams[product], key=self._worst.__getitem__, default=None)
        worst = self._worst[upstream] if upstream is not None else 0
        self._worst[product] = promised + min(worst, promised)
        if upstream is None or worst <= promised:
            return None
        return Breach(
            product, upstream, None, worst, promised, (*self._path(upstream, None), (product, None))
        )

    def _delivered(self, product: str) -> dict[int, int]:
        return self._of.setdefault(product, {})

    def _ages(self, product: str, moment: int) -> Iterator[int]:
        return (self._at(upstream, moment) for upstream in self._upstreams[product])

    def _at(self, product: str, moment: int) -> int:
        """Of which moment the data of a product is that its readers find at a moment, at worst."""
        promise = self._products[product]
        if promise.deadline is not None:
            schedule = self.schedule(product)
            tick = schedule.last(moment) if schedule is not None else None
            return self._of[product][tick] if tick is not None else moment
        if promise.maximum_age is not None:
            return moment - self._worst[product]
        return self._of[product][moment]

    def _path(self, product: str, moment: int | None) -> tuple[tuple[str, int | None], ...]:
        """From the product that decides how old the data is, to this one."""
        steps: list[tuple[str, int | None]] = []
        current: str | None = product
        while current is not None:
            schedule = self.schedule(current)
            if schedule is not None and moment is not None:
                moment = schedule.last(moment)
            elif self._products[current].maximum_age is not None:
                moment = None
            steps.append((current, moment if schedule is not None else None))
            current = self._older(current, moment)
        return tuple(reversed(steps))

    def _older(self, product: str, moment: int | None) -> str | None:
        upstreams = self._upstreams[product]
        if not upstreams:
            return None
        if moment is None and self._products[product].deadline is not None:
            return None
        if moment is None:
            return max(upstreams, key=self._worst.__getitem__)
        oldest = min(upstreams, key=lambda upstream: self._at(upstream, moment))
        return oldest if self._at(oldest, moment) < moment else None

    def _probes_of(self, schedule: Schedule) -> tuple[int, ...]:
        key = (schedule.cron, schedule.timezone)
        if key not in self._probes:
            self._probes[key] = tuple(_probes(schedule, self._days))
        return self._probes[key]


def _sources_first(upstreams: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Products after all that they read; those in a cycle, and what reads them, are left out."""
    waiting = {product: len(set(others)) for product, others in upstreams.items()}
    readers: dict[str, list[str]] = defaultdict(list)
    for product, others in upstreams.items():
        for other in set(others):
            readers[other].append(product)
    ready = deque(product for product, count in waiting.items() if count == 0)
    order = []
    while ready:
        product = ready.popleft()
        order.append(product)
        for reader in readers[product]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                ready.append(reader)
    return order


def _sample_days(timezones: set[str]) -> frozenset[int]:
    week = date(YEAR, 1, 7).toordinal()
    changes = {day for zone in timezones for day in clock_changes(zone, YEAR)}
    return frozenset({*range(week, week + 8), *changes, *(day + 1 for day in changes)})


def _probes(schedule: Schedule, sample: frozenset[int]) -> Iterator[int]:
    first, last = date(YEAR, 1, 1).toordinal(), date(YEAR, 12, 31).toordinal()
    days = [day for day in schedule.days if first <= day <= last]
    if not days:  # a 29 February that the year does not have; any tick will do
        days = list(schedule.days[-1:])
    if len(days) * len(schedule.times) > FEW_TICKS:
        days = [day for day in days if day in sample] or days[:10]
    for day in days:
        by_hour: dict[int, list[int]] = defaultdict(list)
        for tick in schedule.ticks(day):
            by_hour[tick // 60].append(tick)
        for ticks in by_hour.values():
            yield from {ticks[0], ticks[-1]}
