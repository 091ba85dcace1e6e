"""The JSON documents that the command prints: all have the same head, and one form of a diagnostic."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any, Final

from platform_core.diagnostics import Diagnostic

VERSION: Final = 1
"""Raised when a member changes its meaning or goes; a reader passes over members that it does not know."""


def head(name: str) -> dict[str, Any]:
    """The first members of the document that the verb ``name`` prints."""
    return {"format": f"platform-core/{name}", "version": VERSION}


def text_of(content: Any, indent: int | None = 2) -> str:
    """JSON without NaN: ``_plain`` tells how values are written that JSON does not have."""
    return json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False, default=_plain)


def diagnostic_facts(diagnostic: Diagnostic, root: Path) -> dict[str, Any]:
    """A diagnostic as a JSON object; its place is relative to ``root`` where it lies there."""
    facts = asdict(diagnostic)
    del facts["plain"]  # what it may be told beside is not what it says
    if diagnostic.place is not None:
        facts["place"]["path"] = relative(diagnostic.place.path, root)
    return facts


def picked(thing: object, *names: str) -> dict[str, Any]:
    """Some attributes of an object by their names."""
    return {name: getattr(thing, name) for name in names}


def relative(path: Path, root: Path) -> str:
    """A path of the mesh's tree without that of its root; any other as it is."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _plain(value: Any) -> str | float:
    """Days and times as ISO 8601, durations as seconds, paths as text."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, date | time) else str(value)
