"""Changes of keys that a ``DataProduct`` does not have, by the table ``keys.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from platform_core.compatibility.change import Change
from platform_core.contracts.model import DataProduct
from platform_core.odcs.custom_properties import VENDOR, Level
from platform_core.odcs.service_levels import ACTED_ON
from platform_core.source.document import Document, Pointer, parse

DOCUMENT_CODES: Final = ("K140", "K229", "K240", "K340", "K341", "K440", "K441", "K442")
"""The codes of the table's part ``document``."""
_OURS: Final = {name for level in Level for name in level.known}
_NAMES: Final = ("name", "property", "role", "channel", "server", "username", "value", "id", "metric")
"""The keys that identify an item of a list, which has no order."""
_COLUMN: Final = re.compile(r"schema\[[^]]*\]\.properties\[(.+?)\]")


@dataclass(frozen=True, slots=True)
class Keys:
    """The table: keys that are compared in the product, and patterns of all other keys in their order.

    A key is a path, ``schema[].properties[].name``; ``*`` stands for anything. It has the codes that it may
    have; in ``document`` that of a changed or removed value, then that of an added one.
    """

    model: Mapping[str, tuple[str, ...]]
    document: Mapping[str, tuple[str, ...]]

    def pattern(self, path: str) -> str | None:
        """The pattern of a document's key; None where the table has none."""
        return next((each for each in (*self.model, *self.document) if _fits(each, path)), None)

    def codes(self, path: str) -> tuple[str, ...] | None:
        """The codes of a key; none for one that is compared in the product, None for an unknown one."""
        found = self.pattern(path)
        return None if found is None else self.document.get(found, ())


@cache
def keys() -> Keys:
    table = tomllib.loads(Path(__file__).with_name("keys.toml").read_text(encoding="utf-8"))
    parts = [{key: tuple(codes.split()) for key, codes in table[part].items()} for part in table]
    return Keys(*parts)


@cache
def _fits(pattern: str, path: str) -> bool:
    # "*.tags" is also the key at the top.
    ready = re.escape(pattern).replace(r"\*", ".*")
    return re.fullmatch(re.sub(r"^\.\*\\\.", r"(?:.*\.)?", ready), path) is not None


def document_changes(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    """The changes in the files of two contracts; none where one of them has no file."""
    if not (old.path.is_file() and new.path.is_file()) or old.path.read_bytes() == new.path.read_bytes():
        return
    before, after = parse(old.path), parse(new.path)
    names = [[str(item.get("name")) for item in each.data.get("schema") or ()] for each in (before, after)]
    tables = frozenset(new.name if new.name in each else "".join(each[:1]) for each in names)
    yield from _Comparison(after, tables).changes(before.data, after.data, "", "", ())


@dataclass(frozen=True, slots=True)
class _Comparison:
    new: Document
    tables: frozenset[str]
    """The names of the schema object that the product publishes."""

    def changes(self, one: Any, two: Any, path: str, words: str, at: Pointer) -> Iterator[Change]:
        """``words`` is the path with the names of items, ``at`` the pointer into the new document."""
        if one == two:
            return
        sides = [side for side in (one, two) if side is not None]
        mappings = all(isinstance(side, dict) for side in sides)
        nested = mappings or all(_has_items(side) for side in sides)
        codes = keys().codes(path) if len(sides) == 1 or not nested else None
        if codes is None and mappings:
            for name in dict.fromkeys(name for side in sides for name in side):
                inner, shown = (f"{outer}.{name}".removeprefix(".") for outer in (path, words))
                old, new = ((side or {}).get(name) for side in (one, two))
                yield from self.changes(old, new, inner, shown, (*at, name))
        elif codes is None and nested:
            before, after = self._items(one or (), path), self._items(two or (), path)
            for each in dict.fromkeys((*before, *after)):
                (_, old), (index, new) = before.get(each, ((), None)), after.get(each, ((), None))
                kind, name, _ = each
                yield from self.changes(old, new, f"{path}[{kind}]", f"{words}[{name}]", (*at, *index))
        elif codes != ():
            code = (codes or ("K440",))[-1 if one is None else 0]
            what = "changed" if len(sides) == 2 else "added" if one is None else "removed"
            column = _COLUMN.match(words)
            columns = (column[1],) if column else None
            yield Change(code, f"{words} is {what}", self.new.place(*at), columns)

    def _items(self, items: Sequence[Any], path: str) -> dict[tuple[str, str, int], tuple[Pointer, Any]]:
        """The items with their index, by their kind, their name and the number of the same name."""
        found: dict[tuple[str, str, int], tuple[Pointer, Any]] = {}
        for index, item in enumerate(items):
            name = next((str(item[word]) for word in _NAMES if item.get(word) is not None), "")
            kind = self._kind(item, path.rpartition(".")[2])
            number = sum(each[:2] == (kind, name) for each in found)
            found[kind, name, number] = ((index,), item)
        return found

    def _kind(self, item: Any, of: str) -> str:
        match of:
            case "schema":
                return "" if str(item.get("name")) in self.tables else "other"
            case "quality":
                return "custom" if item.get("type") in ("text", "custom") else ""
            case "slaProperties":
                return "" if item.get("property") in ACTED_ON else "other"
            case "customProperties":
                ours = item.get("property") in _OURS and item.get("vendor") in (None, VENDOR)
                return str(item["property"]) if ours else "other"
        return ""


def _has_items(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
