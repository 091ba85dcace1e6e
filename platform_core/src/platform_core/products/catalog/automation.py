"""The freshness that a contract promises: how Dagster judges it, and when Dagster refreshes the product."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from typing import Any, Final

import dagster as dg

from platform_core.contracts.model import DataProduct
from platform_core.contracts.refresh import opening, refresh

Condition = dg.AutomationCondition[Any]
When = dg.AutomationCondition

UNNAMED_WARNING = 0.75
"""The part of the maximum age after which Dagster warns, if the contract has no ``warnAfter``."""

READY = (
    ~When.in_progress() & ~When.any_deps_in_progress() & When.all_deps_blocking_checks_passed()
).with_label("inputs are settled and valid")
LATEST: Final[Condition] = When.in_latest_time_window().with_label("the latest partition")
# Each new state of freshness is one attempt, so a failing product is not retried forever.
_WORSE: Condition = When.freshness_warned().newly_true() | When.freshness_failed().newly_true()
AGEING: Condition = (
    LATEST & _WORSE.since_last_handled().with_label("its freshness got worse") & READY
).with_label("about to be too old")


def freshness_policy(product: DataProduct) -> dg.FreshnessPolicy | None:
    """When Dagster shows a product as overdue: after a deadline, or at the maximum age."""
    if product.deadline is not None:
        return dg.FreshnessPolicy.cron(
            deadline_cron=product.deadline.schedule,
            lower_bound_delta=product.deadline.lower_bound,
            timezone=product.deadline.timezone,
        )
    if product.maximum_age is not None:
        age = product.maximum_age
        # The warning also triggers the refresh.
        warn_after = age.warn_after or age.fail_after * UNNAMED_WARNING
        return dg.FreshnessPolicy.time_window(fail_window=age.fail_after, warn_window=warn_after)
    return None


@dataclass(frozen=True, slots=True)
class Upstream:
    """The dependencies of an asset that its automation uses."""

    read: bool = True
    """Whether it reads other products."""
    checked_against: tuple[dg.AssetKey, ...] = ()
    """Products that only foreign keys refer to; no data of them is read."""
    by_partition: tuple[dg.AssetKey, ...] = ()
    """Partitioned products that a partitioned product reads, except those of which it reads only the
    last."""


def automation(product: DataProduct, upstream: Upstream) -> Condition:
    """When Dagster makes the product without a request: after an update of its inputs, in the window of its
    deadline, and when its age nears the maximum.

    Starting a server triggers nothing. A deadline counts if it passes while the daemon runs, or has passed
    since its last evaluation. A product that was never made needs ``mesh run``.
    """
    deadline, follow = product.deadline, follows(upstream.checked_against, upstream.by_partition)
    if deadline is not None:
        due = _due(refresh(deadline, follows=upstream.read), opening(deadline), deadline.timezone)
        return follow | due
    return follow | AGEING if product.maximum_age is not None else follow


@cache
def follows(checked_against: tuple[dg.AssetKey, ...], by_partition: tuple[dg.AssetKey, ...]) -> Condition:
    """An update of an input with other content refreshes the product, unless a check of severity error fails
    for an input.

    The latest partition follows all inputs. An earlier one follows only its own data: a late correction
    refreshes it, a change of master data does not.
    """
    updated = _changed_inputs()
    if checked_against:
        updated = updated.ignore(dg.AssetSelection.assets(*checked_against))
    since = (When.newly_missing() | updated).since(_handled(updated)).with_label("an input was updated")
    changed: Condition = LATEST & since
    if by_partition:
        corrected = _changed_inputs().allow(dg.AssetSelection.assets(*by_partition))
        again = corrected.since(_handled(corrected)).with_label("an earlier partition was corrected")
        changed = changed | again
    return (changed & (~When.any_deps_missing()).with_label("every input exists") & READY).with_label(
        "upstream updated and its checks passed"
    )


def _handled(updated: Condition) -> Condition:
    """When an update of the inputs was followed. Dagster's ``since_last_handled`` loses an update that comes
    while the product is made, or after that but before the next look."""
    requested = When.newly_requested() & ~updated
    ended = (~When.in_progress()).newly_true()
    running = When.newly_requested() | When.in_progress() | ended
    missed = (updated & running).since(requested)
    later = When.any_deps_match(When.newly_updated()).since(When.newly_updated())
    made = When.newly_updated() & ~missed & ~later
    return (requested | made | When.initial_evaluation()).with_label("followed")


def _changed_inputs() -> dg.DepsAutomationCondition[Any]:
    """``any_deps_updated``, without updates with the same data version, which is the hash of the content."""
    new = When.newly_updated() & When.data_version_changed() & ~When.executed_with_root_target()
    return When.any_deps_match(new | When.will_be_requested()).with_label("an input has other content")


@cache
def _due(ticks: tuple[str, ...], opens: tuple[str, ...], timezone: str) -> Condition:
    return (
        LATEST
        & _ticked(ticks, timezone).since_last_handled().with_label(f"the time came: {' or '.join(ticks)}")
        & (~When.newly_updated().since(_ticked(opens, timezone))).with_label(
            "not refreshed for this deadline"
        )
        & READY
    ).with_label(f"due soon ({' or '.join(ticks)}, {timezone})")


def _ticked(crons: Iterable[str], timezone: str) -> Condition:
    return reduce(or_, [When.cron_tick_passed(cron, timezone) for cron in crons])
