"""The code locations of a mesh, read from ``workspace.yaml`` without importing Dagster."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from platform_core.diagnostics import DefinitionError, Place
from platform_core.settings import WORKSPACE
from platform_core.source.cursor import Node, open_leniently
from platform_core.source.file_kind import FileKind

_ENTRY: Final = (
    "- python_module: {module_name: sales.definitions, location_name: sales, "
    "executable_path: domains/sales/.venv/bin/python}"
)
FILE: Final = FileKind(
    "workspace file",
    "load_from: a list of python_module entries, one per code location",
    _ENTRY,
    code="D070",
    raised=DefinitionError,
    may_be_empty=True,
)


@dataclass(frozen=True, slots=True)
class Location:
    """A module and the interpreter that loads it."""

    name: str
    module: str
    python: Path
    working_directory: Path | None = None
    attribute: str | None = None
    place: Place | None = field(default=None, compare=False, repr=False)
    """Its entry in the workspace file."""


def read_locations(root: Path) -> tuple[Location, ...]:
    """The locations of ``<root>/workspace.yaml``, in its order.

    Raises:
        DefinitionError: D070 where the file cannot be read, is not YAML or has entries other than
            ``python_module`` with a name, a module and an interpreter.
    """
    file = open_leniently(root / WORKSPACE, FILE)
    entries, errors = file["load_from"].elements(), file.faults.errors
    if not entries and not errors:
        message = f"{WORKSPACE} names no code location"
        raise FILE.error("D070", message, Place(root / WORKSPACE), FILE.expected)
    locations: dict[str, Location] = {}
    for entry in entries:
        location = _location(root, entry)
        if location is not None and locations.setdefault(location.name, location) is not location:
            name = entry["python_module"]["location_name"]
            name.error("D070", f'{WORKSPACE} names the location "{location.name}" twice', FILE.expected)
    if errors:
        raise DefinitionError(*errors)
    return tuple(locations.values())


def _location(root: Path, entry: Node) -> Location | None:
    module, before = entry["python_module"], len(entry.faults.errors)
    texts = {key: module.text(key) or "" for key in ("module_name", "location_name", "executable_path")}
    if not entry.mapping() or not module.mapping():
        entry.error("D070", f"{WORKSPACE} has an entry without python_module", FILE.expected)
        return None
    directory, attribute = module.text("working_directory"), module.text("attribute")
    missing = [key for key in texts if module.get(key) is None]
    if missing:
        named = texts["location_name"] or texts["module_name"] or "without a name"
        module.error("D070", f"the location {named} has no {missing[0]}", FILE.expected)
    if len(entry.faults.errors) > before or not all(texts.values()):
        return None
    return Location(
        name=texts["location_name"],
        module=texts["module_name"],
        # Not resolved: a venv's python is a symbolic link, and following it leaves the venv.
        python=Path(os.path.normpath(root / Path(texts["executable_path"]).expanduser())),
        working_directory=root / directory if directory is not None else None,
        attribute=attribute,
        place=module.place("location_name"),
    )
