"""The entries of a night: what became of each promise, and whose fault it is where one was not kept."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from platform_core.contracts.budget import DEFAULT_TARGET
from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.operations.incidents.reach import ROWS, Reach
from platform_core.operations.ledger.promises import (
    AT,
    DAY,
    Delivery,
    Judged,
    Slot,
    State,
    closing,
    due,
    judged,
    known,
)

MARGIN: Final = timedelta(minutes=10)
"""An input that came later than this before its reader broke a promise left it no time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A promised delivery of a product, as it was judged once."""

    product: str
    domain: str
    day: date
    due: datetime
    opens: datetime
    closes: datetime
    promise: str
    """``deadline`` or ``age``."""
    delivered: datetime | None
    late: timedelta | None
    state: State
    share: float
    version: int | None
    stale: bool
    """Kept with an input whose delivery of the same night was not there yet."""
    blame: str | None
    """The product that did not deliver; None where the promise was kept."""
    blame_domain: str | None
    target: float
    contract_version: str


@dataclass(frozen=True)
class Deliveries:
    """The deliveries that are known, the oldest first by product, since a time."""

    since: datetime
    of: Mapping[str, Sequence[Delivery]]


def entries(products: Collection[DataProduct], deliveries: Deliveries, day: date) -> list[Entry]:
    """The entries of the promises that closed on a day of UTC."""
    begin = datetime.combine(day, time(), UTC)
    night = _Night({product.id: product for product in products}, deliveries)
    return [
        night.entry(product, each)
        for _, product in sorted(night.products.items())
        for each in night.judged(product.id, closing(product, begin, begin + DAY))
    ]


@dataclass
class _Night:
    products: Mapping[str, DataProduct]
    deliveries: Deliveries
    _due: dict[tuple[str, datetime], list[Judged]] = field(default_factory=dict)

    def judged(self, name: str, slots: Iterable[Slot]) -> list[Judged]:
        own = self.deliveries.of.get(name, ())
        return [judged(slot, own) for slot in known(slots, own, self.deliveries.since)]

    def entry(self, product: DataProduct, each: Judged) -> Entry:
        slot, delivered, deadline = each.slot, each.delivered, product.deadline
        blame = self._blame(each) if each.state != "kept" else None
        zone = ZoneInfo(deadline.timezone) if deadline is not None else UTC
        return Entry(
            product.id,
            product.domain,
            (slot.due if deadline is not None else slot.opens).astimezone(zone).date(),
            slot.due,
            slot.opens,
            slot.closes,
            "age" if deadline is None else "deadline",
            delivered.at if delivered is not None else None,
            each.late,
            each.state,
            each.share,
            delivered.version if delivered is not None else None,
            each.state == "kept" and delivered is not None and self._stale(each, delivered),
            blame,
            ProductId(blame).domain if blame is not None else None,
            DEFAULT_TARGET if product.target is None else product.target,
            product.version,
        )

    def _blame(self, each: Judged) -> str:
        """The farthest product that this one is made from, and that was not there in time for it."""
        guilty = [
            (level, name)
            for name, level in self._reach.upstream(each.slot.product).items()
            if any(
                other.state != "kept" and not self._came(name, each, other)
                for other in self._before(name, each.broke)
            )
        ]
        return max(guilty)[1] if guilty else each.slot.product

    def _came(self, name: str, each: Judged, other: Judged) -> bool:
        """Whether an input had a new version in time, although it did not keep its own promise."""
        age = each.slot.age or other.slot.age
        since = other.slot.opens if age is None else each.broke - age
        own = self.deliveries.of[name]
        index = bisect_left(own, since, key=AT)
        return index < len(own) and own[index].at <= each.broke - MARGIN

    def _stale(self, each: Judged, delivered: Delivery) -> bool:
        return any(
            other.slot.age is None and (other.delivered is None or other.delivered.at > delivered.at)
            for name in delivered.inputs
            for other in self._before(name, each.slot.due)
        )

    def _before(self, name: str, at: datetime) -> list[Judged]:
        """The slots of an input that ended, or were not kept, on the day before a time."""
        if name not in self.products:
            return []
        if (name, at) not in self._due:
            found = self.judged(name, due(self.products[name], at - DAY, at + DAY))
            self._due[name, at] = [each for each in found if at - DAY < each.broke <= at]
        return self._due[name, at]

    @cached_property
    def _reach(self) -> Reach:
        reach = Reach()
        newest = {name: each[-1].inputs for name, each in self.deliveries.of.items() if each}
        reach.show("all", {name: {ROWS: dict.fromkeys(inputs, ())} for name, inputs in newest.items()})
        return reach
