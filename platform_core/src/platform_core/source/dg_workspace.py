"""The projects in ``dg.toml``, which ``dg`` reads, against the locations in ``workspace.yaml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from platform_core.diagnostics import Diagnostic, Place
from platform_core.settings import WORKSPACE
from platform_core.source.workspace import Location

DG: Final = "dg.toml"
_EXPECTED: Final = "one [[workspace.projects]] with a path per location that lies in domains/"


def disagreements(root: Path, locations: Iterable[Location]) -> Iterator[Diagnostic]:
    """D072 for each project without a location, each location in ``domains`` without a project, and a file
    that is not TOML. A mesh without ``dg.toml`` has none."""
    file = root / DG
    if not file.is_file():
        return
    try:
        text = file.read_text(encoding="utf-8")
        projects: Any = tomllib.loads(text).get("workspace", {}).get("projects", [])
        listed = [project["path"].rstrip("/") for project in projects]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        at = re.search(r"line (\d+)", str(error))
        message = f"{DG} cannot be read: {error}" if at else f"{DG} has another form"
        yield Diagnostic("D072", message, Place(file, int(at[1]) if at else 1), _EXPECTED)
        return
    folders = {f"domains/{location.module.partition('.')[0]}": location for location in locations}
    for path in (path for path in listed if path not in folders):
        line = text.count("\n", 0, max(text.find(f'"{path}"'), 0)) + 1
        message = f"{DG} names {path}, which is not a code location of {WORKSPACE}"
        yield Diagnostic("D072", message, Place(file, line), _EXPECTED, "Remove it, or add the location.")
    for path, location in folders.items():
        if path not in listed and (root / path / "pyproject.toml").is_file():
            message = f"{DG} does not name {path}, the code location {location.name}"
            fix = f'Add to {DG}:\n[[workspace.projects]]\npath = "{path}"'
            yield Diagnostic("D072", message, location.place, _EXPECTED, fix)
