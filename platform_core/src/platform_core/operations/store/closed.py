"""The incidents that are over, with the times that it took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from platform_core.operations.store.database import exists
from platform_core.operations.store.journal import Journal


@dataclass(frozen=True, slots=True)
class ClosedIncident:
    """An incident that is resolved. ``affected`` are the products that it reached."""

    id: str
    cause: str
    kind: str
    what: str
    opened: datetime
    detected: datetime
    acknowledged: datetime | None
    acknowledged_by: str | None
    resolved: datetime
    reopened: int
    affected: tuple[str, ...]


def closed_incidents(root: Path) -> list[ClosedIncident]:
    """The incidents that are over, the newest first; none where no watch has run. Raises OperationsError."""
    if not exists(root):
        return []
    with Journal.open(root) as journal:
        documents = journal.incidents()
    at = datetime.fromisoformat
    return [
        ClosedIncident(
            each["id"],
            each["cause"],
            each["kind"],
            each["what"],
            at(each["opened"]),
            at(each["detected"]),
            at(each["acknowledged"]["at"]) if each["acknowledged"] else None,
            each["acknowledged"]["by"] if each["acknowledged"] else None,
            at(each["resolved"]),
            each["reopened"],
            tuple(each["affected"]),
        )
        for each in documents
        if each["resolved"] is not None
    ]
