"""Changes of keys that a ``DataProduct`` does not have, by the table ``keys.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from platform_core.compatibility.change import Change
from platform_core.contracts.model import DataProduct
from platform_core.odcs.custom_properties import VENDOR, Level
from platform_core.source.document import Document, Pointer, parse

DOCUMENT_CODES: Final = ("K140", "K229", "K240", "K340", "K341", "K440", "K441", "K442")
"""The codes of the table's part ``document``."""
_OURS: Final = {name for level in Level for name in level.known}
_NAMES: Final = (
    "name",
    "property",
    "role",
    "channel",
    "server",
    "username",
    "value",
    "id",
    "metric",
    "to",
    "url",
)
"""The keys that identify an item of a list, which has no order."""
_LEVELS: Final = ("latency", "retention")
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
    model, document = (
        {k: tuple(v.split()) for k, v in table[part].items()} for part in ("model", "document")
    )
    return Keys(model, {key: (codes[0], codes[-1]) for key, codes in document.items()})


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
    tables = frozenset(_table(document, new.name) for document in (before, after))
    yield from _Comparison(after, tables).changes(before.data, after.data, _Key("", "", ()))


def _table(document: Document, product: str) -> str:
    names = [str(item.get("name")) for item in document.data.get("schema") or ()]
    return product if product in names else names[0] if names else ""


@dataclass(frozen=True, slots=True)
class _Key:
    path: str
    words: str
    """The path with the names of items: ``schema[stores].properties[city].examples``."""
    pointer: Pointer
    """In the new document, to the nearest value that it has."""

    def member(self, key: str) -> _Key:
        dot = "." if self.path else ""
        return _Key(f"{self.path}{dot}{key}", f"{self.words}{dot}{key}", (*self.pointer, key))


@dataclass(frozen=True, slots=True)
class _Comparison:
    new: Document
    tables: frozenset[str]
    """The names of the schema object that the product publishes."""

    def changes(self, one: Any, two: Any, key: _Key) -> Iterator[Change]:
        if one == two:
            return
        sides = [side for side in (one, two) if side is not None]
        nested = all(map(_is_mapping, sides)) or all(map(_is_list_of_mappings, sides))
        whole = len(sides) == 1 or not nested
        codes = keys().codes(key.path) if whole else None
        if codes == ():
            return
        if codes is None and nested:
            yield from self._members(one, two, key)
            return
        codes = codes or ("K440",)
        place = self.new.place(*key.pointer)
        what = "changed" if len(sides) == 2 else "added" if one is None else "removed"
        column = _COLUMN.match(key.words)
        yield Change(
            codes[-1 if one is None else 0], f"{key.words} is {what}", place, (column[1],) if column else None
        )

    def _members(self, one: Any, two: Any, key: _Key) -> Iterator[Change]:
        if _is_mapping(one) or _is_mapping(two):
            for name in dict.fromkeys((*(one or ()), *(two or ()))):
                yield from self.changes((one or {}).get(name), (two or {}).get(name), key.member(name))
            return
        before, after = (self._items(side or [], key) for side in (one, two))
        for each in dict.fromkeys((*before, *after)):
            index, new = after.get(each, (None, None))
            _, old = before.get(each, (None, None))
            kind, name, _ = each
            pointer = key.pointer if index is None else (*key.pointer, index)
            yield from self.changes(old, new, _Key(f"{key.path}[{kind}]", f"{key.words}[{name}]", pointer))

    def _items(self, items: list[Any], key: _Key) -> dict[tuple[str, str, int], tuple[int, Any]]:
        """The items with their index, by their kind, their name and the number of the same name."""
        found: dict[tuple[str, str, int], tuple[int, Any]] = {}
        for index, item in enumerate(items):
            name = next((str(item[word]) for word in _NAMES if item.get(word) is not None), "")
            number = 0
            while (self._kind(item, key), name, number) in found:
                number += 1
            found[self._kind(item, key), name, number] = (index, item)
        return found

    def _kind(self, item: Any, key: _Key) -> str:
        match key.path.rpartition(".")[2]:
            case "schema":
                return "" if str(item.get("name")) in self.tables else "other"
            case "quality":
                return "custom" if item.get("type") in ("text", "custom") else ""
            case "slaProperties":
                return "" if item.get("property") in _LEVELS else "other"
            case "customProperties":
                ours = item.get("property") in _OURS and item.get("vendor") in (None, VENDOR)
                return str(item["property"]) if ours else "other"
        return ""


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list_of_mappings(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_mapping, value))
