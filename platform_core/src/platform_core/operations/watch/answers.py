"""Facts from others than the watch: answers of people, and broken locations that a run finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from platform_core.diagnostics import UsageError
from platform_core.operations.incidents.signals import DAEMON, Signal
from platform_core.operations.store.journal import Journal, written
from platform_core.operations.watch import findings
from platform_core.operations.watch.settle import settle
from platform_core.source.alerts import span
from platform_core.words import did_you_mean, listed


def incident_of(known: Sequence[Mapping[str, Any]], id: str) -> Mapping[str, Any]:
    """The incident with an id, or with a beginning of one that no other has. Raises UsageError O003."""
    found = [each for each in known if each["id"].startswith(id)] if id else []
    if len(found) == 1:
        return found[0]
    ids = [each["id"] for each in known]
    message = f'no incident has the id "{id}"' if not found else f'"{id}" begins several ids'
    fix = did_you_mean(id, ids) or "`mesh incident list` shows the ids."
    raise UsageError.of("O003", message, None, listed(ids, 6) or "an id, once there are incidents", fix)


def acknowledge(root: Path, id: str, by: str, now: datetime) -> Mapping[str, Any]:
    """Note that somebody works on an incident: it is not repeated any more. Returns it as it is then.

    Raises UsageError: O003 for an unknown one, O004 for one that is resolved."""
    with Journal.open(root) as journal, journal.transaction():
        incident = incident_of(journal.incidents(), id)
        if incident["resolved"] is not None:
            message = f"incident {incident['id']} is resolved since {incident['resolved'][:16]}"
            raise UsageError.of("O004", message, None, "an open incident", "There is nothing to do.")
        # The clock may have gone back since.
        at = max(now, datetime.fromisoformat(incident["opened"]))
        return _answered(journal, Signal.of("ack", incident["id"], at, by, now.isoformat(), by=by), now)


def silence(root: Path, name: str, until: datetime, by: str, why: str, now: datetime) -> str:
    """Send no message about a cause, or the incident with an id, until a time. Returns what is silent. Raises
    UsageError: O003 for an unknown id, O005 for a time that has passed."""
    if until <= now:
        message = f"{until:%Y-%m-%d %H:%M} UTC has passed"
        raise UsageError.of("O005", message, None, "a time to come", "Write --until 4h, or a later day.")
    subject = name
    with Journal.open(root) as journal, journal.transaction():
        if "/" not in name and ":" not in name and name != DAEMON:
            subject = incident_of(journal.incidents(), name)["id"]
        facts = {"until": written(until), "by": by, "why": why}
        signal = Signal.of("silence", subject, now, by, now.isoformat(), **facts)
        settle(journal, journal.record([signal]), now)
    return subject


def report_unloaded(root: Path, faults: Mapping[str, str], now: datetime) -> None:
    """Note the code locations that do not load, by their names; Dagster records nothing of them. Raises
    OperationsError."""
    if not faults:
        return
    with Journal.open(root) as journal, journal.transaction():
        known = {each["cause"] for each in journal.incidents(unresolved=True)}
        settle(journal, journal.record(findings.locations(faults, known, now)), now)


def _answered(journal: Journal, signal: Signal, now: datetime) -> Mapping[str, Any]:
    settle(journal, journal.record([signal]), now)
    return incident_of(journal.incidents(), signal.subject)


def moment(text: str, now: datetime) -> datetime:
    """A time of the form ``4h`` from now on, ``2026-12-01`` or ``2026-12-01T08:00``, which are in UTC.
    Raises UsageError O005."""
    if (found := span(text)) is not None:
        return now + found
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        expected = "a time such as 4h, 2026-12-01 or 2026-12-01T08:00"
        raise UsageError.of("O005", f'"{text}" is not a time', None, expected) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
