"""The incidents of a journal: new signals are stored, and the book is replayed as far back as it must be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from platform_core.operations.alerts.text import what_in_words
from platform_core.operations.incidents.book import QUIET, Book, Incident
from platform_core.operations.incidents.signals import Signal
from platform_core.operations.store.journal import Journal, written


def settle(journal: Journal, new: Iterable[Signal], now: datetime) -> Book:
    """Replay the book with new signals, which are stored already, and write its incidents. The caller holds
    the journal's transaction."""
    since = journal.since(min([now, *(signal.at for signal in new)]), QUIET)
    book = Book.replay(journal.signals(since))
    journal.put_incidents(
        {each.id: document(book, each, now) for each in book.incidents.values()}, since, now
    )
    return book


def document(book: Book, incident: Incident, now: datetime) -> dict[str, Any]:
    """An incident for readers, as JSON."""
    acknowledged = incident.acknowledged
    silence = book.silenced(incident, now) if incident.resolved is None else None
    return {
        "id": incident.id,
        "cause": incident.cause,
        "kind": incident.kind,
        "state": incident.state,
        "what": what_in_words(incident),
        "began": written(incident.began),
        "opened": written(incident.opened),
        "resolved": written(incident.resolved) if incident.resolved else None,
        "acknowledged": {"by": acknowledged[0], "at": written(acknowledged[1])} if acknowledged else None,
        "silenced": {"until": written(silence.until), "by": silence.by, "why": silence.why}
        if silence
        else None,
        "reopened": incident.reopened,
        "columns": sorted(incident.columns) if incident.columns is not None else None,
        "run": incident.last.facts.get("run"),
        "affected": sorted(book.affected(incident)),
        "late": {name: at.astimezone(UTC).isoformat() for name, at in sorted(incident.late.items())},
        "absorbed": list(incident.absorbed),
    }
