"""The masks of a contract, which replace the values of columns in its masked twin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, get_args

from platform_core.contracts.model import Column, DateUnit, Mask, Masking, MaskMethod, Suppression
from platform_core.odcs.custom_properties import find_property, text_property
from platform_core.odcs.identity import Identity
from platform_core.source.cursor import Node
from platform_core.sql.types import duckdb_type, family
from platform_core.words import listed

METHODS: Final[tuple[MaskMethod, ...]] = get_args(MaskMethod)
UNITS: Final[tuple[DateUnit, ...]] = get_args(DateUnit)
KEY_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")

_NUMBERS = ("integer", "number")
_DATES = ("date", "timestamp")
_FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "width": _NUMBERS,
    "bands": _NUMBERS,
    "to": _DATES,
    "prefix": ("string",),
    "groups": ("string",),
}
"""The ways to generalize, with their logical types."""
_PARAMETERS: Final[Mapping[MaskMethod, tuple[str, ...]]] = {
    "hash": ("key",),
    "generalize": (*_FORMS, "other"),
    "redact": (),
    "drop": (),
}


def read_mask(item: Node, column: Column, domain: str) -> Mask | None:
    """The custom property ``mask`` of a column. Faults: C090 a mask that is malformed or does not fit the
    column's type, C093 a key column that is generalized or redacted."""
    node = find_property(item, "mask")
    if node is None:
        return None
    expected = "{method: hash, key: <name>}, {method: generalize, ...}, {method: redact} or {method: drop}"
    if not node.is_mapping("C090", f'the mask of "{column.name}"', expected):
        return None
    method = _method(node, column)
    if method is None:
        return None
    known = ("method", *_PARAMETERS[method])
    if not node.has_only(known, "C090", f'the mask {method} of "{column.name}"'):
        return None
    if method in ("generalize", "redact") and column.key_position is not None:
        node["method"].error(
            "C093",
            f'{method} would make different values of the key column "{column.name}" equal',
            "hash, or drop for a twin without a key",
            "Write {method: hash, key: <name>}.",
        )
        return None
    mask = Mask(method, node.place("method"))
    if method == "hash":
        return _hash(node, column, mask, domain)
    return _generalized(node, item, column, mask) if method == "generalize" else mask


def read_masking(table: Node, identity: Identity, columns: tuple[Column, ...]) -> Masking | None:
    """The twin that ``maskedAs`` names. Faults: C091 masks without it, C092 an unusable name or a twin
    without columns, C094 a wrong suppression."""
    masked = text_property(table, "maskedAs")
    suppress = find_property(table, "suppress")
    if masked is None:
        mask = next((column.mask for column in columns if column.mask is not None), None)
        place = mask.place if mask else suppress.place() if suppress else None
        if place is not None and find_property(table, "maskedAs") is None:
            what = "a mask" if mask else "suppress"
            message = f"{identity.id} has {what}, but no maskedAs"
            name = f"{identity.name}_masked"
            fix = f"`customProperties: [{{property: maskedAs, value: {name}, vendor: platform-core}}]`"
            table.faults.error("C091", message, place, "the name of the twin on the schema object", fix)
        return None
    name = masked.value.removeprefix(f"{identity.domain}/")
    if name == identity.name:
        masked.error("C092", "a product cannot be its own masked twin", "the name of another product")
        return None
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        expected = f"a name of the domain {identity.domain}: lower-case letters, digits and _"
        masked.error("C092", f'"{masked.value}" cannot be the name of a masked twin', expected)
        return None
    if any(fault.code in ("C090", "C093") for fault in table.faults.errors):
        return None  # the columns of the twin are unknown
    if columns and not any(in_twin(column) for column in columns):
        masked.error(
            "C092",
            f"{identity.domain}/{name} has no columns: all are personal or restricted, and unmasked",
            "a mask on a column",
            "`customProperties: [{property: mask, value: {method: redact}, vendor: platform-core}]`",
        )
        return None
    return Masking(name, masked.place(), _suppression(suppress, columns) if suppress is not None else None)


def in_twin(column: Column) -> bool:
    """Whether the masked twin has a column: a personal or restricted column must have a mask."""
    if column.mask is not None:
        return column.mask.method != "drop"
    return column.shown_in_samples


def bands(mask: Mask) -> tuple[str, ...]:
    """The names of the bands between a mask's edges, in order: ``under 18``, ``18 to under 30``."""
    edges = [str(edge) if isinstance(edge, int) else f"{edge:.12g}" for edge in mask.edges]
    inner = (f"{low} to under {high}" for low, high in pairwise(edges))
    return (f"under {edges[0]}", *inner, f"{edges[-1]} and more")


def _method(node: Node, column: Column) -> MaskMethod | None:
    method = next((word for word in METHODS if node.get("method") == word), None)
    if method is None and "method" not in node.value:
        expected = f"method: one of {listed(METHODS)}"
        node.error("C090", f'the mask of "{column.name}" has no method', expected, at_key=True)
    elif method is None:
        node["method"].error("C090", f'unknown method of masking "{node.get("method")}"', known=METHODS)
    return method


def _hash(node: Node, column: Column, mask: Mask, domain: str) -> Mask | None:
    """The key belongs to the domain, ``hr.employee``: another owner of the key could guess hashed values."""
    key = node.get("key")
    if isinstance(key, str) and KEY_NAME.fullmatch(key):
        return replace(mask, key=f"{domain}.{key}")
    wrong = f'"{key}" is not a name of a key of {domain}'
    word = str(key).rpartition(".")[2]
    fitting = word if KEY_NAME.fullmatch(word) else column.name.removesuffix("_id") or "name"
    message = f'the hash of "{column.name}" has no key' if key is None else wrong
    expected = "key: lower-case letters, digits and _, without a domain"
    fix = f"Write {{method: hash, key: {fitting}}}."
    node["method" if key is None else "key"].error("C090", message, expected, fix)
    return None


def _generalized(node: Node, item: Node, column: Column, mask: Mask) -> Mask | None:
    kind = column.logical_type or "string"
    fitting = [form for form, kinds in _FORMS.items() if kind in kinds]
    declared = [form for form in _FORMS if form in node.value]
    if len(declared) != 1 or declared[0] not in fitting:
        message = f'the mask of "{column.name}" does not declare how to generalize'
        if declared:
            message = f'{declared[0]} cannot generalize "{column.name}", which is a {kind}'
        if len(declared) > 1:
            message = f'the mask of "{column.name}" generalizes in {len(declared)} ways'
        expected = f"exactly one of {listed(fitting)}" if fitting else "hash, redact or drop"
        node[declared[-1] if declared else "method"].error("C090", message, expected, at_key=bool(declared))
        return None
    form, other = declared[0], node["other"]
    made = _form(form, node.get(form), column, mask)
    if made is None or ("other" in node.value and (form != "groups" or not isinstance(other.value, str))):
        wrong = form if made is None else "other"
        message = f'"{column.name}" cannot be generalized by this {wrong}'
        node[wrong].error("C090", message, _WRITTEN[wrong])
        return None
    longest = _longest(item)
    if made.prefix is not None and longest is not None and longest <= made.prefix:
        message = f'a prefix of {made.prefix} hides nothing of "{column.name}"'
        node[form].error("C090", message, f"a number below {longest}, the length of its longest value")
        return None
    return replace(made, other=other.value) if "other" in node.value else made


_WRITTEN: Final = {
    "width": "the width of a band, which holds more than one value: for whole numbers a whole one above 1",
    "bands": "a list of two numbers or more, ascending, with more than one value between two: [18, 30, 45]",
    "to": f"one of {listed(UNITS)}",
    "prefix": "the number of letters to keep, above 0",
    "groups": "lists of texts by their group, each text once: {young: [18-24, 25-34]}",
    "other": "the group of all other texts, with groups",
}


def _form(form: str, value: Any, column: Column, mask: Mask) -> Mask | None:
    match form:
        case "width":
            whole = column.logical_type == "integer"
            if _is_number(value) and value > _step(column) and (isinstance(value, int) or not whole):
                # The name of a band of whole numbers has its last number, any other its upper limit.
                return replace(mask, width=value if whole else float(value))
        case "bands":
            numbers = isinstance(value, list) and len(value) > 1 and all(map(_is_number, value))
            if numbers and all(high - low > _step(column) for low, high in pairwise(value)):
                return replace(mask, edges=tuple(value))
        case "to":
            unit = next((unit for unit in UNITS if value == unit), None)
            return replace(mask, unit=unit) if unit else None
        case "prefix":
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return replace(mask, prefix=value)
        case "groups":
            groups = _groups(value)
            return replace(mask, groups=groups) if groups else None
    return None


def _step(column: Column) -> float:
    """The least distance of two values: a band that is not wider would show the value itself."""
    kind = duckdb_type(column)
    if family(kind) == "integer":
        return 1
    return 10 ** -int(kind.partition(",")[2].rstrip(")")) if kind.startswith("DECIMAL") else 0


def _longest(item: Node) -> int | None:
    lengths = [item["logicalTypeOptions"].get("maxLength")]
    lengths.append(max((len(str(entry.get("value"))) for entry in item.items("enum")), default=None))
    return min((number for number in lengths if isinstance(number, int)), default=None)


def _groups(value: Any) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(value, dict):
        return None
    lists = {str(name): texts if isinstance(texts, list) else [texts] for name, texts in value.items()}
    pairs = [(text, name) for name, texts in lists.items() for text in texts]
    texts = [text for text, _ in pairs]
    usable = all(isinstance(text, str) for text in texts) and len(set(texts)) == len(texts)
    return tuple(pairs) if pairs and usable else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _suppression(node: Node, columns: tuple[Column, ...]) -> Suppression | None:
    expected = "{groupsBelow: 5, columns: [<column>, <column>]}"
    if not node.is_mapping("C094", "suppress", expected, only=("groupsBelow", "columns")):
        return None
    minimum, named = node.get("groupsBelow"), node.get("columns")
    if not isinstance(minimum, int) or minimum < 2:  # true is 1
        message = "suppress has no groupsBelow"
        expected = "groupsBelow: a whole number above 1"
        node["groupsBelow"].error("C094", message, expected, "Write groupsBelow: 5.")
        return None
    shown = {column.name: column for column in columns if in_twin(column)}
    if not isinstance(named, list) or not named:
        expected = f"columns of the twin: {listed(list(shown))}"
        node["columns"].error("C094", "suppress has no columns", expected)
        return None
    for number, name in enumerate(named):
        mask = shown[name].mask if name in shown else None
        if name not in shown or (mask is not None and mask.method in ("hash", "redact")):
            hidden = f"is {mask.method}ed" if mask else "is not in the twin"
            fitting = [c.name for c in shown.values() if c.mask is None or c.mask.method == "generalize"]
            message = f'the column "{name}" cannot form groups: it {hidden}'
            node["columns"][number].error("C094", message, known=fitting)
            return None
    return Suppression(minimum, tuple(dict.fromkeys(named)), node.place())
