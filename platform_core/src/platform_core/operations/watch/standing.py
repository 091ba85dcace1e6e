"""The knowledge of the watch, for ``mesh status``: open incidents by product, and its last round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from platform_core.diagnostics import Diagnostic, PlatformError
from platform_core.operations.store.database import exists
from platform_core.operations.store.journal import Journal


@dataclass(frozen=True)
class Watched:
    """``because`` has the open incident of each product that fails or is late by it, with its cause."""

    last: datetime | None = None
    because: Mapping[str, str] = field(default_factory=dict)
    open: tuple[str, ...] = ()
    """The open incidents, by id and cause."""
    faults: tuple[Diagnostic, ...] = ()
    """Why nothing is known of the watch."""


def watched(root: Path) -> Watched:
    """The knowledge of the watch of a mesh, or the fault O001, O002 of its database."""
    if not exists(root):
        return Watched()
    try:
        with Journal.open(root) as journal:
            last, incidents = journal.fact("round"), journal.incidents(unresolved=True)
    except PlatformError as error:
        return Watched(faults=error.diagnostics)
    because, names = dict[str, str](), [f"{each['id']} ({each['cause']})" for each in incidents]
    for each, name in zip(incidents, names, strict=True):
        for product in (each["cause"], *each["late"]):
            because.setdefault(product, name)
    at = datetime.fromisoformat(last["at"]) if last is not None else None
    return Watched(at, because, tuple(names))
