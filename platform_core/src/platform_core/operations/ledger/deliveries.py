"""The deliveries of products by Dagster's event log, and the nights that can be judged by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Final

from platform_core.contracts.model import DataProduct
from platform_core.operations.ledger.night import Deliveries, Entry, entries
from platform_core.operations.ledger.promises import DAY, Delivery
from platform_core.workspace.records.products import Materialization, materializations, newest, recorded

BACK: Final = 28
"""The days before today that are still entered, for a ledger that was not made for some time."""


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
        return entries(self.products, self._deliveries, day, day)[day]

    @cached_property
    def _deliveries(self) -> Deliveries:
        # A promise of a day may have been opened some days before.
        since = datetime.combine(self.today - (BACK + 7) * DAY, time(), UTC)
        with recorded(self.root) as instance:
            if instance is None:
                return Deliveries(datetime.now(UTC), {})
            last = newest(instance, [product.id for product in self.products])
            return deliveries([*last.values(), *materializations(instance, since)], since)


def deliveries(made: Collection[Materialization], since: datetime) -> Deliveries:
    """The deliveries by materializations: the last one of each product, and all since a time."""
    found: defaultdict[str, set[Delivery]] = defaultdict(set)
    for each in made:
        found[each.product].add(Delivery(each.at, each.version, frozenset(each.inputs or ())))
    ordered = {name: sorted(own, key=lambda each: each.at) for name, own in found.items()}
    oldest = min((own[0].at for own in ordered.values()), default=datetime.now(UTC))
    return Deliveries(max(since, oldest), ordered)
