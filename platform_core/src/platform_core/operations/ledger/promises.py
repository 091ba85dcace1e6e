"""The deliveries that contracts promise: a slot for each deadline, and a day for each maximum age."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from operator import attrgetter
from typing import Literal

from platform_core.contracts.cron import Schedule
from platform_core.contracts.model import DataProduct

DAY = timedelta(days=1)
State = Literal["kept", "late", "missed"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A version of a product that readers got."""

    at: datetime
    version: int | None = None
    inputs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Slot:
    """A promised delivery: between ``opens`` and ``closes``, at the latest at ``due``. Of a maximum age, it
    is a day on which the newest version is younger than ``age``."""

    product: str
    opens: datetime
    due: datetime
    closes: datetime
    age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome of a slot. ``share`` is the part of the promise that was kept, 0 to 1; ``delivered`` is the
    first delivery of the slot, of a maximum age the first after it was exceeded."""

    slot: Slot
    state: State
    share: float
    delivered: Delivery | None

    @property
    def late(self) -> timedelta | None:
        """How late the delivery was; of a maximum age, how long it was exceeded."""
        if self.slot.age is not None:
            return (1 - self.share) * DAY if self.state != "kept" else None
        return self.delivered.at - self.slot.due if self.state == "late" and self.delivered else None


_at = attrgetter("at")
_schedule = cache(Schedule)  # its ticks are kept


def slots(product: DataProduct, first: date, last: date) -> Iterator[Slot]:
    """The slots that close on the days of UTC from ``first`` to ``last``."""
    begin, end = (datetime.combine(day, time(), UTC) for day in (first, last + DAY))
    if (deadline := product.deadline) is not None:
        schedule = _schedule(deadline.schedule, deadline.timezone)
        tick = schedule.last(schedule.last(int((begin + deadline.lower_bound).timestamp() // 60)) - 1)
        while True:
            following = schedule.next(tick)
            due, closes = (schedule.clock(each).astimezone(UTC) for each in (tick, following))
            opens, closes = due - deadline.lower_bound, closes - deadline.lower_bound
            if closes >= end:
                return
            if closes >= begin:
                yield Slot(product.id, opens, due, closes)
            tick = following
    elif product.maximum_age is not None:
        day = begin
        while day < end:
            yield Slot(product.id, day, day + DAY, day + DAY, product.maximum_age.fail_after)
            day += DAY


def judged(slot: Slot, deliveries: Sequence[Delivery]) -> Judged:
    """The outcome of a slot by the deliveries of its product, the oldest first."""
    if slot.age is not None:
        return _of_age(slot, slot.age, deliveries)
    index = bisect_left(deliveries, slot.opens, key=_at)
    found = deliveries[index] if index < len(deliveries) else None
    if found is None or found.at >= slot.closes:
        return Judged(slot, "missed", 0.0, None)
    kept = found.at <= slot.due
    return Judged(slot, "kept" if kept else "late", float(kept), found)


def _of_age(slot: Slot, age: timedelta, deliveries: Sequence[Delivery]) -> Judged:
    exceeded, until, back = timedelta(), slot.opens, None
    for each in deliveries[max(0, bisect_left(deliveries, slot.opens, key=_at) - 1) :]:
        if each.at >= slot.closes:
            back = back or (each if exceeded else None)
            break
        if each.at > until:
            exceeded += each.at - until
            back = back or each
        until = max(until, each.at + age)
    exceeded += max(timedelta(), slot.closes - until)
    share = 1 - exceeded / (slot.closes - slot.opens)
    state: State = "kept" if not exceeded else "late" if share > 0 else "missed"
    return Judged(slot, state, share, back if exceeded else None)


def known(slots: Iterable[Slot], deliveries: Sequence[Delivery], since: datetime) -> Iterator[Slot]:
    """The slots that can be judged: those after the first delivery of their product, of which all deliveries
    since their opening are known."""
    if not deliveries:
        return
    for slot in slots:
        opens = slot.opens - (slot.age or timedelta())
        if slot.due > deliveries[0].at and (opens >= since or slot.opens >= deliveries[0].at):
            yield slot
