"""A YAML file as data, with the places of its keys and values."""

from __future__ import annotations

import json
import math
from collections import UserDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import yaml

from platform_core.diagnostics import Diagnostic, Place, shown
from platform_core.source import yaml_core
from platform_core.source.file_kind import CONTRACT, FileKind
from platform_core.source.text import read_text

# Aliases multiply values; a table of a thousand columns has about 20,000.
MAXIMUM_VALUES = 200_000
MAXIMUM_DEPTH = 60
Pointer = tuple[str | int, ...]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Document:
    """A YAML file read by the 1.2 core schema: plain data, and the place of every key and value."""

    path: Path
    data: dict[str, Any]
    # Nodes instead of places, since few places are needed.
    _keys: dict[Pointer, yaml.Node] = field(repr=False)
    _values: dict[Pointer, yaml.Node] = field(repr=False)
    text: str = field(repr=False)

    def place(self, *pointer: str | int) -> Place:
        """The place of a value; for a missing value, of the nearest value around it."""
        for length in range(len(pointer), -1, -1):
            found = self._values.get(pointer[:length])
            if found is not None:
                # A whole list or mapping is too much to underline; its key is enough.
                around = length < len(pointer)
                return _place(self.path, self._keys.get(pointer[:length], found) if around else found)
        return Place(self.path)

    def key_place(self, *pointer: str | int) -> Place:
        """The place of a value's key; of the value itself where it is an item of a list."""
        node = self._keys.get(pointer)
        return self.place(*pointer) if node is None else _place(self.path, node)

    def places(self) -> LazyDict[str, Place]:
        """Every value's place by JSON pointer (RFC 6901)."""
        return LazyDict(partial(_places, self.path, self.text))

    def at(self, *pointer: str | int) -> Any:
        """The value at a pointer, or None."""
        value: Any = self.data
        for part in pointer:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def parse(path: Path, file_kind: FileKind = CONTRACT) -> Document:
    """Read a YAML file, by default a contract.

    Raises:
        ContractError: the file cannot be read (C001), is too large (C002), is not text in UTF-8
            (C003), not YAML (C004), repeats a key (C005), is not a mapping (C006), or uses YAML
            beyond JSON's data (C007). Another file_kind has its own error and code.
    """
    text = read_text(path, file_kind)
    try:
        node = yaml_core.compose(text, MAXIMUM_DEPTH)
    except yaml.MarkedYAMLError as error:
        raise file_kind.raised(_syntax(path, error, file_kind)) from None
    except yaml_core.TooDeep as error:
        place = Place(path, error.mark.line + 1, error.mark.column + 1)
        raise file_kind.raised(_shape(place, "is nested too deeply", file_kind)) from None
    except yaml.YAMLError as error:
        raise file_kind.error("C004", f"{shown(path)} is not YAML: {error}", Place(path)) from None
    empty = node is None or (isinstance(node, yaml.ScalarNode) and node.tag == yaml_core.NULL)
    if empty and file_kind.may_be_empty:
        return Document(path, {}, {}, {}, text)
    if not isinstance(node, yaml.MappingNode):
        what = "a list" if isinstance(node, yaml.SequenceNode) else "empty" if empty else "a single value"
        message = f"{shown(path)} is {what}, not a {file_kind.noun}: a mapping of keys to values"
        place = Place(path) if empty or node is None else _place(path, node)
        raise file_kind.error("C006", message, place, file_kind.expected, file_kind.begin)
    reading = _Reading(path, file_kind)
    data = reading.value(node, (), 0)
    if reading.faults:
        raise file_kind.raised(*reading.faults)
    return Document(path, data, reading.keys, reading.values, text)


class LazyDict(UserDict[K, V]):
    """A mapping that is computed on first use."""

    def __init__(self, compute: Callable[[], dict[K, V]]) -> None:
        self._compute = compute

    @cached_property
    def data(self) -> dict[K, V]:  # type: ignore[override]
        return self._compute()


def _places(path: Path, text: str) -> dict[str, Place]:
    reading = _Reading(path, CONTRACT)
    root = yaml_core.compose(text, MAXIMUM_DEPTH)
    if root is not None:
        reading.value(root, (), 0)
    texts: dict[Pointer, str] = {}
    for pointer in reading.values:  # outer values come first
        texts[pointer] = f"{texts[pointer[:-1]]}/{_escape(pointer[-1])}" if pointer else ""
    return {texts[pointer]: _place(path, node) for pointer, node in reading.values.items()}


class _Reading:
    def __init__(self, path: Path, file_kind: FileKind) -> None:
        self.path = path
        self.file_kind = file_kind
        self.faults: list[Diagnostic] = []
        self.keys: dict[Pointer, yaml.Node] = {}
        self.values: dict[Pointer, yaml.Node] = {}
        self._open: set[int] = set()

    def value(self, node: yaml.Node, pointer: Pointer, depth: int) -> Any:
        self.values[pointer] = node
        if len(self.values) > MAXIMUM_VALUES:
            raise self.file_kind.error(
                "C007",
                f"{shown(self.path)} grows past {MAXIMUM_VALUES:,} values",
                self._at(node),
                expected="aliases (*name) that repeat little",
                fix="Replace the aliases by their values.",
            )
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._open or depth > MAXIMUM_DEPTH:
            what = "contains itself through an alias" if id(node) in self._open else "is nested too deeply"
            raise self.file_kind.raised(_shape(self._at(node), what, self.file_kind))
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                self._tag(node, yaml_core.SEQ)
                return [
                    self.value(item, (*pointer, index), depth + 1) for index, item in enumerate(node.value)
                ]
            self._tag(node, yaml_core.MAP)
            return self._mapping(node, pointer, depth)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node, pointer: Pointer, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or key_node.tag != yaml_core.STR:
                message = f"the key {key or 'null'} is not text" if key is not None else "a key is not text"
                fix = f'Write "{key}": ... in quotes.' if key else None
                self._fault("C007", message, key_node, "a property's name", fix)
                continue
            if key in data:
                message = (
                    f'duplicate key "{key}"; the first is in line {self._at(self.keys[(*pointer, key)]).line}'
                )
                self._fault("C005", message, key_node, "every key once", "Remove one of the two.")
                continue
            inner = (*pointer, key)
            self.keys[inner] = key_node
            data[key] = self.value(value_node, inner, depth + 1)
        return data

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        if node.tag == yaml_core.STR:
            return str(node.value)
        try:
            value = yaml_core.scalar(node)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{node.value} is not a finite number")
            if isinstance(value, int) and value.bit_length() > 128:
                raise ValueError("an integer of more than 128 bits")
        except ValueError as error:
            reason = "an integer of more than 128 bits" if "digits" in str(error) else str(error)
            fix = f"Write {json.dumps(node.value[:60], ensure_ascii=False)} in quotes for text."
            message = reason.replace("tag:yaml.org,2002:", "!!")
            self._fault("C007", message, node, "text, a number, true, false or null", fix)
            return None
        return value

    def _tag(self, node: yaml.Node, expected: str) -> None:
        if node.tag != expected:
            tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
            self._fault("C007", f"unsupported YAML tag {tag}", node, None, f"Remove {tag}.")

    def _fault(self, code: str, message: str, node: yaml.Node, expected: str | None, fix: str | None) -> None:
        self.faults.append(self.file_kind.fault(code, message, self._at(node), expected, fix))

    def _at(self, node: yaml.Node) -> Place:
        return _place(self.path, node)


def _shape(place: Place, what: str, file_kind: FileKind) -> Diagnostic:
    return file_kind.fault("C007", f"this part {what}", place, expected="a tree of plain values")


def _syntax(path: Path, error: yaml.MarkedYAMLError, file_kind: FileKind) -> Diagnostic:
    mark = error.problem_mark or error.context_mark
    place = Place(path, mark.line + 1, mark.column + 1) if mark is not None else Place(path)
    problem = error.problem or "malformed"
    if problem.startswith("but found another document"):
        message = f"{shown(path)} holds more than one document"
        fix = f"Write each {file_kind.noun} into a file of its own."
        return file_kind.fault("C006", message, place, f"one {file_kind.noun} per file", fix)
    advice: str | None = None
    if "\\t" in problem or "cannot start any token" in problem:
        line = place.source_line() or ""
        if "\t" in line[: place.column + 1]:
            advice = "Indent with spaces instead of tabs."
    elif "mapping values are not allowed" in problem:
        advice = 'Put text with ": " in quotes, or check the indentation.'
    context = f" {error.context}" if error.context else ""
    return file_kind.fault("C004", f"{shown(path)} is not YAML: {problem}{context}", place, fix=advice)


def _place(path: Path, node: yaml.Node) -> Place:
    start, end = node.start_mark, node.end_mark
    length = end.column - start.column if end.line == start.line else 1
    return Place(path, start.line + 1, start.column + 1, length or 1)


def _escape(part: str | int) -> str:
    return part.replace("~", "~0").replace("/", "~1") if isinstance(part, str) else str(part)
