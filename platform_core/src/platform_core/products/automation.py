"""What a contract promises of freshness, as Dagster judges it and as it keeps the promise by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from typing import Any

import dagster as dg

from platform_core.contracts.model import DataProduct
from platform_core.contracts.refresh import opening, refresh

# Dagster types conditions by what they can look at; all of ours look at assets.
Condition = dg.AutomationCondition[Any]
When = dg.AutomationCondition

UNNAMED_WARNING = 0.75
"""At which part of a maximum age the warning is, where the contract has no ``warnAfter``."""

READY = (
    ~When.in_progress() & ~When.any_deps_in_progress() & When.all_deps_blocking_checks_passed()
).with_label("nothing in progress, and the checks of what it reads passed")
# Dagster's freshness daemon judges; each state is one attempt, so that what fails is not tried for ever.
_WORSE: Condition = When.freshness_warned().newly_true() | When.freshness_failed().newly_true()
AGEING: Condition = (When.in_latest_time_window() & _WORSE.since_last_handled() & READY).with_label(
    "about to be too old"
)


def freshness_policy(product: DataProduct) -> dg.FreshnessPolicy | None:
    """What Dagster shows as overdue: past a deadline, or older than the maximum age."""
    if product.deadline is not None:
        return dg.FreshnessPolicy.cron(
            deadline_cron=product.deadline.schedule,
            lower_bound_delta=product.deadline.lower_bound,
            timezone=product.deadline.timezone,
        )
    if product.maximum_age is not None:
        age = product.maximum_age
        # The warning is also what refreshes it, so there is one where the contract names none.
        warn_after = age.warn_after or age.fail_after * UNNAMED_WARNING
        return dg.FreshnessPolicy.time_window(fail_window=age.fail_after, warn_window=warn_after)
    return None


@dataclass(frozen=True, slots=True)
class Upstream:
    """What an asset depends on, as far as its automation asks."""

    read: bool = True
    """Whether it reads other products at all."""
    checked_against: tuple[dg.AssetKey, ...] = ()
    """What only foreign keys point to: no data of it flows into the product."""
    by_partition: tuple[dg.AssetKey, ...] = ()
    """Partitioned products that a partitioned product reads, all but those it reads only the last of."""


def automation(product: DataProduct, upstream: Upstream) -> Condition:
    """When the product is made again without anybody asking.

    When what it reads was updated; in its deadline's window, if it was not yet; when its age nears the
    maximum. Nothing starts with a server: a tick counts that passes while a server looks, or passed since
    it looked last, and what was never made is left to ``mesh run``.
    """
    deadline, follow = product.deadline, follows(upstream.checked_against, upstream.by_partition)
    if deadline is not None:
        due = _due(refresh(deadline, follows=upstream.read), opening(deadline), deadline.timezone)
        return follow | due
    return follow | AGEING if product.maximum_age is not None else follow


@cache
def follows(checked_against: tuple[dg.AssetKey, ...], by_partition: tuple[dg.AssetKey, ...]) -> Condition:
    """An update upstream refreshes the product, in whichever location it was, unless an error-level
    check of an input fails: then the product keeps its last good version.

    Of a grid, the latest partition follows all that is read; a closed one only its own data, so that a
    late correction reaches it, while its last version stays when master data of today has changed.
    """
    updated = When.any_deps_updated()
    if checked_against:
        updated = updated.ignore(dg.AssetSelection.assets(*checked_against))
    changed: Condition = When.in_latest_time_window() & (When.newly_missing() | updated).since_last_handled()
    if by_partition:
        corrected = When.any_deps_updated().allow(dg.AssetSelection.assets(*by_partition))
        changed = changed | corrected.since_last_handled()
    return (changed & ~When.any_deps_missing() & READY).with_label("upstream updated and its checks passed")


@cache
def _due(ticks: tuple[str, ...], opens: tuple[str, ...], timezone: str) -> Condition:
    return (
        When.in_latest_time_window()
        & _ticked(ticks, timezone).since_last_handled()
        & ~When.newly_updated().since(_ticked(opens, timezone))
        & READY
    ).with_label(f"due soon ({' or '.join(ticks)}, {timezone})")


def _ticked(crons: Iterable[str], timezone: str) -> Condition:
    return reduce(or_, [When.cron_tick_passed(cron, timezone) for cron in crons])
