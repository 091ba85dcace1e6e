"""The deliveries of products by Dagster's event log, and the nights that can be judged by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

from platform_core.contracts.model import DataProduct
from platform_core.operations.ledger.night import Deliveries, Entry, entries
from platform_core.operations.ledger.promises import AT, DAY, Delivery, closing
from platform_core.workspace.records.products import Materialization, materializations, newest, recorded

BACK: Final = 28
"""The days before today that are still entered, for a ledger that was not made for some time."""
INPUTS: Final = timedelta(days=7)
"""How long before a promise its inputs may have been promised."""
DISTANT: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Nights:
    """The days of UTC whose promises can be judged, up to yesterday."""

    root: Path
    products: Collection[DataProduct]
    today: date

    def days(self) -> Iterator[date]:
        """The days, the oldest first, with yesterday in any case. Nothing is known of the time before the
        oldest event."""
        first = max(self.today - BACK * DAY, self._deliveries.since.date() + DAY)
        first = min(first, self.today - DAY)
        while first < self.today:
            yield first
            first += DAY

    def entries(self, day: date) -> list[Entry]:
        """The promises that closed on a day, and what became of them."""
        return entries(self.products, self._deliveries, day)

    @cached_property
    def _deliveries(self) -> Deliveries:
        first = datetime.combine(self.today - BACK * DAY, time(), UTC)
        opened = (next(closing(each, first, DISTANT), None) for each in self.products)
        since = min([first, *(slot.opens for slot in opened if slot is not None)]) - INPUTS
        with recorded(self.root) as instance:
            if instance is None:
                return Deliveries(datetime.now(UTC), {})
            last = newest(instance, [product.id for product in self.products])
            return deliveries(last.values(), [*materializations(instance, since)])


def deliveries(last: Iterable[Materialization], made: Sequence[Materialization]) -> Deliveries:
    """The deliveries by materializations: the last one of each product, and all since a time. Nothing is
    known of the time before the first of these: the log may have been purged."""
    found: defaultdict[str, set[Delivery]] = defaultdict(set)
    for each in (*last, *made):
        found[each.product].add(Delivery(each.at, each.version, frozenset(each.inputs or ())))
    since = min((each.at for each in made), default=datetime.now(UTC))
    return Deliveries(since, {name: sorted(own, key=AT) for name, own in found.items()})
