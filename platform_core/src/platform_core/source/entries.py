"""Entries in the shared files of the mesh, added and removed as text: comments and layout stay.

Each edit is read back. Where the content is not the expected one, as in a file in another layout, UsageError
U071 asks for the edit by hand.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from platform_core.diagnostics import Place, UsageError, shown


def with_member(path: Path, text: str, section: str, block: str) -> str:
    """A YAML file with a member or an item (``block``, indented by two) at the end of a section."""
    before, added = _read(path, text), yaml.safe_load(f"{section}:\n{block}")[section]
    lines = text.splitlines(keepends=True)
    start = next((n for n, line in enumerate(lines) if line.startswith(f"{section}:")), None)
    held = (before or {}).get(section)
    if start is None or not held:
        kept = "".join(line for n, line in enumerate(lines) if n != start)
        kept += "\n" if kept and not kept.endswith("\n") else ""
        new = f"{kept}{section}:\n{block}"
    else:
        members = (line for line in lines[start + 1 :] if line.strip() and not line.lstrip().startswith("#"))
        column = _indent(next(members, "  -"))
        block = "".join(" " * column + line[2:] for line in block.splitlines(keepends=True))
        end = _end(lines, start + 1, lambda line: not line.startswith((" ", "-")))
        lines[end - 1] = lines[end - 1].rstrip("\n") + "\n"
        new = "".join([*lines[:end], block, *lines[end:]])
    whole = [*(held or []), *added] if isinstance(added, list) else {**(held or {}), **added}
    return _proved(path, new, {**(before or {}), section: whole}, start, f"Add under {section}:\n{block}")


def without_members(path: Path, text: str, section: str, gone: Callable[[Any, Any], bool]) -> str:
    """A YAML file without the members or items of a section for which ``gone(key, value)`` holds."""
    before = _read(path, text) or {}
    held = before.get(section) or {}
    pairs = list(held.items()) if isinstance(held, dict) else list(enumerate(held))
    doomed = [position for position, pair in enumerate(pairs) if gone(*pair)]
    if not doomed:
        return text
    rest = [pair for position, pair in enumerate(pairs) if position not in doomed]
    expected = {**before, section: dict(rest) if isinstance(held, dict) else [value for _, value in rest]}
    new = text
    for position in reversed(doomed):
        new = _cut(new, section, position)
    return _proved(path, new, expected, None, f"Remove it from {section}.")


def _cut(text: str, section: str, position: int) -> str:
    root = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    name, node = next((key, value) for key, value in root.value if key.value == section)
    parts = [part if isinstance(part, tuple) else (part, part) for part in node.value]
    starts = [first.start_mark for first, _ in parts]
    if node.flow_style:
        start, end = starts[position].index, parts[position][1].end_mark.index
        if position + 1 < len(parts):
            end = starts[position + 1].index
        elif position:
            start = parts[position - 1][1].end_mark.index
        return text[:start] + text[end:]
    lines = text.splitlines(keepends=True)
    first = starts[position].line
    if len(parts) == 1:
        lines[name.start_mark.line] = f"{section}: {'{}' if isinstance(node, yaml.MappingNode) else '[]'}\n"
    del lines[first : _end(lines, first + 1, lambda line: _indent(line) <= _indent(lines[first]))]
    return "".join(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def with_project(path: Path, text: str, project: str) -> str:
    """``dg.toml`` with a project at its end."""
    block = f'[[workspace.projects]]\npath = "{project}"\n'
    new = f"{text.rstrip()}\n\n{block}"
    expected = tomllib.loads(text)
    expected.setdefault("workspace", {}).setdefault("projects", []).append({"path": project})
    return _proved(path, new, expected, None, f"Add:\n{block}")


def without_project(path: Path, text: str, project: str) -> str:
    """``dg.toml`` without a project."""
    expected = tomllib.loads(text)
    workspace = expected.get("workspace", {})
    rest = [each for each in workspace.get("projects", ()) if each.get("path") != project]
    if rest == workspace.get("projects", []):
        return text
    workspace["projects"] = rest
    if not rest:
        del workspace["projects"]
    block = rf'\[\[workspace\.projects\]\]\npath = "{re.escape(project)}".*\n?\n*'
    return _proved(path, re.sub(block, "", text), expected, None, f'Remove the project "{project}".')


def _end(lines: list[str], start: int, ends: Callable[[str], bool]) -> int:
    """The line after the last one of a block: comments and blank lines before the next one are not of it."""
    last = start
    for number, line in enumerate(lines[start:], start):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if ends(line):
            break
        last = number + 1
    return last


def _read(path: Path, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        place = Place(path, mark.line + 1 if mark else 1)
        fix = "Correct the file, then call again."
        raise UsageError.of("U068", f"{shown(path)} is not valid YAML", place, fix=fix) from None


def _proved(path: Path, new: str, expected: Any, line: int | None, by_hand: str) -> str:
    try:
        found = tomllib.loads(new) if path.suffix == ".toml" else yaml.safe_load(new)
    except (yaml.YAMLError, tomllib.TOMLDecodeError):
        found = None
    if found != expected:
        message = f"{shown(path)} has a layout that this command cannot edit"
        place = Place(path, (line or 0) + 1)
        raise UsageError.of("U071", message, place, "one entry per line, in block style", by_hand.rstrip())
    return new
