"""What a contract promises of freshness, as Dagster judges it and as it keeps the promise by itself."""

from __future__ import annotations

from collections.abc import Iterable
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
# An update upstream refreshes the product, in whichever location it was, unless an error-level
# check of an input fails: then the product keeps its last good version.
FOLLOWS: Condition = (When.eager() & When.all_deps_blocking_checks_passed()).with_label(
    "upstream updated and its checks passed"
)
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


def automation(product: DataProduct, *, follows: bool) -> Condition:
    """When the product is made again without anybody asking.

    When what it reads was updated; in its deadline's window, if it was not yet; when its age nears the
    maximum. Nothing starts with a server: a tick counts that passes while a server looks, or passed since
    it looked last, and what was never made is left to ``mesh run``.
    """
    deadline = product.deadline
    if deadline is not None:
        return _by_deadline(refresh(deadline, follows=follows), opening(deadline), deadline.timezone)
    return _either(FOLLOWS, AGEING) if product.maximum_age is not None else FOLLOWS


@cache
def _by_deadline(ticks: tuple[str, ...], opens: tuple[str, ...], timezone: str) -> Condition:
    due: Condition = (
        When.in_latest_time_window()
        & _ticked(ticks, timezone).since_last_handled()
        & ~When.newly_updated().since(_ticked(opens, timezone))
        & READY
    ).with_label(f"due soon ({' or '.join(ticks)}, {timezone})")
    return _either(FOLLOWS, due)


def _ticked(crons: Iterable[str], timezone: str) -> Condition:
    return reduce(or_, [When.cron_tick_passed(cron, timezone) for cron in crons])


def _either(*conditions: Condition) -> Condition:
    return reduce(or_, conditions)
