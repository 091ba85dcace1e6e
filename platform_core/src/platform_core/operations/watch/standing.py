"""The knowledge of the watch, for ``mesh status``: open incidents by product, and its last round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from platform_core.operations.store.database import exists
from platform_core.operations.store.journal import Journal


@dataclass(frozen=True)
class Watched:
    """``because`` has the open incident of each product that fails or is late by it, with its cause."""

    last: datetime | None = None
    because: Mapping[str, str] = field(default_factory=dict)


def watched(root: Path) -> Watched:
    """The knowledge of the watch of a mesh. Raises OperationsError O001, O002."""
    if not exists(root):
        return Watched()
    with Journal.open(root) as journal:
        last, incidents = journal.fact("round"), journal.incidents(unresolved=True)
    because: dict[str, str] = {}
    for each in incidents:
        for product in (each["cause"], *each["late"]):
            because.setdefault(product, f"{each['id']} ({each['cause']})")
    return Watched(datetime.fromisoformat(last["at"]) if last is not None else None, because)
