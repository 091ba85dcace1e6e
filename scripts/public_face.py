"""Compare the library's public face with the released one, or accept a new one.

    python scripts/public_face.py            list changes that break users of the released version
    python scripts/public_face.py accept     store the current face as the released one

The released face is `platform_core/public_face.json`: griffe's description of every public name, without
members that callers do not see (lines, docstrings, private members, values). It is a file because a shallow
clone has no tags. The public modules are listed in pyproject.toml and docs/platform.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import griffe

from platform_core.compatibility.change import Grade
from platform_core.compatibility.versions import behind, demanded, enough
from platform_core.diagnostics import Diagnostic, Place, render

ROOT = Path(__file__).resolve().parent.parent
# Domains use the pytest plugin only by its name.
MODULES = tuple(
    name
    for name in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mesh"][
        "library"
    ]["public"]
    if name != "platform_core.conformance"
)
READ_ONLY = {
    "platform_core.contracts.bounds",
    "platform_core.contracts.model",
    "platform_core.governance.facts",
    "platform_core.source.federation",
}
"""Policies only read objects of these modules, so their constructors are not public."""

CALLED = {"__call__", "__enter__", "__exit__", "__format__", "__init__", "__iter__", "__str__"}
UNSEEN = {"analysis", "docstring", "endlineno", "labels", "lineno", "runtime", "value"}

Face = dict[str, dict[str, Any]]
"""The public names by module: griffe's objects as plain data."""


@dataclass(frozen=True)
class Library:
    """The library in a folder: its version, its face, and the place of each public object."""

    version: str
    face: Face
    places: Mapping[str, Place]
    changelog: Path


def read_library(folder: Path) -> Library:
    """Read the source without importing it."""
    source = folder / "src"
    package = griffe.load(
        "platform_core", search_paths=[source], allow_inspection=False, resolve_aliases=True
    )
    version = str(package["__version__"].value).strip("\"'")
    face: Face = {}
    places: dict[str, Place] = {}
    for module in MODULES:
        found = package[module.partition(".")[2]] if "." in module else package
        exported = found.exports
        names = [str(name) for name in exported] if exported is not None else sorted(found.members)
        face[module] = {}
        for name in names:
            if name.startswith("_") or (exported is None and found.members[name].is_alias):
                continue
            if module != MODULES[0] and name in face[MODULES[0]]:
                continue
            member = found[name]
            target = member.final_target if isinstance(member, griffe.Alias) else member
            face[module][name] = _plain(target, f"{module}.{name}", places)
    return Library(version, face, places, folder / "CHANGELOG.md")


def _plain(found: griffe.Object | griffe.Alias, path: str, places: dict[str, Place]) -> dict[str, Any]:
    """An object as griffe writes it, without members that callers do not see."""
    if isinstance(found.filepath, Path) and found.lineno:
        places[path] = Place(found.filepath, found.lineno)
    written: dict[str, Any] = {
        key: _text(value)
        for key, value in found.as_dict(full=False).items()
        if key not in UNSEEN and key not in ("members", "decorators", "parameters")
    }
    written["kind"] = found.kind.value
    if isinstance(found, griffe.Function):
        written["parameters"] = [
            {
                "name": each.name,
                "annotation": _text(each.annotation),
                "kind": each.kind.value if each.kind is not None else None,
                "default": _text(each.default),
            }
            for each in found.parameters
        ]
    elif isinstance(found, griffe.Class):
        called = CALLED - {"__init__"} if found.canonical_path.rpartition(".")[0] in READ_ONLY else CALLED
        written["members"] = {
            name: _plain(member, f"{path}.{name}", places)
            for name, member in found.members.items()
            if not member.is_alias and (name in called or not name.startswith("_"))
        }
    return written


def _text(value: Any) -> Any:
    """An annotation or a default as it is written; a list of them likewise."""
    if isinstance(value, list):
        return [_text(each) for each in value]
    return str(value) if isinstance(value, griffe.Expr) else value


def broken(old: Face, new: Library) -> Iterator[tuple[griffe.Breakage, str]]:
    """The breaking changes from the old face to the new one, with their paths."""
    for module, names in old.items():
        pair = [_module(module, each) for each in (names, new.face.get(module, {}))]
        for breakage in griffe.find_breaking_changes(*pair):
            yield breakage, breakage.obj.path


def _module(name: str, members: Mapping[str, Any]) -> griffe.Module:
    module = griffe.Module(name)
    for each, written in members.items():
        module.set_member(each, _object(written))
    return module


def _object(written: Mapping[str, Any]) -> Any:
    """griffe's object. Each is decoded separately: as a hook of ``json.loads``, griffe's decoder takes the
    members of a class for an object if one of them is named ``kind``."""
    described = {"lineno": None, **written}
    if "parameters" in written:
        described["parameters"] = [griffe.json_decoder(dict(each)) for each in written["parameters"]]
    if "members" in written:
        described["members"] = {name: _object(each) for name, each in written["members"].items()}
    return griffe.json_decoder(described)


def check(library: Library, released: str, face: Face) -> Iterator[Diagnostic]:
    """The faults that prevent this tree from being the next version of the released one."""
    place = Place(ROOT / "platform_core/src/platform_core/__init__.py")
    if behind(library.version, released):
        yield Diagnostic("U088", f"platform_core is {library.version}, and {released} was released", place)
        return
    section = _section(library.changelog, library.version)
    if library.version != released and section is None:
        yield Diagnostic(
            "U089",
            f"the changelog has no section for {library.version}",
            Place(library.changelog),
            expected=f"## {library.version}",
            fix="Write its changes, and its breaking changes.",
        )
    is_breaking = enough(released, library.version, Grade.BREAKING)
    for breakage, path in broken(face, library):
        name = ".".join(part for part in path.split(".") if part not in CALLED)
        # The section of the released version is not about the next one.
        if is_breaking and section and re.search(rf"\b{re.escape(_public(name))}\b", section):
            continue
        steps = [] if is_breaking else [f'Write __version__ = "{demanded(released, Grade.BREAKING)}".']
        steps.append(f"Write in the changelog what replaces `{_public(name)}`.")
        if not is_breaking:
            steps.append("Or keep it, and announce its end by a Deprecation (docs/platform.md).")
        yield Diagnostic(
            "U088",
            f"{name}: {breakage.kind.value.lower()}{_change(breakage)}",
            _place(library, path) or place,
            expected=f"the public face of {released}, or a breaking version",
            fix="\n".join(steps),
        )


def _change(breakage: griffe.Breakage) -> str:
    values = [getattr(each, "name", each) for each in (breakage.old_value, breakage.new_value)]
    old, new = (str(value) if value is not None else None for value in values)
    if breakage.kind is griffe.BreakageKind.OBJECT_REMOVED or old == new:
        return ""
    return f" ({old or 'nothing'} -> {new or 'nothing'})"


def _public(name: str) -> str:
    """The name of an object in texts: ``Input.columns`` for ``platform_core.Input.columns``."""
    module = max((each for each in MODULES if name.startswith(f"{each}.")), key=len)
    return name[len(module) + 1 :]


def _place(library: Library, path: str) -> Place | None:
    """The place of an object, or of the nearest existing object around it."""
    while path:
        if path in library.places:
            return library.places[path]
        path = path.rpartition(".")[0]
    return None


def _section(changelog: Path, version: str) -> str | None:
    found = re.search(
        rf"^## {re.escape(version)}\b.*?(?=^## |\Z)", changelog.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return found[0] if found else None


def written(library: Library) -> str:
    """The snapshot: one line for each public name, so that a change is one line of a diff."""
    lines = [
        f"    {json.dumps(module)}: {{\n"
        + ",\n".join(f"      {json.dumps(name)}: {json.dumps(each)}" for name, each in names.items())
        + "\n    }"
        for module, names in library.face.items()
    ]
    face = ",\n".join(lines)
    return f'{{\n  "version": {json.dumps(library.version)},\n  "face": {{\n{face}\n  }}\n}}\n'


def main(arguments: Sequence[str]) -> int:
    """Check, or accept; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", nargs="?", choices=("check", "accept"), default="check")
    parser.add_argument("--library", type=Path, default=ROOT / "platform_core")
    parser.add_argument("--released", type=Path, default=ROOT / "platform_core/public_face.json")
    options = parser.parse_args(arguments)
    library = read_library(options.library)
    faults: list[Diagnostic] = []
    if options.released.exists():
        snapshot = json.loads(options.released.read_text("utf-8"))
        faults = list(check(library, snapshot["version"], snapshot["face"]))
    if faults:
        print(render(dict.fromkeys(faults)), file=sys.stderr)
        return 1
    if options.what == "accept":
        options.released.write_text(written(library), "utf-8")
        print(f"{options.released.name}: the public face of {library.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
