"""The code locations of a mesh, read from ``workspace.yaml`` without importing Dagster."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from platform_core.errors import DefinitionError, Diagnostic, Place, UsageError
from platform_core.settings import WORKSPACE


@dataclass(frozen=True, slots=True)
class Location:
    """One code location: a module that an interpreter of its own loads."""

    name: str
    module: str
    python: Path
    working_directory: Path | None = None
    attribute: str | None = None


def require_root(root: Path) -> None:
    """Raise UsageError unless the working directory is the root of the mesh.

    Dagster takes ``executable_path`` relative to the working directory, so anywhere else its
    servers and ours would look for interpreters in the wrong place.
    """
    if Path.cwd().resolve() != root.resolve():
        raise UsageError(
            Diagnostic(
                "U026",
                f"this command starts at the root of the mesh: cd {root}",
            )
        )


def read_locations(root: Path) -> tuple[Location, ...]:
    """The locations of ``<root>/workspace.yaml``, in its order.

    Raises:
        DefinitionError: D070 where the file is missing, is no YAML or holds entries other than
            ``python_module`` with a name and a module.
    """
    path = root / WORKSPACE
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _fault(path, f"{WORKSPACE} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _fault(path, f"{WORKSPACE} is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = Place(path, mark.line + 1, mark.column + 1) if mark is not None else Place(path)
        raise _fault(path, f"{WORKSPACE} is no valid YAML", place) from None
    entries = document.get("load_from") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise _fault(path, f"{WORKSPACE} names no code location")
    locations = tuple(_location(root, path, entry) for entry in entries)
    names = [location.name for location in locations]
    for name in names:
        if names.count(name) > 1:
            raise _fault(path, f'{WORKSPACE} names the location "{name}" twice')
    return locations


def _location(root: Path, path: Path, entry: Any) -> Location:
    module = entry.get("python_module") if isinstance(entry, Mapping) else None
    if not isinstance(module, Mapping) or not isinstance(module.get("module_name"), str):
        raise _fault(path, f"{WORKSPACE} holds an entry that is no python_module: {entry!r}")
    for key in ("location_name", "executable_path"):
        if not isinstance(module.get(key), str):
            raise _fault(path, f"the location of module {module['module_name']} has no {key}")
    directory = module.get("working_directory")
    return Location(
        name=module["location_name"],
        module=module["module_name"],
        # Not resolved: a venv's python is a symbolic link, and following it leaves the venv.
        python=Path(os.path.normpath(root / Path(module["executable_path"]).expanduser())),
        working_directory=root / directory if isinstance(directory, str) else None,
        attribute=module.get("attribute"),
    )


def _fault(path: Path, message: str, place: Place | None = None) -> DefinitionError:
    return DefinitionError(
        Diagnostic(
            "D070",
            message,
            place or Place(path),
            expected="load_from: a list of python_module entries, one per code location",
            fix="- python_module: {module_name: sales.definitions, location_name: sales, "
            "executable_path: domains/sales/.venv/bin/python}",
        )
    )
