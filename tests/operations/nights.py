"""Nights of the real mesh: what its products do, hour by hour, and the rounds of a watch that sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from platform_core.contracts.model import DataProduct
from platform_core.operations.alerts.outbox import Outbox
from platform_core.operations.alerts.recipients import Directory
from platform_core.operations.alerts.text import Writer
from platform_core.operations.incidents.book import Book
from platform_core.operations.incidents.signals import Kind, Signal
from platform_core.operations.store.journal import Journal
from platform_core.operations.watch.findings import changed_warnings, late_products
from platform_core.operations.watch.settle import settle
from platform_core.workspace.records.products import Materialization

START = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
"""The hour in which each product is made, every day: all windows are open then."""
ROUND = timedelta(minutes=10)


@dataclass(frozen=True)
class KnownMesh:
    """Contracts, people and graph of the mesh, as a watch looks at them."""

    products: Mapping[str, DataProduct]
    directory: Directory
    graphs: tuple[Signal, ...]

    @property
    def book(self) -> Book:
        return Book.replay(self.graphs)


@dataclass
class Nights:
    """A journal, and the products that are ``held``: those that the daily runs do not make."""

    mesh: KnownMesh
    journal: Journal
    held: set[str] = field(default_factory=set)
    now: datetime = START
    made: dict[str, Materialization] = field(default_factory=dict)
    _coming: list[Signal] = field(default_factory=list)
    _warnings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._coming += self.mesh.graphs
        self._publish(self.mesh.products, START - timedelta(days=1))

    def fault(self, kind: Kind, subject: str, hours: float = 0.0, **facts: Any) -> None:
        """Something happens, so many hours after the start."""
        at = START + timedelta(hours=hours)
        self._coming.append(Signal.of(kind, subject, at, at.isoformat(), **facts))

    def publish(self, *products: str, hours: float) -> None:
        self._publish(products, START + timedelta(hours=hours))

    def begin(self, product: str, days: float) -> None:
        """Let the newest version of a product be so many days old at the start."""
        self._coming = [each for each in self._coming if each.subject != product]
        self._publish([product], START - timedelta(days=days))

    def products_of(self, domain: str) -> set[str]:
        return {name for name, each in self.mesh.products.items() if each.domain == domain}

    def pass_until(self, hours: float) -> None:
        """Rounds until so many hours after the start."""
        while self.now <= START + timedelta(hours=hours):
            if (self.now - START) % timedelta(days=1) == timedelta():
                self._publish(self.mesh.products.keys() - self.held, self.now)
            self._round()
            self.now += ROUND

    def _publish(self, products: Iterable[str], at: datetime) -> None:
        day = (at - START).days + 10
        self._coming += [
            Signal.of("published", name, at, at.isoformat(), version=day) for name in sorted(products)
        ]

    def _round(self) -> None:
        seen = [each for each in self._coming if each.at <= self.now]
        self._coming = [each for each in self._coming if each.at > self.now]
        for each in seen:
            if each.kind == "published":
                self.made[each.subject] = Materialization(each.subject, each.at, "run")
        seen += late_products(self.mesh.products.values(), self.made, self.now)
        with self.journal.transaction():
            new = self.journal.record(changed_warnings(seen, self._warnings))
            book = settle(self.journal, new, self.now)
            writer = Writer(book, self.mesh.products, None, self.now)
            Outbox(self.journal, self.mesh.directory, writer, START - timedelta(days=2)).post(new)

    @property
    def incidents(self) -> list[dict[str, Any]]:
        """All that were ever opened, the first one first."""
        return self.journal.incidents()[::-1]

    @property
    def causes(self) -> list[tuple[str, str, str]]:
        """The cause, kind and state of each incident."""
        return sorted((each["cause"], each["kind"], each["state"]) for each in self.incidents)

    def heard(self, cause: str) -> dict[str, list[str]]:
        """The phases that each team heard of the incidents of a cause."""
        found: dict[str, list[str]] = {}
        ids = [each["id"] for each in self.incidents if each["cause"] == cause]
        for channel, phases in self.journal.posted(ids).items():
            if channel != "ui":
                found[channel.partition(" ")[0]] = [phase for phase, _ in phases]
        return found

    @property
    def sent(self) -> list[tuple[str, str]]:
        """The team and phase of all messages to people, in their order."""
        rows = self.journal.database.rows(
            "SELECT channel, phase FROM mesh_message WHERE channel <> 'ui' ORDER BY n"
        )
        return [(channel.partition(" ")[0], phase) for channel, phase in rows]
