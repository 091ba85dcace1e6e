"""A contract as text in the canonical form.

A column is one line where it fits; paragraphs are folded, texts with line breaks keep them. The text has the
same meaning in YAML 1.2 and 1.1.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

from platform_core.source import yaml_core

Pointer = tuple[str | int, ...]
Comments = Mapping[Pointer, Sequence[str]]

COLUMN_WIDTH: Final = 280
"""The longest line of a column: columns read like the rows of a table."""
WIDTH: Final = 150
"""The longest of all other lines in brackets."""
TEXT_WIDTH: Final = 120

_ORDER: Final[dict[str, tuple[str, ...]]] = {
    "": (
        *("apiVersion", "kind", "id", "name", "domain", "dataProduct", "tenant", "version", "status"),
        *("tags", "description", "team", "support", "roles", "slaProperties", "schema"),
    ),
    "description": ("purpose", "usage", "limitations"),
    "schema": (
        *("name", "physicalName", "physicalType", "businessName", "description"),
        *("dataGranularityDescription", "tags", "customProperties", "properties", "relationships"),
        "quality",
    ),
    "properties": (
        *("name", "logicalType", "physicalType", "required", "unique", "primaryKey", "primaryKeyPosition"),
        *("partitioned", "classification", "tags", "logicalTypeOptions", "enum", "relationships"),
        *("customProperties", "description", "quality"),
    ),
    "quality": (
        *("name", "description", "type", "metric", "arguments", "query", "mustBe", "mustNotBe"),
        *("mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo"),
        *("mustBeBetween", "mustNotBeBetween", "unit", "severity", "customProperties"),
    ),
    "slaProperties": (
        *("property", "value", "unit", "element", "scheduler", "schedule", "driver", "description"),
        "customProperties",
    ),
    "roles": ("role", "access"),
    "support": ("channel", "tool", "url", "description"),
    "customProperties": ("property", "value", "vendor"),
    "enum": ("value", "description"),
    "relationships": ("from", "to", "customProperties"),
}
"""The order of the keys of each part; other keys follow in their own order."""
_ONE_PER_LINE: Final = frozenset(
    {"schema", "properties", "roles", "slaProperties", "support", "quality", "customProperties", "team"}
    | {"members", "servers", "authoritativeDefinitions", "price"}
)
_ALWAYS_QUOTED: Final = frozenset({"url", "schedule"})
_SENTENCES: Final = frozenset({"properties", "quality", "slaProperties"})
"""In the brackets of these parts, a description is quoted."""
_PLAIN: Final = re.compile(r"[\w$./^(<][^\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff]*")
_NOT_PLAIN: Final = re.compile(r": |:$| #|\s$")
_NOT_IN_BRACKETS: Final = re.compile(r"[?,\[\]{}\"']|:(?!\w)")
_KEEPS: Final = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]*")
_WORDS_OF_1_1: Final = frozenset({"=", "<<"})


def write(contract: Mapping[str, Any], comments: Comments | None = None) -> str:
    """The canonical text of a contract.

    ``comments`` by the pointer of the value below them; those at ``()`` open the file, those at a
    pointer that the contract does not have end it.
    """
    writer = _Writer(dict(comments or {}))
    writer.comment((), 0, inner=False)
    writer.mapping(contract, (), "", 0)
    writer.rest()
    return "\n".join(writer.lines) + "\n"


class _Writer:
    def __init__(self, comments: dict[Pointer, Sequence[str]]) -> None:
        self.lines: list[str] = []
        self._comments = comments

    def comment(self, pointer: Pointer, indent: int, *, inner: bool) -> None:
        """The comments of a value; with ``inner`` also those inside it."""
        here = [at for at in self._comments if at == pointer or (inner and at[: len(pointer)] == pointer)]
        for at in here:
            self.lines += [f"{' ' * indent}# {line}".rstrip() for line in self._comments.pop(at)]

    def rest(self) -> None:
        for lines in self._comments.values():
            self.lines += [f"# {line}".rstrip() for line in lines]

    def mapping(
        self, data: Mapping[str, Any], pointer: Pointer, kind: str, indent: int, item: bool = False
    ) -> None:
        """Key by key; an ``item`` of a list begins with its dash."""
        for number, key in enumerate(_ordered(data, kind)):
            dashed = item and number == 0
            start = " " * (indent - 2) + "- " if dashed else " " * indent
            self._entry(f"{start}{_key(key)}:", key, data[key], (*pointer, key), indent, dashed)

    def _entry(self, start: str, key: str, value: Any, pointer: Pointer, indent: int, dashed: bool) -> None:
        above = indent - 2 if dashed else indent
        if isinstance(value, str):
            self.comment(pointer, above, inner=True)
            return self._text(start, key, value, indent)
        flow = _flow(value, key)
        block = (key in _ONE_PER_LINE and isinstance(value, list)) or pointer == ("description",)
        short = flow is not None and len(start) + 1 + len(flow) <= WIDTH
        if not value or not isinstance(value, (dict, list)) or (short and not block):
            self.comment(pointer, above, inner=True)
            self.lines.append(f"{start} {flow if flow is not None else _flow(value, key, strict=False)}")
            return None
        if (
            flow is not None
            and isinstance(value, list)
            and not any(isinstance(v, (dict, list)) for v in value)
        ):
            self.comment(pointer, above, inner=True)
            wrap = textwrap.TextWrapper(
                TEXT_WIDTH,
                initial_indent=" " * (indent + 2) + "[",
                subsequent_indent=" " * (indent + 3),
                break_long_words=False,
                break_on_hyphens=False,
            )
            # Lines break only at blanks between values.
            words = [_flow(v, key, strict=False) for v in value]
            wrapped = wrap.wrap(", ".join(str(word).replace(" ", "\x00") for word in words) + "]")
            self.lines += [start, *(line.replace("\x00", " ") for line in wrapped)]
            return None
        self.comment(pointer, above, inner=False)
        self.lines.append(start)
        if isinstance(value, dict):
            self.mapping(value, pointer, key, indent + 2)
        else:
            self._items(value, pointer, key, indent + 2)
        return None

    def _items(self, values: Sequence[Any], pointer: Pointer, kind: str, indent: int) -> None:
        width = COLUMN_WIDTH if kind == "properties" else WIDTH
        for index, value in enumerate(values):
            where = (*pointer, index)
            flow = _flow(value, kind)
            fits = flow is not None and indent + 2 + len(flow) <= width
            single = isinstance(value, dict) and len(value) == 1 and kind == "enum"
            if isinstance(value, dict) and value and (not fits or single):
                self.comment(where, indent, inner=False)
                self.mapping(value, where, kind, indent + 2, item=True)
            else:
                self.comment(where, indent, inner=True)
                self.lines.append(f"{' ' * indent}- {flow or _flow(value, kind, strict=False)}")

    def _text(self, start: str, key: str, text: str, indent: int) -> None:
        plain = _scalar(text, brackets=False, quoted=key in _ALWAYS_QUOTED)
        inside = " " * (indent + 2)
        long = len(start) + 1 + len(plain) > TEXT_WIDTH or (key == "purpose" and plain[0] == '"')
        lines = text.split("\n")
        if len(lines) > 1 and lines[0][:1].strip() and lines[-1] and _KEEPS.fullmatch(text):
            self.lines.append(f"{start} |-")
            self.lines += [f"{inside}{line}" if line else "" for line in lines]
        elif long and " ".join(text.split()) == text and " " in text and _KEEPS.fullmatch(text):
            self.lines.append(f"{start} >-")
            width = max(40, TEXT_WIDTH - len(inside))
            folded = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
            self.lines += [f"{inside}{line}" for line in folded]
        else:
            self.lines.append(f"{start} {plain}")


def _ordered(data: Mapping[str, Any], kind: str) -> list[str]:
    order = _ORDER.get(kind, ())
    known = [key for key in order if key in data]
    if kind == "quality" and "name" not in data and "description" in data:
        # A rule begins with its name, or else with its metric.
        known.remove("description")
        behind = [key for key in known if key not in ("severity", "customProperties")]
        known = [*behind, "description", *(key for key in known if key not in behind)]
    return [*known, *(key for key in data if key not in order)]


def _flow(value: Any, kind: str, strict: bool = True) -> str | None:
    """A value in brackets; None (where ``strict``) for one that needs several lines."""
    if isinstance(value, Mapping):
        parts = []
        for key in _ordered(value, kind):
            inner = value[key]
            if strict and (key == "query" or (isinstance(inner, str) and "\n" in inner)):
                return None
            if strict and kind == "properties" and key == "quality":
                return None
            sentence = key == "description" and kind in _SENTENCES and isinstance(inner, str)
            shown = _in_quotes(inner) if sentence else _flow(inner, key, strict)
            if shown is None:
                return None
            parts.append(f"{_key(key)}: {shown}")
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, (list, tuple)):
        items = [_flow(item, kind, strict) for item in value]
        return None if None in items else "[" + ", ".join(str(item) for item in items) + "]"
    return _scalar(value, brackets=True, quoted=kind in _ALWAYS_QUOTED)


def _key(key: str) -> str:
    return _scalar(key, brackets=True)


def _scalar(value: Any, *, brackets: bool, quoted: bool = False) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            # 1e-05 is a number in YAML 1.2 alone.
            return re.sub(r"^(-?[0-9]+)e", r"\1.0e", repr(value))
        case str() if not quoted and _plain(value, brackets):
            return value
        case _:
            return _in_quotes(str(value))


def _plain(text: str, brackets: bool) -> bool:
    """Whether a text needs no quotes, by YAML 1.2 and by 1.1."""
    if not _PLAIN.fullmatch(text) or _NOT_PLAIN.search(text) or text in _WORDS_OF_1_1:
        return False
    if brackets and _NOT_IN_BRACKETS.search(text):
        return False
    return yaml_core.is_text(text)


def _in_quotes(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    return re.sub(
        "[\x7f-\xa0\u2028\u2029\ufeff]|[^\u0000-\uffff]",
        lambda match: match[0] if match[0].isprintable() else f"\\U{ord(match[0]):08x}",
        written,
    )
