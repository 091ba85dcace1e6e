"""The code locations of a mesh, read from ``workspace.yaml`` without importing Dagster."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from platform_core.diagnostics import DefinitionError, Diagnostic, Place
from platform_core.settings import WORKSPACE
from platform_core.source.file_kind import FileKind
from platform_core.source.lenient_file import LenientFile, Where, open_leniently

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
    """One code location: a module that an interpreter of its own loads."""

    name: str
    module: str
    python: Path
    working_directory: Path | None = None
    attribute: str | None = None
    place: Place | None = field(default=None, compare=False, repr=False)
    """Where the workspace file names it."""


def read_locations(root: Path) -> tuple[Location, ...]:
    """The locations of ``<root>/workspace.yaml``, in its order.

    Raises:
        DefinitionError: D070 where the file cannot be read, is no YAML or holds entries other than
            ``python_module`` with a name, a module and an interpreter.
    """
    file = open_leniently(root / WORKSPACE, FILE)
    entries = range(len(file.list(("load_from",))))
    if not entries and not file.faults:
        raise DefinitionError(_fault(Place(file.path), f"{WORKSPACE} names no code location"))
    locations: dict[str, Location] = {}
    for number in entries:
        location = _location(root, file, ("load_from", number))
        if location is not None and location.name in locations:
            message = f'{WORKSPACE} names the location "{location.name}" twice'
            file.faults.append(_fault(location.place or Place(file.path), message))
        elif location is not None:
            locations[location.name] = location
    if file.faults:
        raise DefinitionError(*file.faults)
    return tuple(locations.values())


def _location(root: Path, file: LenientFile, where: Where) -> Location | None:
    here = (*where, "python_module")
    module = file.mapping(here) if file.mapping(where) else {}
    texts = {key: file.text((*here, key)) for key in ("module_name", "location_name", "executable_path")}
    faults = len(file.faults)
    if not module:
        file.faults.append(_fault(file.place(where), f"{WORKSPACE} holds an entry that is no python_module"))
        return None
    directory, attribute = (file.text((*here, key)) for key in ("working_directory", "attribute"))
    missing = [key for key in texts if module.get(key) is None]
    if missing:
        named = texts["location_name"] or texts["module_name"]
        message = f"the location {named or 'without a name'} has no {missing[0]}"
        file.faults.append(_fault(file.place(here), message))
    if len(file.faults) > faults or not all(texts.values()):
        return None
    return Location(
        name=texts["location_name"] or "",
        module=texts["module_name"] or "",
        # Not resolved: a venv's python is a symbolic link, and following it leaves the venv.
        python=Path(os.path.normpath(root / Path(texts["executable_path"] or "").expanduser())),
        working_directory=root / directory if directory is not None else None,
        attribute=attribute,
        place=file.place((*here, "location_name")),
    )


def _fault(place: Place, message: str) -> Diagnostic:
    return FILE.fault("D070", message, place, FILE.expected, FILE.begin)
