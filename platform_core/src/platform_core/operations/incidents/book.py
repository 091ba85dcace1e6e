"""The incident book: one incident for each cause, by a replay of signals in the order of their times.

The rules are those of docs/decisions/0089. A product's own fault is an incident of its own. A late product
joins the farthest open cause that it is made from, else it is a cause itself. A new cause absorbs the open
incidents of products that are late because of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from platform_core.contracts.product_id import ProductId
from platform_core.fingerprint.made_from import digest
from platform_core.operations.incidents.reach import Reach, Reached
from platform_core.operations.incidents.signals import DAEMON, FAULTS, Kind, Signal

QUIET: Final = timedelta(hours=1)
"""A fault of the same kind within this time after the repair is the same incident."""
State = Literal["open", "acknowledged", "resolved"]


@dataclass(eq=False)
class Incident:
    """One incident; ``kind`` is that of its last fault."""

    id: str
    cause: str
    kind: Kind
    opened: datetime
    last: Signal
    """The last signal of its cause."""
    faults: list[Signal] = field(default_factory=list)
    """The faults of the last run: one of each rule that failed."""
    late: dict[str, datetime] = field(default_factory=dict)
    """The products that are late because of it, and since when."""
    was_late: set[str] = field(default_factory=set)
    """The products that were late because of it at a time."""
    absorbed: list[str] = field(default_factory=list)
    """The ids of incidents that turned out to be its consequences."""
    resolved: datetime | None = None
    acknowledged: tuple[str, datetime] | None = None
    """By whom, and when."""
    hit: frozenset[str] | None = field(init=False)
    """The columns that were wrong in any run; None where all may have been."""
    began: datetime = field(init=False)
    """The time of its first consequence, which may be known before its cause."""
    reopened: int = 0
    """How often its fault came back soon after the repair."""

    def __post_init__(self) -> None:
        self.began, self.faults = self.opened, [self.last]
        self.hit = self.columns

    @property
    def columns(self) -> frozenset[str] | None:
        """The columns that the last run had wrong; None where all may be."""
        found = [each.columns for each in self.faults]
        known = [each for each in found if each is not None]
        return frozenset[str]().union(*known) if len(known) == len(found) else None

    @property
    def state(self) -> State:
        if self.resolved is not None:
            return "resolved"
        return "acknowledged" if self.acknowledged else "open"

    def add_late(self, products: Mapping[str, datetime]) -> None:
        self.late = {**products, **self.late}
        self.was_late |= products.keys()

    def again(self, signal: Signal) -> None:
        """Take another fault of the same cause."""
        if signal.kind != "late":
            run = signal.facts.get("run")
            same = run is not None and run == self.last.facts.get("run")
            self.faults = [*self.faults, signal] if same else [signal]
            before = self.hit if self.kind != "late" else frozenset()
            self.hit = None if before is None or self.columns is None else before | self.columns
            self.kind, self.last = signal.kind, signal


@dataclass(frozen=True, slots=True)
class Silence:
    """No message about incidents of a cause until a time."""

    cause: str
    until: datetime
    by: str
    why: str


@dataclass
class Book:
    """All incidents of the signals that it took."""

    reach: Reach = field(default_factory=Reach)
    incidents: dict[str, Incident] = field(default_factory=dict)
    newest: dict[str, Signal] = field(default_factory=dict)
    """The last publication of each product."""
    silences: dict[str, Silence] = field(default_factory=dict)
    _open: dict[str, Incident] = field(default_factory=dict)
    _closed: dict[str, Incident] = field(default_factory=dict)
    _repaired: dict[str, datetime] = field(default_factory=dict)
    """When the cause of each product was repaired that is late still: it needs some time to be made."""

    @classmethod
    def replay(cls, signals: Iterable[Signal]) -> Book:
        """The book of signals, which are in the order of their times."""
        book = cls()
        for signal in signals:
            book.take(signal)
        return book

    @property
    def open(self) -> Iterator[Incident]:
        return iter(self._open.values())

    def take(self, signal: Signal) -> None:
        match signal.kind:
            case "graph":
                self.reach.show(signal.subject, signal.facts["part"])
                for each in list(self._open.values()):
                    self._close_source(each, signal.at)
            case "published":
                self._published(signal)
            case "late":
                self._late(signal)
            case "refused" | "failed" | "unchecked" | "broken":
                self._fault(signal)
            case "works":
                self._resolve(signal.subject, signal.at)
            case "ack":
                if (incident := self.incidents.get(signal.subject)) is not None:
                    incident.acknowledged = (signal.facts["by"], signal.at)
            case "silence":
                until = datetime.fromisoformat(signal.facts["until"])
                self.silences[signal.subject] = Silence(
                    signal.subject, until, signal.facts["by"], signal.facts["why"]
                )

    def silenced(self, incident: Incident, now: datetime) -> Silence | None:
        found = (self.silences.get(name) for name in (incident.cause, incident.id))
        return next((each for each in found if each is not None and now < each.until), None)

    def because_of(self, product: str) -> Incident | None:
        """The open incident of a product, or the one because of which it is late."""
        if product in self._open:
            return self._open[product]
        return next((each for each in self._open.values() if product in each.late), None)

    def affected(self, incident: Incident) -> dict[str, Reached]:
        """The products that an incident reaches by the columns that they use, or that are late by it; of one
        that is over, all that it reached."""
        kind, _, name = incident.cause.partition(":")
        if kind == "location":
            own = [each for each in self.reach.products if ProductId(each).domain == name]
            found = {each: Reached(each, incident.cause, None) for each in own}
            for each in own:
                found = {**self.reach.readers(each, None), **found}
        else:
            columns = incident.columns if incident.resolved is None else incident.hit
            found = self.reach.readers(bare(incident.cause), columns)
        return {each: Reached(each, incident.cause, None) for each in incident.late} | found

    def _fault(self, signal: Signal) -> None:
        source = signal.facts.get("source")
        cause = f"source:{source}" if source is not None else signal.subject
        for other in list(self._open.values()):
            # It is late by a fault of its own now.
            if other.cause != cause and other.late.pop(signal.subject, None) is not None:
                self._close_source(other, signal.at)
        before = self._closed.get(cause)
        if (incident := self._open.get(cause)) is not None:
            incident.again(signal)
        elif before is not None and before.kind == signal.kind and _soon(before.resolved, signal):
            before.resolved, before.acknowledged = None, None
            before.reopened += 1
            before.again(signal)
            incident = self._open[cause] = self._closed.pop(cause)
        else:
            incident = self._begin(cause, signal)
        if source is not None:
            incident.add_late({signal.subject: signal.at})

    def _late(self, signal: Signal) -> None:
        product, source = signal.subject, signal.facts.get("source")
        if product in self._open:
            return
        if source is not None:
            cause = f"source:{source}"
            incident = self._open.get(cause) or self._begin(cause, signal)
        elif (found := self._farthest(product)) is not None:
            incident = found
        elif any(product in each.late for each in self._open.values()) or _soon(
            self._repaired.get(product), signal
        ):
            return
        else:
            self._begin(product, signal)
            return
        incident.add_late({product: signal.at})

    def _farthest(self, product: str) -> Incident | None:
        if DAEMON in self._open:
            return self._open[DAEMON]
        causes = self.reach.causes(product)
        found = [(level, name) for name, level in causes.items() if name in self._open]
        return self._open[max(found)[1]] if found else None

    def _begin(self, cause: str, signal: Signal) -> Incident:
        incident = Incident(digest(cause, signal.at.isoformat())[:8], cause, signal.kind, signal.at, signal)
        self.incidents[incident.id] = self._open[cause] = incident
        for name, other in list(self._open.items()):
            if other.kind == "late" and other is not incident and self._follows(name, cause):
                incident.add_late({name: other.opened, **other.late})
                incident.was_late |= other.was_late
                incident.absorbed += [other.id, *other.absorbed]
                incident.began = min(incident.began, other.began)
                del self._open[name], self.incidents[other.id]
        return incident

    def _follows(self, product: str, cause: str) -> bool:
        return "/" in product and (cause == DAEMON or cause in self.reach.causes(product))

    def _published(self, signal: Signal) -> None:
        product, punctual = signal.subject, not signal.facts.get("late")
        self.newest[product] = signal
        own = self._open.get(product)
        if own is not None and (punctual or own.kind in FAULTS):
            self._resolve(product, signal.at)
        if punctual:
            self._repaired.pop(product, None)
        for incident in list(self._open.values()) if punctual else ():
            if incident.late.pop(product, None):
                self._close_source(incident, signal.at)

    def _close_source(self, incident: Incident, at: datetime) -> None:
        # A source has no publication of its own: it is back when the last product that reads it is.
        kind, _, source = incident.cause.partition(":")
        if kind == "source" and not any(source in self.reach.inputs(name) for name in incident.late):
            self._resolve(incident.cause, at)

    def _resolve(self, cause: str, at: datetime) -> None:
        if (incident := self._open.pop(cause, None)) is not None:
            incident.resolved = at
            self._closed[cause] = incident
            self._repaired |= dict.fromkeys(incident.late, at)


def bare(cause: str) -> str:
    """The name of a cause in the graph."""
    return cause.removeprefix("source:")


def _soon(repaired: datetime | None, signal: Signal) -> bool:
    return repaired is not None and signal.at - repaired < QUIET
