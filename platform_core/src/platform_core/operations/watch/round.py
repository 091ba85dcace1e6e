"""A round of the watch: new facts, then one transaction with all that follows from them, then delivery.

Nothing lives in memory that the next round needs: a watch that is killed at any point goes on where the last
transaction ended.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from platform_core.contracts.budget import Budget
from platform_core.diagnostics import PlatformError
from platform_core.operations.alerts.delivery import LONGEST_WAIT, NotAccepted, call, deliver
from platform_core.operations.alerts.outbox import Outbox
from platform_core.operations.alerts.text import Writer
from platform_core.operations.incidents.book import Book
from platform_core.operations.incidents.signals import Signal
from platform_core.operations.ledger.levels import ROLLING, service_levels
from platform_core.operations.store.journal import Journal, Message
from platform_core.operations.watch import findings
from platform_core.operations.watch.asset_pages import level_message, show
from platform_core.operations.watch.event_log import EventLog, Position
from platform_core.operations.watch.mesh import WatchedMesh
from platform_core.operations.watch.news import (
    add_spent,
    ageing,
    budgets,
    contract_news,
    endings,
    month_of,
    waivers,
)
from platform_core.operations.watch.settle import settle
from platform_core.secrets import Secret
from platform_core.words import duration_in_words
from platform_core.workspace.records.products import Materialization, newest, recorded

BEHIND: Final = timedelta(minutes=1)
"""A clock that went back by less is not worth a remark."""
SILENCE: Final = timedelta(minutes=5)
"""The shortest time without a round that is news."""

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a round. ``remarks`` are for the person who watches it."""

    signals: int
    open: int
    posted: int
    accepted: int
    remarks: tuple[str, ...] = ()


@dataclass
class Rounds:
    """The rounds of one watch. The values that it keeps save work only."""

    root: Path
    journal: Journal
    every: timedelta | None
    """The time between two rounds; None for a single one."""
    ui: str | None = None
    mesh: WatchedMesh = field(init=False)
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    _made: dict[str, Materialization] = field(default_factory=dict)
    _book: tuple[int, Book] | None = None

    def __post_init__(self) -> None:
        self.mesh = WatchedMesh(self.root)

    def round(self, now: datetime) -> Result:
        """One whole round. Raises OperationsError, after which the next round does all of it again."""
        remarks, began = list[str](), time.monotonic()

        def clock() -> datetime:
            return now + timedelta(seconds=time.monotonic() - began)

        self.mesh.refresh()
        remarks += [fault.render() for fault in self.mesh.faults]
        graphs, faults = self.mesh.look(now)
        position = self.journal.fact("position")
        with ExitStack() as stack:
            instance = stack.enter_context(recorded(self.root))
            found, after = [*graphs], None
            unresolved = {each["cause"] for each in self.journal.incidents(unresolved=True)}
            if instance is not None:
                before = Position(**position) if position else None
                log = EventLog(instance, self.mesh.products, self.mesh.sources)
                events, after = log.read(before, month_of(now))
                found += events
                if not self._made or after != before:
                    self._made = newest(instance, self.mesh.products)
                found += findings.daemon(instance, unresolved, self._lived_since(), now)
            found += self._found(faults, unresolved, now)
            book, posted, new = self._commit(found, after, now, remarks)
            remarks += self._show_levels(now)
            pages = partial(show, instance) if instance is not None else _ignore
            accepted = deliver(self.journal, self.mesh.directory, pages, clock)
        waiting = self.journal.waiting()
        remarks += [
            f"{name} waits since {at:%Y-%m-%d %H:%M} UTC: {why}" for name, (at, why) in waiting.items()
        ]
        remarks += beat(self.mesh.directory.alerts.heartbeat)
        every = self.every.total_seconds() if self.every is not None else None
        shown = {"at": now.isoformat(), "latest": max(now, self._latest()).isoformat(), "every": every}
        self.journal.keep("round", shown)
        return Result(new, sum(1 for _ in book.open), posted, accepted, tuple(remarks))

    def _latest(self) -> datetime:
        """The latest time of a round so far, which is to come after the clock went back."""
        last = self.journal.fact("round")
        return datetime.fromisoformat(last["latest"]) if last is not None else _LONG_AGO

    def _lived_since(self) -> datetime:
        return self.since if self.every is not None else _LONG_AGO

    def _found(
        self, faults: dict[str, str | None], unresolved: Collection[str], now: datetime
    ) -> Iterator[Signal]:
        mesh, products = self.mesh, self.mesh.products
        yield from findings.late_products(products.values(), self._made, now)
        yield from findings.locations(faults, unresolved, now)
        yield from findings.removed(unresolved, {*products, *mesh.unread}, {*faults}, now)
        # The incident of a channel that was removed ends, as that of a product does.
        waiting = {
            c: why for c, why in self.journal.waiting().items() if mesh.directory.target(c) is not None
        }
        yield from findings.channels(waiting, unresolved, now)
        yield from endings(mesh.mesh, now)
        yield from waivers(mesh.mesh, now)
        for name, made in self._made.items():
            if name in products:
                yield from ageing(products[name], made.at, now)

    def _commit(
        self, found: list[Signal], after: Position | None, now: datetime, remarks: list[str]
    ) -> tuple[Book, int, int]:
        """Store what was found, with all that follows from it."""
        journal, products = self.journal, self.mesh.products
        with journal.transaction():
            started = journal.fact("started") or now.isoformat()
            contracts, warnings = journal.fact("contracts") or {}, journal.fact("warnings") or {}
            graphs = journal.fact("graphs") or {}
            found += self._gap(journal.fact("round"), now, remarks)
            found += contract_news(contracts, products, now)
            named = {each.name for each in self.mesh.locations}
            changes = findings.changed_graphs(findings.changed_warnings(found, warnings), graphs, named, now)
            new = journal.record(_after(self._latest(), changes))
            spent = add_spent(journal.fact("spent"), new, now)
            default = Budget(**self.mesh.directory.federation.budget)
            new += journal.record(budgets(spent, products, default, now))
            book = self._replayed(new, now)
            writer = Writer(book, products, self.ui, now)
            started_at = datetime.fromisoformat(started)
            posted = Outbox(journal, self.mesh.directory, writer, started_at).post(new)
            facts = {"started": started, "warnings": warnings, "graphs": graphs, "spent": spent}
            facts["contracts"] = contracts | {name: product.version for name, product in products.items()}
            if after is not None:
                facts["position"] = asdict(after)
            for name, value in facts.items():
                journal.keep(name, value)
        return book, posted, len(new)

    def _show_levels(self, now: datetime) -> Iterator[str]:
        """Show the service levels on the pages of products, once for each version; yields why not."""
        source = self.mesh.directory.federation.service_levels
        made = self._made.get(source) if source is not None else None
        if made is None or (self.journal.fact("levels") or {}).get("version") == made.version:
            return
        try:
            levels = [each for each in service_levels(self.root) if each.period == ROLLING]
        except PlatformError as error:
            yield error.diagnostics[0].message
            return
        with self.journal.transaction():
            for level in levels:
                self.journal.post(level_message(level, made.version), now)
            kept = {level.product_id: level.words for level in levels}
            self.journal.keep("levels", {"version": made.version, "kept": kept})

    def _replayed(self, new: list[Signal], now: datetime) -> Book:
        # Another process may have stored a signal: mesh run, mesh incident.
        number = self.journal.newest()
        if self._book is None or self._book[0] != number:
            self._book = number, settle(self.journal, new, now)
        return self._book[1]

    def _gap(self, last: dict[str, Any] | None, now: datetime, remarks: list[str]) -> Iterator[Signal]:
        """The time without a round, if somebody should know of it."""
        if last is None:
            return
        before = datetime.fromisoformat(last["at"])
        if now < before - BEHIND:
            back = duration_in_words(timedelta(minutes=(before - now) // timedelta(minutes=1)))
            remarks.append(f"the clock went back by {back}; no message waits longer for it")
            self.journal.hurry(now + LONGEST_WAIT)
        if last["every"] is not None and now - before > max(10 * timedelta(seconds=last["every"]), SILENCE):
            shown = {"from": f"{before:%Y-%m-%d %H:%M} UTC", "until": f"{now:%Y-%m-%d %H:%M} UTC"}
            yield Signal.of("silent", "watch", now, last["at"], shown=shown)


def beat(heartbeat: Secret | None) -> Iterator[str]:
    """Call the address that shows that the watch lives; yields why it could not."""
    if heartbeat is None:
        return
    try:
        call(heartbeat)
    except NotAccepted as error:
        yield f"the heartbeat was not taken: {error}"
    except PlatformError as error:
        yield error.diagnostics[0].message


def _after(last: datetime, found: Iterable[Signal]) -> Iterator[Signal]:
    """The signals of a round, none of them before the last round: it would have seen them. Their clock went
    back, or that of another machine is slow, and a repair must not come before the fault."""
    return (replace(each, at=max(each.at, last)) for each in found)


def _ignore(message: Message) -> None:
    """Without an instance there are no asset pages."""
