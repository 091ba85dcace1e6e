"""The deliveries of products by Dagster's event log."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from platform_core.operations.ledger.night import Deliveries
from platform_core.operations.ledger.promises import Delivery
from platform_core.workspace.records.products import materializations, recorded


def deliveries(root: Path, since: datetime) -> Deliveries:
    """The deliveries since a time, or since the oldest that the log still has."""
    found: defaultdict[str, list[Delivery]] = defaultdict(list)
    with recorded(root) as instance:
        for made in materializations(instance, since) if instance is not None else ():
            found[made.product].append(Delivery(made.at, made.version, frozenset(made.inputs or ())))
    oldest = min((each[0].at for each in found.values()), default=datetime.now(UTC))
    return Deliveries(max(since, oldest), found)
