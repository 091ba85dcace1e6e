"""Who would hear of the events of a product, and why: the answer of ``mesh alert explain``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from platform_core.operations.alerts.outbox import NEWS, happening, opening
from platform_core.operations.alerts.recipients import Directory, Happening, Recipient
from platform_core.operations.incidents.book import Book
from platform_core.operations.incidents.signals import Signal
from platform_core.source.alerts import Event

FAULTS: Final[tuple[Literal["refused", "failed", "unchecked", "late"], ...]] = (
    "refused",
    "failed",
    "unchecked",
    "late",
)

BEGINNINGS: Final[tuple[Event, ...]] = ("opened", "repeated", *FAULTS)
ENDS: Final[tuple[Event, ...]] = ("resolved", "recovered")


@dataclass(frozen=True, slots=True)
class Explained:
    """A recipient with the events of a product of which it would hear."""

    recipient: Recipient
    events: tuple[Event, ...]


def explain(
    directory: Directory, book: Book, product: str, columns: frozenset[str] | None, now: datetime
) -> list[Explained]:
    """The recipients of each event of a product. With ``columns``, of faults in these columns."""
    found: dict[tuple[str, str, str], tuple[Recipient, list[Event]]] = {}
    for event, recipient in _events(directory, book, product, columns, now):
        key = (recipient.team, recipient.role, recipient.target.name)
        _, events = found.setdefault(key, (recipient, []))
        if event not in events:
            events.append(event)
    # The end of an incident is for those who heard of its beginning.
    began = {recipient.target.name for recipient, events in found.values() if {*events} & {*BEGINNINGS}}
    kept = [
        (recipient, [event for event in events if event not in ENDS or recipient.target.name in began])
        for recipient, events in found.values()
    ]
    return [Explained(recipient, tuple(events)) for recipient, events in kept if events]


def _events(
    directory: Directory, book: Book, product: str, columns: frozenset[str] | None, now: datetime
) -> Iterator[tuple[Event, Recipient]]:
    repeating = [each for each in directory.alerts.policies if each.repeat is not None]
    for kind in FAULTS:
        facts = {"columns": sorted(columns)} if columns is not None else {}
        tried = Book(reach=book.reach)
        tried.take(Signal.of(kind, product, now, **facts))
        for incident in tried.open:
            for event in (*opening(incident), *ENDS):
                about = happening(tried, incident, [event])
                yield from ((event, each) for each in directory.recipients(about))
            about = happening(tried, incident, [*opening(incident), "repeated"])
            yield from (("repeated", each) for each in directory.recipients(about, policies=repeating))
    for event in NEWS.values():
        near = {
            name: each
            for name, each in book.reach.readers(product, columns).items()
            if each.through == product or event == "warned"
        }
        about = Happening(frozenset({event}), (product,), near, reach=book.reach)
        yield from ((event, each) for each in directory.recipients(about) if event != "silent")
