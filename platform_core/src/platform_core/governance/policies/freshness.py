"""Promises that can be kept: no product fresher than what it reads."""

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


@policy(
    "G307",
    title="A product promises no fresher data than its upstreams deliver",
    scope="mesh",
    rationale="A promise that depends on luck is none. Of every product it is computed how old its data "
    "is at worst, along every path of inputs, if everybody upstream keeps what the contract "
    "promises and no more, and the product itself takes no time. A deadline promises, at each "
    "tick of its schedule, data of at most its `value` ago; from a tick on it delivers what its "
    "own upstreams owed at that tick; what reads sources alone is of an hour before, when it is "
    "refreshed by itself (of the middle of a window of less than two hours). A "
    "maximum age promises, at any moment, data of at most its `value` ago; when it is refreshed "
    "nobody says, so maximum ages add up along a path. A product without a promise delivers "
    "what its upstreams do. Spans are measured on the clock of the deadline's own zone, over "
    "one year, clock changes included. A broken promise is told where it is made; what is built "
    "on it is judged as if it were kept. Foreign keys check data and do not carry it: they do "
    "not count.",
    fix="Promise less, or agree on an earlier promise with the owner of what is read.",
    failing="# hr/store_staffing is due at 15 5 * * * in America/Chicago, which is 06:15 in New York\n"
    "slaProperties:  # of sales/store_performance, which reads it\n"
    '  - {property: latency, value: 6, unit: h, scheduler: cron, schedule: "0 6 * * *",\n'
    "     customProperties: [{property: timezone, value: America/New_York, vendor: platform-core}]}",
    passing="slaProperties:\n"
    '  - {property: latency, value: 6, unit: h, scheduler: cron, schedule: "15 7 * * *",\n'
    "     customProperties: [{property: timezone, value: America/New_York, vendor: platform-core}]}",
)
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


@policy(
    "G314",
    title="No data is more recent than what it is made of",
    scope="mesh",
    rationale="Recency (latency with an element) is about the data itself: how old the newest value of a "
    "column may be when a version is published, seen from the end of its partition or from now. A "
    "product has no newer values than what it reads, so it cannot promise more recent ones than the "
    "most recent of its inputs does; a stream and its consumer alike. Judged where every input "
    "promises a recency and is seen from the same moment; how long a version waits for its reader is "
    "what G307 counts.",
    fix="Promise less, or agree on more recent data with the owner of what is read.",
    failing="# sales/transactions promises 31 days of transactions.transaction_timestamp\n"
    "slaProperties:  # of sales/household_baskets, which reads nothing else\n"
    "  - {property: latency, element: household_baskets.bought_at, value: 1, unit: d}",
    passing="slaProperties:\n"
    "  - {property: latency, element: household_baskets.bought_at, value: 31, unit: d}",
)
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
                    f"{duration_in_words(rule.maximum_age)} old, and "
                    f"the most recent data that it reads, {name}, may be {duration_in_words(least)} old",
                    rule.place,
                    product.id,
                    f"at least {duration_in_words(least)}",
                    f"Promise {duration_in_words(least)}, or agree on more recent data with the owner of "
                    f"{name}.",
                )


def _recency(product: DataProduct) -> timedelta | None:
    """The least age that a product promises of any of its columns; None where it promises none."""
    ages = [rule.maximum_age for rule in product.rules if rule.kind == "recency" and rule.maximum_age]
    return min(ages, default=None)


def _words(mesh: MeshFacts, freshness: Freshness, breach: Breach) -> tuple[str, str, str]:
    promised, age = _minutes(breach.promised), _minutes(breach.age)
    steps = [_step(mesh, freshness, breach, *step) for step in breach.path]
    path = (" -> " if len(steps) <= _IN_ONE_LINE else "\n-> ").join(steps)
    schedule, upstream = freshness.schedule(breach.product), freshness.schedule(breach.upstream)
    owner = f"with the owner of {breach.upstream}"
    if schedule is None or breach.tick is None:
        message = f"{breach.product} promises data at most {promised} old, and reads what may be {age} old"
        expected = f"{path}: {_minutes(breach.age - breach.promised)} too old"
        if upstream is not None:
            expected += (
                f"\njust before a refresh the data of {breach.upstream} is {age} old, {promised} promised"
            )
        return message, expected, f"Promise at least {age}, or agree on fresher data {owner}."
    moment = schedule.clock(breach.tick)
    of = schedule.clock(_of(schedule, breach))
    sums = f"at {moment:%a %H:%M} the newest data owed is of {of:%a %H:%M}: {age} old, {promised} promised"
    after = _due_soon(schedule, upstream, breach)
    if after is not None:
        early = _minutes(after - breach.tick)
        later = schedule.clock(after)
        message = f"{breach.product} is due {early} before {breach.upstream}, which it reads"
        fix = f"Move the deadline to {later:%H:%M} {schedule.timezone} or later, or agree on an earlier one "
        return message, f"{path}: {early} too early\n{sums}", f"{fix}{owner}."
    message = (
        f"{breach.product} promises data at most {promised} old, and that of {breach.path[0][0]} is {age} old"
    )
    late = _minutes(breach.age - breach.promised)
    fix = f"Promise a maximum age of at least {_minutes(freshness.worst(breach.upstream))} (latency without "
    return message, f"{path}: {late} too old\n{sums}", f"{fix}schedule), or agree on fresher data {owner}."


def _due_soon(schedule: Schedule, upstream: Schedule | None, breach: Breach) -> int | None:
    """The upstream's next tick, where the deadline is rather early than the data old: the last tick is
    too long ago, the next is nearer, and to wait for it would help at every deadline."""
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
            f"{name} at most {duration_in_words(age.fail_after)} old"
            if age
            else f"{name}, which promises nothing"
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
    """The moment that the data of a breached deadline is of."""
    assert breach.tick is not None
    wanted = schedule.local(breach.tick) - breach.age
    guess = breach.tick - breach.age
    return guess + wanted - schedule.local(guess)


def _minutes(number: int) -> str:
    return duration_in_words(timedelta(minutes=number))
