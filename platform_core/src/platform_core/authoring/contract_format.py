"""A contract file in the canonical form, with its comments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from platform_core.authoring.contract_writer import Pointer, write
from platform_core.source import yaml_core
from platform_core.source.document import MAXIMUM_DEPTH, Document, parse
from platform_core.source.text import read_text

_BLOCK: Final = ("|", ">")


def formatted(path: Path) -> str:
    """The canonical text of a contract file.

    Aliases are replaced by their values. A comment stays above its value; a comment at the end of a line
    moves above the line. Raises ContractError for an unreadable file (C001 to C007).
    """
    document = parse(path)
    return write(document.data, comments(document))


def comments(document: Document) -> dict[Pointer, list[str]]:
    """The comments of a contract file by the value below them; those at the end of the file at ``(-1,)``."""
    text = read_text(document.path)
    lines = text.splitlines()
    root = yaml_core.compose(text, MAXIMUM_DEPTH)
    inside, starts, seen = set[int](), dict[int, Pointer](), set[Pointer]()
    quoted: dict[int, list[tuple[int, int]]] = {}
    for pointer, node, began in _nodes(root, ()):
        if pointer and pointer not in seen:
            # A value begins at its key.
            starts.setdefault(began, pointer)
            seen.add(pointer)
        if isinstance(node, yaml_core.ScalarNode):
            first, last = node.start_mark, node.end_mark
            if node.style in _BLOCK:
                inside.update(range(first.line + 1, last.line + (1 if last.column else 0)))
            else:
                for number in range(first.line, last.line + 1):
                    begin = first.column if number == first.line else 0
                    end = last.column if number == last.line else len(lines[number])
                    quoted.setdefault(number, []).append((begin, end))
    found: dict[Pointer, list[str]] = {}
    waiting: list[str] = []
    for number, line in enumerate(lines):
        if number in inside:
            continue
        at = _comment_at(line, quoted.get(number, []))
        if at is not None:
            waiting.append(line[at + 1 :].removeprefix(" ").rstrip())
        if line.strip() and not line.lstrip().startswith("#") and number in starts and waiting:
            found.setdefault(starts[number], []).extend(waiting)
            waiting = []
    if waiting:
        found[(-1,)] = waiting
    return found


def _comment_at(line: str, texts: list[tuple[int, int]]) -> int | None:
    """The index of a comment: of a ``#`` after a blank and outside of every value."""
    for index, letter in enumerate(line):
        opens = letter == "#" and (index == 0 or line[index - 1] in " \t")
        if opens and not any(begin <= index < end for begin, end in texts):
            return index
    return None


def _nodes(node: yaml_core.Node | None, pointer: Pointer) -> Iterator[tuple[Pointer, yaml_core.Node, int]]:
    """Every node with the line of its key or its own; outer nodes come first."""
    if node is None:
        return
    yield pointer, node, node.start_mark.line
    if isinstance(node, yaml_core.MappingNode):
        for key, value in node.value:
            at = (*pointer, str(key.value))
            yield at, key, key.start_mark.line
            yield from _nodes(value, at)
    elif isinstance(node, yaml_core.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _nodes(item, (*pointer, index))
