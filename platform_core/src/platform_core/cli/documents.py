"""The JSON documents of the command: all have the same head and the same form of a diagnostic."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any, Final

from platform_core.diagnostics import Diagnostic

VERSION: Final = 1
"""Increases when a member changes its meaning or is removed; readers ignore unknown members."""


def head(name: str, version: int = VERSION) -> dict[str, Any]:
    return {"format": f"platform-core/{name}", "version": version}


def text_of(content: Any, indent: int | None = 2) -> str:
    """JSON without NaN; ``_plain`` converts values that JSON does not have."""
    return json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False, default=_plain)


def diagnostic_facts(diagnostic: Diagnostic, root: Path) -> dict[str, Any]:
    """A diagnostic as a JSON object; a place inside ``root`` is relative to it."""
    facts = asdict(diagnostic)
    del facts["plain"]  # internal: whether other domains may see the message
    if diagnostic.place is not None:
        facts["place"]["path"] = relative(diagnostic.place.path, root)
    return facts


def picked(thing: object, *names: str) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}


def relative(path: Path, root: Path) -> str:
    """A path relative to ``root`` if it is inside, else unchanged."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _plain(value: Any) -> str | float:
    """Days and times as ISO 8601, durations as seconds, paths as text."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, date | time) else str(value)
