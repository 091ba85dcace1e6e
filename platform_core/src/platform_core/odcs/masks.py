"""The masks of a contract: what its masked twin has instead of the values of a column."""

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
"""The ways to generalize, and the logical types that each is for."""
_PARAMETERS: Final[Mapping[MaskMethod, tuple[str, ...]]] = {
    "hash": ("key",),
    "generalize": (*_FORMS, "other"),
    "redact": (),
    "drop": (),
}


def read_mask(item: Node, column: Column, domain: str) -> Mask | None:
    """The custom property ``mask`` of a column. Faults: C090 for what is no mask, or not one for the
    column's type; C093 for the column of a key that is to be anything else than hashed or dropped."""
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
            f'"{column.name}" is in the primary key, and {method} would make different keys equal',
            "a hash, which keeps keys apart, or drop for a twin without a key",
            "Write {method: hash, key: <name>}.",
        )
        return None
    mask = Mask(method, node.place("method"))
    if method == "hash":
        return _hash(node, column, mask, domain)
    return _generalized(node, item, column, mask) if method == "generalize" else mask


def read_masking(table: Node, identity: Identity, columns: tuple[Column, ...]) -> Masking | None:
    """The twin that ``maskedAs`` names. Faults: C091 for masks without it, C092 for a name that cannot be
    the twin's or a twin without a column, C094 for a suppression that makes no sense."""
    masked = text_property(table, "maskedAs")
    suppress = find_property(table, "suppress")
    if masked is None:
        mask = next((column.mask for column in columns if column.mask is not None), None)
        place = mask.place if mask else suppress.place() if suppress else None
        if place is not None and find_property(table, "maskedAs") is None:
            said = "a mask" if mask else "suppress"
            message = f"{said} without maskedAs: no twin of {identity.id} is made"
            fix = (
                f"customProperties:\n  - {{property: maskedAs, value: {identity.name}_masked, "
                "vendor: platform-core}"
            )
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
        return None  # which columns the twin has is not known
    if columns and not any(in_twin(column) for column in columns):
        masked.error(
            "C092",
            f"no column is left in {identity.domain}/{name}: all are personal or restricted, and unmasked",
            "a mask on what the twin is to show of a column",
            "customProperties: [{property: mask, value: {method: hash, key: <name>}, vendor: platform-core}]",
        )
        return None
    return Masking(name, masked.place(), _suppression(suppress, columns) if suppress is not None else None)


def in_twin(column: Column) -> bool:
    """Whether the masked twin has a column: what is personal or restricted is only there under a mask."""
    if column.mask is not None:
        return column.mask.method != "drop"
    return column.shown_in_samples


def bands(mask: Mask) -> tuple[str, ...]:
    """The names of the bands that a mask's edges make, from below: ``under 18``, ``18 to under 30``."""
    edges = [str(edge) if isinstance(edge, int) else f"{edge:.12g}" for edge in mask.edges]
    inner = (f"{low} to under {high}" for low, high in pairwise(edges))
    return (f"under {edges[0]}", *inner, f"{edges[-1]} and more")


def _method(node: Node, column: Column) -> MaskMethod | None:
    said = node.get("method")
    method = next((word for word in METHODS if said == word), None)
    if method is None and "method" not in node.value:
        expected = f"method: one of {listed(METHODS)}"
        node.error("C090", f'the mask of "{column.name}" has no method', expected, at_key=True)
    elif method is None:
        node["method"].error("C090", f'"{said}" is no method of masking', known=METHODS)
    return method


def _hash(node: Node, column: Column, mask: Mask, domain: str) -> Mask | None:
    """The key is the domain's own, ``hr.employee``: with another's, its hashes could be tried out."""
    key = node.get("key")
    if isinstance(key, str) and KEY_NAME.fullmatch(key):
        return replace(mask, key=f"{domain}.{key}")
    named = f'"{key}" is no name of a key of {domain}'
    word = str(key).rpartition(".")[2]
    fitting = word if KEY_NAME.fullmatch(word) else column.name.removesuffix("_id") or "name"
    message = f'the hash of "{column.name}" names no key' if key is None else named
    expected = f"key: lower-case letters, digits and _, without a domain; it is {domain}'s alone"
    fix = f"Write {{method: hash, key: {fitting}}}."
    node["method" if key is None else "key"].error("C090", message, expected, fix)
    return None


def _generalized(node: Node, item: Node, column: Column, mask: Mask) -> Mask | None:
    kind = column.logical_type or "string"
    fitting = [form for form, kinds in _FORMS.items() if kind in kinds]
    said = [form for form in _FORMS if form in node.value]
    if len(said) != 1 or said[0] not in fitting:
        which = f"is a {kind}" if said else "is not said how to generalize"
        words = f'"{column.name}" {which}' + (f", which {listed(said)} cannot generalize" if said else "")
        node[said[-1] if said else "method"].error(
            "C090",
            f'"{column.name}" is generalized in {len(said)} ways at once' if len(said) > 1 else words,
            f"exactly one of {listed(fitting)}" if fitting else "hash, redact or drop for it",
            at_key=bool(said),
        )
        return None
    form, other = said[0], node["other"]
    made = _form(form, node.get(form), column, mask)
    if made is None or ("other" in node.value and (form != "groups" or not isinstance(other.value, str))):
        wrong = form if made is None else "other"
        message = f'"{column.name}" cannot be generalized by this {wrong}'
        node[wrong].error("C090", message, _WRITTEN[wrong])
        return None
    longest = _longest(item)
    if made.prefix is not None and longest is not None and longest <= made.prefix:
        message = f'a prefix of {made.prefix} leaves nothing out of "{column.name}"'
        node[form].error("C090", message, f"a number below {longest}, the length of its longest value")
        return None
    return replace(made, other=other.value) if "other" in node.value else made


_WRITTEN: Final = {
    "width": "the width of a band, which holds more than one value: for whole numbers a whole one above 1",
    "bands": "a list of two numbers or more, ascending, with more than one value between two: [18, 30, 45]",
    "to": f"one of {listed(UNITS)}",
    "prefix": "how many letters are kept: a whole number above 0",
    "groups": "lists of texts by their group, each text once: {young: [18-24, 25-34]}",
    "other": "the group of all texts that groups does not list, beside groups",
}


def _form(form: str, said: Any, column: Column, mask: Mask) -> Mask | None:
    """The mask with its parameter; None where that is none."""
    match form:
        case "width":
            whole = column.logical_type == "integer"
            if _is_number(said) and said > _step(column) and (isinstance(said, int) or not whole):
                # A band of whole numbers says its last one, any other the number it stays under.
                return replace(mask, width=said if whole else float(said))
        case "bands":
            numbers = isinstance(said, list) and len(said) > 1 and all(map(_is_number, said))
            if numbers and all(high - low > _step(column) for low, high in pairwise(said)):
                return replace(mask, edges=tuple(said))
        case "to":
            unit = next((unit for unit in UNITS if said == unit), None)
            return replace(mask, unit=unit) if unit else None
        case "prefix":
            if isinstance(said, int) and not isinstance(said, bool) and said > 0:
                return replace(mask, prefix=said)
        case "groups":
            groups = _groups(said)
            return replace(mask, groups=groups) if groups else None
    return None


def _step(column: Column) -> float:
    """How far two values of a column are apart at least: a band no wider than that would tell the value."""
    kind = duckdb_type(column)
    if family(kind) == "integer":
        return 1
    return 10 ** -int(kind.partition(",")[2].rstrip(")")) if kind.startswith("DECIMAL") else 0


def _longest(item: Node) -> int | None:
    """The most letters of a column's values; None where the contract does not say."""
    said = [item["logicalTypeOptions"].get("maxLength")]
    said.append(max((len(str(entry.get("value"))) for entry in item.items("enum")), default=None))
    return min((number for number in said if isinstance(number, int)), default=None)


def _groups(said: Any) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(said, dict):
        return None
    pairs = [(text, str(name)) for name, texts in said.items() for text in _texts(texts)]
    texts = [text for text, _ in pairs]
    whole = all(isinstance(text, str) for text in texts) and len(set(texts)) == len(texts)
    return tuple(pairs) if pairs and whole else None


def _texts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _suppression(node: Node, columns: tuple[Column, ...]) -> Suppression | None:
    expected = "{groupsBelow: 5, columns: [<column>, <column>]}"
    if not node.is_mapping("C094", "suppress", expected, only=("groupsBelow", "columns")):
        return None
    minimum, named = node.get("groupsBelow"), node.get("columns")
    if not isinstance(minimum, int) or minimum < 2:  # true is 1
        message = "suppress does not say which groups are too small"
        expected = "groupsBelow: a whole number above 1"
        node["groupsBelow"].error("C094", message, expected, "Write groupsBelow: 5.")
        return None
    shown = {column.name: column for column in columns if in_twin(column)}
    if not isinstance(named, list) or not named:
        expected = f"columns of the twin: {listed(list(shown))}"
        node["columns"].error("C094", "suppress names no columns", expected)
        return None
    for number, name in enumerate(named):
        mask = shown[name].mask if name in shown else None
        if name not in shown or (mask is not None and mask.method in ("hash", "redact")):
            hidden = f"is {mask.method}ed" if mask else "is not in the twin"
            fitting = [c.name for c in shown.values() if c.mask is None or c.mask.method == "generalize"]
            message = f'no group can be told by "{name}", which {hidden}'
            node["columns"][number].error("C094", message, known=fitting)
            return None
    return Suppression(minimum, tuple(dict.fromkeys(named)), node.place())
