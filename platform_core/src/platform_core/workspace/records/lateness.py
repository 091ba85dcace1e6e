"""The promises of freshness that a product breaks, by its contract and its last materialization."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from platform_core.contracts.cron import Schedule
from platform_core.contracts.model import DataProduct
from platform_core.words import duration_in_words
from platform_core.workspace.records.products import Materialization


@dataclass(frozen=True, slots=True)
class Lateness:
    """A broken promise: since when, and why. ``source`` is the source outside of the mesh that is late."""

    since: datetime
    why: str
    source: str | None = None


def lateness(
    product: DataProduct, made: Materialization, now: datetime, *, failing: bool = False
) -> Iterator[Lateness]:
    """The promises that a product breaks at a time. Of one whose checks fail, ``failing``, the age of its
    newest event is known already."""
    if (late := overdue(product, made.at, now)) is not None:
        yield late
    for rule in product.rules:
        # The check judges the age at each run, this the age since then.
        if rule.kind == "recency" and rule.columns == (product.event_time,) and made.latest_event is not None:
            allowed = rule.maximum_age or timedelta()
            if not failing and made.latest_event + allowed < now:
                why = f"its newest event is older than {duration_in_words(allowed)}"
                yield Lateness(made.latest_event + allowed, why)
    for name, found in made.sources.items():
        if found.get("latency") is not None and found.get("newest") is not None:
            allowed = timedelta(seconds=found["latency"])
            due = datetime.fromisoformat(found["newest"]) + allowed
            if due < now:
                promise = f"promised within {duration_in_words(allowed)}"
                yield Lateness(due, f"its source {name} had no newer row, {promise}", name)


def overdue(product: DataProduct, made: datetime, now: datetime) -> Lateness | None:
    """The deadline or maximum age that a product, last made at a time, has missed."""
    if (deadline := product.deadline) is not None:
        kept_until = made + deadline.lower_bound
        schedule = Schedule(deadline.schedule, deadline.timezone)
        # The first deadline that it missed.
        missed = schedule.clock(schedule.next(int(kept_until.timestamp() // 60)))
        if missed <= now:
            return Lateness(missed.astimezone(UTC), f"was due {missed:%a %H:%M} {deadline.timezone}")
    elif (age := product.maximum_age) is not None and now - made >= age.fail_after:
        return Lateness(made + age.fail_after, f"older than {duration_in_words(age.fail_after)}")
    return None
