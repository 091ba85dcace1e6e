"""The facts that a round finds outside of the event log: late products, and causes that began or ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from platform_core.codes import code_in, place_in
from platform_core.contracts.model import DataProduct
from platform_core.fingerprint.made_from import digest
from platform_core.operations.incidents.signals import DAEMON, Signal
from platform_core.words import duration_in_words
from platform_core.workspace.records.lateness import lateness
from platform_core.workspace.records.products import Materialization

if TYPE_CHECKING:
    import dagster as dg

SLOT: Final = timedelta(hours=6)
"""A product that stays late is found again after this time: its cause may have ended meanwhile."""
SILENT: Final = timedelta(minutes=2)
"""A daemon without a heartbeat for this time is dead; it beats every half minute."""
GONE: Final = timedelta(hours=24)
"""A channel that takes no message for this time is an incident."""


def late_products(
    products: Iterable[DataProduct], made: Mapping[str, Materialization], now: datetime
) -> Iterator[Signal]:
    """The products that break a promise of freshness now, each since its first one."""
    slot = str(int(now.timestamp() // SLOT.total_seconds()))
    for product in products:
        own = made.get(product.id)
        found = sorted(lateness(product, own, now), key=lambda each: each.since) if own is not None else []
        for late in found[:1]:
            facts = {"why": late.why, **({"source": late.source} if late.source else {})}
            yield Signal.of("late", product.id, now, late.since.isoformat(), slot, **facts)


def locations(
    faults: Mapping[str, str | None], unresolved: Collection[str], now: datetime
) -> Iterator[Signal]:
    """The code locations that stopped or began to load. ``faults`` has the fault of those that do not, as
    text."""
    for name, text in faults.items():
        cause = f"location:{name}"
        if text is not None and cause not in unresolved:
            code = code_in(text) or "R001"
            facts = {"code": code, "place": place_in(text), "what": f"does not load ({code})"}
            yield Signal.of("broken", cause, now, now.isoformat(), **facts)
        elif text is None and cause in unresolved:
            yield works(cause, now)


def works(cause: str, now: datetime) -> Signal:
    return Signal.of("works", cause, now, now.isoformat())


def removed(
    unresolved: Iterable[str], products: Collection[str], locations: Collection[str], now: datetime
) -> Iterator[Signal]:
    """The end of causes that are not in the mesh any more."""
    for cause in unresolved:
        kind, _, name = cause.partition(":")
        gone = name not in locations if kind == "location" else "/" in kind and kind not in products
        if gone:
            yield works(cause, now)


def daemon(
    instance: dg.DagsterInstance, unresolved: Collection[str], watched_since: datetime, now: datetime
) -> Iterator[Signal]:
    """Whether Dagster's daemon beats. One that never did is not needed here."""
    beats = [
        status.last_heartbeat.timestamp
        for status in instance.get_daemon_statuses().values()
        if status.last_heartbeat is not None
    ]
    if not beats:
        return
    age = timedelta(seconds=now.timestamp() - max(beats))
    if age <= SILENT and DAEMON in unresolved:
        yield works(DAEMON, now)
    # A daemon that is only just starting with the watch has not beaten yet.
    elif age > SILENT and now - watched_since > SILENT and DAEMON not in unresolved:
        what = f"has not answered for {duration_in_words(timedelta(minutes=age // timedelta(minutes=1)))}"
        yield Signal.of("broken", DAEMON, now, now.isoformat(), what=f"{what}: nothing runs by itself")


def channels(
    waiting: Mapping[str, tuple[datetime, str]], unresolved: Collection[str], now: datetime
) -> Iterator[Signal]:
    """The channels that take no message for long, and those that do again."""
    for name, (since, error) in waiting.items():
        if now - since > GONE and f"channel:{name}" not in unresolved:
            what = f"does not take a message of {since:%Y-%m-%d %H:%M} UTC: {error}"
            yield Signal.of("broken", f"channel:{name}", now, since.isoformat(), what=what)
    for cause in unresolved:
        kind, _, name = cause.partition(":")
        if kind == "channel" and (name not in waiting or now - waiting[name][0] <= GONE):
            yield works(cause, now)


def changed_warnings(found: Iterable[Signal], known: dict[str, Any]) -> Iterator[Signal]:
    """The signals without the warnings that do not change anything. ``known`` has the last result of each
    rule by product, and gets the new ones."""
    for signal in found:
        if signal.kind != "warned" or "rule" not in signal.facts:
            yield signal
            continue
        at, passed = signal.at.isoformat(), bool(signal.facts["passed"])
        rules = known.setdefault(signal.subject, {})
        before = rules.get(signal.facts["rule"])
        if before is not None and at < before[0]:
            continue
        rules[signal.facts["rule"]] = [at, passed]
        if not passed and (before is None or before[1]):
            count, rows = signal.facts["count"], signal.facts["rows"]
            shown = {"rule": signal.facts["rule"]}
            shown |= {"violations": f"{count:,} of {rows:,} rows"} if count is not None and rows else {}
            yield Signal(signal.key, "warned", signal.subject, signal.at, {**signal.facts, "shown": shown})


def changed_graphs(
    found: Iterable[Signal], known: dict[str, str], locations: Collection[str], now: datetime
) -> Iterator[Signal]:
    """The signals without the graphs that are as before, and the empty graphs of locations that are gone.
    ``known`` has a digest of the last graph of each location, and gets the new ones."""
    for signal in found:
        mark = digest(repr(signal.facts.get("part")))
        if signal.kind != "graph" or known.get(signal.subject) != mark:
            yield signal
        if signal.kind == "graph":
            known[signal.subject] = mark
    for name in known.keys() - locations:
        del known[name]
        yield Signal.of("graph", name, now, now.isoformat(), part={})
