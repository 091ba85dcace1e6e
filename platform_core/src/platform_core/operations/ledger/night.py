"""The entries of a night: what became of each promise, and whose fault it is where one was not kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from platform_core.contracts.budget import DEFAULT_TARGET
from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.operations.incidents.reach import ROWS, Reach
from platform_core.operations.ledger.promises import DAY, Delivery, Judged, State, judged, known, slots

MARGIN: Final = timedelta(minutes=10)
"""An input that came this long before the deadline of its reader, or later, left it no time."""


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


def entries(
    products: Collection[DataProduct], deliveries: Deliveries, first: date, last: date
) -> dict[date, list[Entry]]:
    """The entries of the promises that closed on the days of UTC from ``first`` to ``last``, by day."""
    # An input may have been promised on the day before.
    results: dict[str, list[Judged]] = {
        product.id: [
            judged(slot, deliveries.of[product.id])
            for slot in known(
                slots(product, first - 2 * DAY, last + DAY), deliveries.of[product.id], deliveries.since
            )
        ]
        for product in products
        if product.id in deliveries.of
    }
    reach = Reach()
    newest = {name: each[-1].inputs for name, each in deliveries.of.items() if each}
    reach.show("all", {name: {ROWS: dict.fromkeys(inputs, ())} for name, inputs in newest.items()})
    found: dict[date, list[Entry]] = {first + n * DAY: [] for n in range((last - first).days + 1)}
    for product in sorted(products, key=lambda each: each.id):
        for each in results.get(product.id, ()):
            closed = (each.slot.closes - timedelta(microseconds=1)).date()
            if closed in found:
                found[closed].append(_entry(product, each, results, reach))
    return found


def _entry(
    product: DataProduct, each: Judged, results: Mapping[str, Sequence[Judged]], reach: Reach
) -> Entry:
    slot, delivered = each.slot, each.delivered
    blame = _blame(each, results, reach) if each.state != "kept" else None
    deadline = product.deadline
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
        each.state == "kept" and delivered is not None and _stale(each, delivered, results),
        blame,
        ProductId(blame).domain if blame is not None else None,
        DEFAULT_TARGET if product.target is None else product.target,
        product.version,
    )


def _blame(each: Judged, results: Mapping[str, Sequence[Judged]], reach: Reach) -> str:
    """The farthest product that this one is made from, and that was not there in time for it."""
    slot = each.slot
    guilty = [
        (level, name)
        for name, level in reach.upstream(slot.product).items()
        if any(
            other.state != "kept"
            and slot.due - DAY < other.slot.due <= slot.due
            and (other.delivered is None or other.delivered.at > slot.due - MARGIN)
            for other in results.get(name, ())
        )
    ]
    return max(guilty)[1] if guilty else slot.product


def _stale(each: Judged, delivered: Delivery, results: Mapping[str, Sequence[Judged]]) -> bool:
    return any(
        other.slot.age is None and (other.delivered is None or other.delivered.at > delivered.at)
        for name in delivered.inputs
        for other in results.get(name, ())
        if each.slot.due - DAY < other.slot.due <= each.slot.due
    )
