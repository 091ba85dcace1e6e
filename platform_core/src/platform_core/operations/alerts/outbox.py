"""The messages of a round: who hears of which incident and of which news, each at most once in a phase."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from platform_core.fingerprint.made_from import digest
from platform_core.operations.alerts.recipients import Directory, Happening, Recipient
from platform_core.operations.alerts.text import Writer, what_in_words
from platform_core.operations.incidents.book import Book, Incident
from platform_core.operations.incidents.reach import Reached
from platform_core.operations.incidents.signals import Kind, Signal
from platform_core.operations.store.journal import Journal, Message
from platform_core.source.alerts import AlertPolicy, Event

UI: Final = "ui"
"""The channel of the asset pages in Dagster's UI."""
Posted = Mapping[str, Sequence[tuple[str, datetime]]]
"""The phases of which each channel got a message, with their times."""
NEWS: Final[dict[Kind, Event]] = {
    "published": "published",
    "warned": "warned",
    "contract": "contract_changed",
    "deprecated": "deprecated_read",
    "waiver": "waiver_expiring",
    "budget": "over_budget",
    "silent": "silent",
}
"""The signals that open no incident, and their events."""
OPENING: Final[dict[Kind, Event]] = {
    "refused": "refused",
    "failed": "failed",
    "unchecked": "unchecked",
    "late": "late",
}


@dataclass(frozen=True)
class Outbox:
    """Posts the messages of a book. A fact from before ``started``, the first round, is not news."""

    journal: Journal
    directory: Directory
    writer: Writer
    started: datetime

    @property
    def book(self) -> Book:
        return self.writer.book

    @property
    def now(self) -> datetime:
        return self.writer.now

    def post(self, new: Iterable[Signal]) -> int:
        """Post the messages about the incidents and new signals; returns the number of those to channels."""
        messages = [*self._incidents(), *(each for signal in new for each in self._news(signal))]
        return sum(self.journal.post(each, self.now) and each.channel != UI for each in messages)

    def _incidents(self) -> Iterator[Message]:
        for incident in self.book.incidents.values():
            posted = self.journal.posted([incident.id, *incident.absorbed])
            yield from self._shown(incident, posted)
            if incident.resolved is not None:
                yield from self._resolved(incident, posted)
            elif self.book.silenced(incident, self.now) is None:
                yield from self._opened(incident, posted)
                yield from self._repeated(incident, posted)

    def _opened(self, incident: Incident, posted: Posted) -> Iterator[Message]:
        for recipient in self._recipients(incident, *opening(incident)):
            phases = posted.get(recipient.target.name, ())
            if not phases or phases[-1][0].startswith("resolved"):
                yield self._message(incident, "opened", recipient)

    def _repeated(self, incident: Incident, posted: Posted) -> Iterator[Message]:
        if incident.acknowledged is not None:
            return
        repeating = [each for each in self.directory.alerts.policies if each.repeat is not None]
        for recipient in self._recipients(incident, *opening(incident), "repeated", policies=repeating):
            times = [at for phase, at in posted.get(recipient.target.name, ()) if phase.startswith("opened")]
            if (times or "repeated" in recipient.policy.events) and recipient.policy.repeat is not None:
                number = (self.now - (times[-1] if times else incident.opened)) // recipient.policy.repeat
                if number > 0:
                    yield self._message(incident, f"repeat {number}", recipient)

    def _resolved(self, incident: Incident, posted: Posted) -> Iterator[Message]:
        for recipient in self._recipients(incident, "resolved", "recovered"):
            if (phases := posted.get(recipient.target.name)) and not phases[-1][0].startswith("resolved"):
                yield self._message(incident, "resolved", recipient)

    def _recipients(
        self, incident: Incident, *events: Event, policies: Sequence[AlertPolicy] | None = None
    ) -> Iterator[Recipient]:
        found = happening(self.book, incident, events)
        kind, _, channel = incident.cause.partition(":")
        return self.directory.recipients(found, {channel} if kind == "channel" else (), policies)

    def _message(self, incident: Incident, phase: str, recipient: Recipient) -> Message:
        name, numbered = recipient.target.name, _numbered(phase, incident)
        text = self.writer.incident(incident, phase, recipient)
        return Message(digest(incident.id, name, numbered), name, numbered, text.document(), incident.id)

    def _shown(self, incident: Incident, posted: Posted) -> Iterator[Message]:
        """The observation of the affected assets: one at the opening, and one at the end."""
        if incident.resolved is None or UI in posted:
            phase = _numbered("opened" if incident.resolved is None else "resolved", incident)
            body = {
                "assets": sorted({*_products(incident), *self.book.affected(incident)}),
                "incident": incident.id,
                "cause": incident.cause,
                "what": what_in_words(incident),
            }
            yield Message(digest(incident.id, UI, phase), UI, phase, body, incident.id)

    def _news(self, signal: Signal) -> Iterator[Message]:
        event = NEWS.get(signal.kind)
        if event is None or signal.at < self.started:
            return
        products = (signal.subject,) if "/" in signal.subject else ()
        readers = self.book.reach.readers(signal.subject, signal.columns)
        if signal.kind != "warned":  # wrong data flows on, other news do not
            readers = {name: each for name, each in readers.items() if each.through == signal.subject}
        about = Happening(frozenset({event}), products, readers, reach=self.book.reach)
        for recipient in self.directory.recipients(about):
            body, name = self.writer.news(signal, event, recipient).document(), recipient.target.name
            yield Message(digest(signal.key, name), name, signal.kind, body)


def opening(incident: Incident) -> tuple[Event, ...]:
    """The events of an incident that begins."""
    if incident.kind == "broken":
        return ("opened", "failed" if incident.cause.startswith("location:") else "silent")
    return ("opened", OPENING[incident.kind])


def happening(book: Book, incident: Incident, events: Iterable[Event]) -> Happening:
    """An event of an incident, with all products that were late by it at a time."""
    kind, _, name = incident.cause.partition(":")
    products = _products(incident)
    late = {each: Reached(each, incident.cause, None) for each in sorted(incident.was_late)}
    readers = {**late, **book.affected(incident)}
    return Happening(
        frozenset(events),
        products,
        {each: reached for each, reached in readers.items() if each not in products},
        name if kind == "location" else None,
        tuple(late),
        book.reach,
    )


def _products(incident: Incident) -> tuple[str, ...]:
    """The product that fails, whose source may be the cause."""
    subject = incident.last.subject
    return (subject,) if "/" in subject and ":" not in subject else ()


def _numbered(phase: str, incident: Incident) -> str:
    return f"{phase}, {incident.reopened} times back" if incident.reopened else phase
