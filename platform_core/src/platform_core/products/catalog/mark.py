"""The mark of a product that differs from the base, ``mesh/change`` in the UI, as the last plan wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from platform_core.files import write_whole
from platform_core.settings import BASE, mesh_home

MARK: Final = "mesh/change"
FILE: Final = "changes.json"


def write_marks(home: Path, base: str, marks: Mapping[str, str]) -> None:
    """Write the marks by product id. ``base`` is the commit as it was named. Raises OSError."""
    write_whole(home / FILE, json.dumps({"base": base, "marks": dict(marks)}))


def mark_of(product: str, root: Path) -> dict[str, str]:
    """The tag of a product; none without MESH_BASE, and without a plan against it."""
    base = BASE.text()
    marks = _marks(mesh_home(root) / FILE, base) if base is not None else {}
    return {MARK: marks[product]} if product in marks else {}


@cache
def _marks(file: Path, base: str) -> Mapping[str, str]:
    try:
        held = json.loads(file.read_bytes())
        return dict(held["marks"]) if held["base"] == base else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
