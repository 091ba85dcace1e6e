"""The deliveries that contracts promise: a slot for each deadline, and a day for each maximum age."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import takewhile
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
    first delivery in the slot, of a maximum age the first after it was exceeded. ``broke`` is the time from
    which the promise was not kept, and ``due`` where it was."""

    slot: Slot
    state: State
    share: float
    delivered: Delivery | None
    broke: datetime

    @property
    def late(self) -> timedelta | None:
        """How late the delivery was; of a maximum age, how long it was exceeded."""
        if self.slot.age is not None:
            return (1 - self.share) * DAY if self.state != "kept" else None
        return self.delivered.at - self.slot.due if self.state == "late" and self.delivered else None


AT = attrgetter("at")
"""The order of deliveries."""
_schedule = cache(Schedule)  # its ticks are kept


def closing(product: DataProduct, after: datetime, until: datetime) -> Iterator[Slot]:
    """The slots that close after a time, up to another, in order."""
    lower_bound = product.deadline.lower_bound if product.deadline is not None else timedelta()
    return takewhile(lambda slot: slot.closes <= until, _slots(product, after + lower_bound))


def due(product: DataProduct, after: datetime, until: datetime) -> Iterator[Slot]:
    """The slots that are due up to a time, from the last one before another on, in order."""
    return takewhile(lambda slot: slot.due <= until, _slots(product, after))


def _slots(product: DataProduct, at: datetime) -> Iterator[Slot]:
    """The slots from the last tick, or the day, of a time on."""
    if (deadline := product.deadline) is not None:
        schedule, before = _schedule(deadline.schedule, deadline.timezone), deadline.lower_bound
        tick = schedule.last(int(at.timestamp() // 60))
        while True:
            following = schedule.next(tick)
            begin, end = (datetime.fromtimestamp(each * 60, UTC) for each in (tick, following))
            yield Slot(product.id, begin - before, begin, end - before)
            tick = following
    elif product.maximum_age is not None:
        day = datetime.combine(at.astimezone(UTC).date(), time(), UTC)
        while True:
            yield Slot(product.id, day, day + DAY, day + DAY, product.maximum_age.fail_after)
            day += DAY


def judged(slot: Slot, deliveries: Sequence[Delivery]) -> Judged:
    """The outcome of a slot by the deliveries of its product, the oldest first."""
    if slot.age is not None:
        return _of_age(slot, slot.age, deliveries)
    index = bisect_left(deliveries, slot.opens, key=AT)
    found = deliveries[index] if index < len(deliveries) else None
    if found is None or found.at >= slot.closes:
        return Judged(slot, "missed", 0.0, None, slot.due)
    kept = found.at <= slot.due
    return Judged(slot, "kept" if kept else "late", float(kept), found, slot.due)


def _of_age(slot: Slot, age: timedelta, deliveries: Sequence[Delivery]) -> Judged:
    exceeded, until = timedelta(), slot.opens
    back: Delivery | None = None
    broke: datetime | None = None
    for each in deliveries[max(0, bisect_left(deliveries, slot.opens, key=AT) - 1) :]:
        if each.at >= slot.closes:
            break
        if each.at > until:
            exceeded += each.at - until
            broke, back = broke or until, back or each
        until = max(until, each.at + age)
    if until < slot.closes:
        exceeded += slot.closes - until
        broke = broke or until
    share = 1 - exceeded / (slot.closes - slot.opens)
    state: State = "kept" if not exceeded else "late" if share > 0 else "missed"
    return Judged(slot, state, share, back, broke or slot.due)


def known(slots: Iterable[Slot], deliveries: Sequence[Delivery], since: datetime) -> Iterator[Slot]:
    """The slots that can be judged: those after the first delivery of their product, of which all deliveries
    since their opening are known."""
    if not deliveries:
        return
    for slot in slots:
        opens = slot.opens - (slot.age or timedelta())
        if slot.due > deliveries[0].at and (opens >= since or slot.opens >= deliveries[0].at):
            yield slot
