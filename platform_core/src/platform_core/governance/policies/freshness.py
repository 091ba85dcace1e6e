"""Policies on freshness: no product promises fresher data than its inputs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from platform_core.contracts.cron import Schedule
from platform_core.contracts.model import DataProduct
from platform_core.governance.facts import MeshFacts
from platform_core.governance.freshness import Breach, Freshness
from platform_core.governance.policy import Violation, policy
from platform_core.words import duration_in_words

_IN_ONE_LINE: Final = 4


@policy("G307", scope="mesh")
def feasible(mesh: MeshFacts) -> Iterator[Violation]:
    upstreams: dict[str, list[str]] = {product: [] for product in mesh.known}
    for read in mesh.reads:
        if read.kind == "input" and read.reader in upstreams and read.source in upstreams:
            upstreams[read.reader].append(read.source)
    freshness = Freshness(mesh.known, {name: tuple(found) for name, found in upstreams.items()})
    for breach in freshness.breaches():
        product = mesh.known[breach.product]
        promise = product.deadline or product.maximum_age
        if promise is not None:
            message, expected, fix = _words(mesh, freshness, breach)
            yield Violation(message, promise.place, product.id, expected, fix)


@policy("G314", scope="mesh")
def recent_enough(mesh: MeshFacts) -> Iterator[Violation]:
    inputs: dict[str, set[str]] = {}
    for read in mesh.reads:
        if read.kind == "input":
            inputs.setdefault(read.reader, set()).add(read.source)
    for product in mesh.products.values():
        sources = [mesh.known.get(name) for name in sorted(inputs.get(product.id, ()))]
        promised = [
            (_recency(source), source.id)
            for source in sources
            if source is not None and (source.partitions is None) == (product.partitions is None)
        ]
        known = [(age, name) for age, name in promised if age is not None]
        if not known or len(known) != len(sources):
            continue
        least, name = min(known)
        for rule in product.rules:
            if rule.kind == "recency" and rule.maximum_age is not None and rule.maximum_age < least:
                yield Violation(
                    f"{product.id} promises {rule.columns[0]} at most "
                    f"{duration_in_words(rule.maximum_age)} old, but "
                    f"its most recent input, {name}, may be {duration_in_words(least)} old",
                    rule.place,
                    product.id,
                    f"at least {duration_in_words(least)}",
                    f"Promise {duration_in_words(least)}, or agree on more recent data with the owner of "
                    f"{name}.",
                )


def _recency(product: DataProduct) -> timedelta | None:
    ages = [rule.maximum_age for rule in product.rules if rule.kind == "recency" and rule.maximum_age]
    return min(ages, default=None)


def _words(mesh: MeshFacts, freshness: Freshness, breach: Breach) -> tuple[str, str, str]:
    promised, age = _minutes(breach.promised), _minutes(breach.age)
    steps = [_step(mesh, freshness, breach, *step) for step in breach.path]
    path = (" -> " if len(steps) <= _IN_ONE_LINE else "\n-> ").join(steps)
    schedule, upstream = freshness.schedule(breach.product), freshness.schedule(breach.upstream)
    owner = f"with the owner of {breach.upstream}"
    if schedule is None or breach.tick is None:
        message = f"{breach.product} promises data at most {promised} old, but an input may be {age} old"
        expected = f"{path}: {_minutes(breach.age - breach.promised)} too old"
        if upstream is not None:
            expected += f"\nbefore a refresh, the data of {breach.upstream} is {age} old, {promised} promised"
        return message, expected, f"Promise at least {age}, or agree on fresher data {owner}."
    moment = schedule.clock(breach.tick)
    of = schedule.clock(_of(schedule, breach))
    sums = f"at {moment:%a %H:%M} the newest data is of {of:%a %H:%M}: {age} old, {promised} promised"
    after = _due_soon(schedule, upstream, breach)
    if after is not None:
        early = _minutes(after - breach.tick)
        later = schedule.clock(after)
        message = f"{breach.product} is due {early} before its input {breach.upstream}"
        then = f"{later:%H:%M} {schedule.timezone}"
        fix = f"Move the deadline to {then} or later, or agree on an earlier one {owner}."
        return message, f"{path}: {early} too early\n{sums}", fix
    oldest, late = breach.path[0][0], _minutes(breach.age - breach.promised)
    message = f"{breach.product} promises data at most {promised} old, but that of {oldest} is {age} old"
    fix = (
        f"Promise a maximum age of at least {_minutes(freshness.worst(breach.upstream))} (latency without "
        f"schedule), or agree on fresher data {owner}."
    )
    return message, f"{path}: {late} too old\n{sums}", fix


def _due_soon(schedule: Schedule, upstream: Schedule | None, breach: Breach) -> int | None:
    """The upstream's next tick, where waiting for it would help at every deadline: the last tick is too long
    ago, and the next is nearer."""
    if upstream is None or breach.tick is None:
        return None
    before, after = upstream.last(breach.tick), upstream.next(breach.tick)
    since, as_often = breach.tick - before, after - before <= schedule.next(breach.tick) - breach.tick + 60
    return after if as_often and since > breach.promised and after - breach.tick < since else None


def _step(mesh: MeshFacts, freshness: Freshness, breach: Breach, name: str, tick: int | None) -> str:
    product, schedule = mesh.known[name], freshness.schedule(name)
    if schedule is None:
        age = product.maximum_age
        return (
            f"{name} at most {duration_in_words(age.fail_after)} old" if age else f"{name} without a promise"
        )
    if tick is None:
        return f'{name} by "{schedule.cron}" {schedule.timezone}'
    reader = freshness.schedule(breach.product)
    daily = schedule.cron.split()[2:] == ["*", "*", "*"]
    text = f"{name} by {schedule.clock(tick):{'%H:%M' if daily else '%a %H:%M'}} {schedule.timezone}"
    if reader is not None and reader.local(tick) != schedule.local(tick):
        text += f" (= {reader.clock(tick):%H:%M} {reader.timezone})"
    return text


def _of(schedule: Schedule, breach: Breach) -> int:
    assert breach.tick is not None
    wanted = schedule.local(breach.tick) - breach.age
    guess = breach.tick - breach.age
    return guess + wanted - schedule.local(guess)


def _minutes(number: int) -> str:
    return duration_in_words(timedelta(minutes=number))
