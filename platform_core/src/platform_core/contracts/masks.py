"""The masks of a contract: what its masked twin has instead of the values of a column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, get_args

from platform_core.contracts.faults import Faults
from platform_core.contracts.model import Column, DateUnit, Mask, Masking, MaskMethod, Suppression
from platform_core.contracts.names import Identity
from platform_core.contracts.properties import Where, find_property, text_property
from platform_core.source.document import Document
from platform_core.words import did_you_mean, listed

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


def read_mask(document: Document, where: Where, column: Column, faults: Faults) -> Mask | None:
    """The custom property ``mask`` of a column. Faults: C090 for what is no mask, or not one for the
    column's type; C093 for the column of a key that is to be anything else than hashed or dropped."""
    found = find_property(document, where, "mask")
    if found is None:
        return None
    value, pointer = found
    if not isinstance(value, dict):
        expected = "{method: hash, key: <name>}, {method: generalize, ...}, {method: redact} or drop"
        faults.error("C090", f'the mask of "{column.name}" is no mapping', document.place(*pointer), expected)
        return None
    method = _method(document, pointer, value, column, faults)
    if method is None:
        return None
    known = ("method", *_PARAMETERS[method])
    for word in value:
        if word not in known:
            faults.error(
                "C090",
                f'"{word}" means nothing to the mask {method} of "{column.name}"',
                document.key_place(*pointer, word),
                expected=f"one of {listed(known)}",
                fix=did_you_mean(str(word), known) or "Remove it.",
            )
            return None
    if method in ("generalize", "redact") and column.key_position is not None:
        faults.error(
            "C093",
            f'"{column.name}" is in the primary key, and {method} would make different keys equal',
            document.place(*pointer, "method"),
            expected="a hash, which keeps keys apart, or drop for a twin without a key",
            fix="Write {method: hash, key: <name>}.",
        )
        return None
    mask = Mask(method, document.place(*pointer, "method"))
    if method == "hash":
        return _hash(document, pointer, value, column, mask, faults)
    return _generalized(document, pointer, value, column, mask, faults) if method == "generalize" else mask


def read_masking(
    document: Document,
    index: int | None,
    identity: Identity,
    columns: tuple[Column, ...],
    faults: Faults,
) -> Masking | None:
    """The twin that ``maskedAs`` names. Faults: C091 for masks without it, C092 for a name that cannot be
    the twin's or a twin without a column, C094 for a suppression that makes no sense."""
    if index is None:
        return None
    where: Where = ("schema", index)
    masked = text_property(document, where, "maskedAs", faults)
    suppress = find_property(document, where, "suppress")
    if masked is None:
        mask = next((column.mask for column in columns if column.mask is not None), None)
        place = mask.place if mask else document.place(*suppress[1]) if suppress else None
        if place is not None and find_property(document, where, "maskedAs") is None:
            said = "a mask" if mask else "suppress"
            faults.error(
                "C091",
                f"{said} without maskedAs: no twin of {identity.id} is made",
                place,
                expected="the name of the twin on the schema object",
                fix=f"customProperties:\n  - {{property: maskedAs, value: {identity.name}_masked, "
                "vendor: platform-core}",
            )
        return None
    value, place = masked
    name = value.removeprefix(f"{identity.domain}/")
    if name == identity.name:
        faults.error("C092", "a product cannot be its own masked twin", place, "the name of another product")
        return None
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        faults.error(
            "C092",
            f'"{value}" cannot be the name of a masked twin',
            place,
            expected=f"a name of the domain {identity.domain}: lower-case letters, digits and _",
        )
        return None
    if any(fault.code in ("C090", "C093") for fault in faults.errors):
        return None  # which columns the twin has is not known
    if columns and not any(in_twin(column) for column in columns):
        faults.error(
            "C092",
            f"no column is left in {identity.domain}/{name}: all are personal or restricted, and unmasked",
            place,
            expected="a mask on what the twin is to show of a column",
            fix="customProperties: [{property: mask, value: {method: hash, key: <name>}, "
            "vendor: platform-core}]",
        )
        return None
    masking = Masking(name, place)
    if suppress is None:
        return masking
    return replace(masking, suppression=_suppression(document, *suppress, columns, faults))


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


def _method(
    document: Document, pointer: Where, value: dict[str, Any], column: Column, faults: Faults
) -> MaskMethod | None:
    said = value.get("method")
    method = next((word for word in METHODS if said == word), None)
    if method is None:
        missing = "method" not in value
        faults.error(
            "C090",
            f'the mask of "{column.name}" has no method' if missing else f'"{said}" is no method of masking',
            document.key_place(*pointer) if missing else document.place(*pointer, "method"),
            expected=f"method: one of {listed(METHODS)}",
            fix=did_you_mean(str(said), METHODS),
        )
    return method


def _hash(
    document: Document, pointer: Where, value: dict[str, Any], column: Column, mask: Mask, faults: Faults
) -> Mask | None:
    key = value.get("key")
    if isinstance(key, str) and KEY_NAME.fullmatch(key):
        return replace(mask, key=key)
    faults.error(
        "C090",
        f'the hash of "{column.name}" names no key' if key is None else f'"{key}" is no name of a key',
        document.place(*pointer, "method" if key is None else "key"),
        expected="key: lower-case letters, digits and _; products hashed under one key can be joined",
        fix=f"Write {{method: hash, key: {column.name.removesuffix('_id') or 'name'}}}.",
    )
    return None


def _generalized(
    document: Document, pointer: Where, value: dict[str, Any], column: Column, mask: Mask, faults: Faults
) -> Mask | None:
    kind = column.logical_type or "string"
    fitting = [form for form, kinds in _FORMS.items() if kind in kinds]
    said = [form for form in _FORMS if form in value]
    if len(said) != 1 or said[0] not in fitting:
        which = f"is a {kind}" if said else "is not said how to generalize"
        words = f'"{column.name}" {which}' + (f", which {listed(said)} cannot generalize" if said else "")
        faults.error(
            "C090",
            f'"{column.name}" is generalized in {len(said)} ways at once' if len(said) > 1 else words,
            document.key_place(*pointer, said[-1]) if said else document.place(*pointer, "method"),
            expected=f"exactly one of {listed(fitting)}" if fitting else "hash, redact or drop for it",
        )
        return None
    form = said[0]
    made = _form(form, value[form], column, mask)
    if made is None or ("other" in value and (form != "groups" or not isinstance(value["other"], str))):
        wrong = form if made is None else "other"
        faults.error(
            "C090",
            f'"{column.name}" cannot be generalized by this {wrong}',
            document.place(*pointer, wrong),
            expected=_WRITTEN[wrong],
        )
        return None
    return replace(made, other=value["other"]) if "other" in value else made


_WRITTEN: Final = {
    "width": "the width of a band: a number above 0, for whole numbers a whole one above 1",
    "bands": "a list of two numbers or more, ascending: [18, 30, 45]",
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
            if _is_number(said) and (isinstance(said, int) and said > 1 if whole else said > 0):
                # A band of whole numbers says its last one, any other the number it stays under.
                return replace(mask, width=said if whole else float(said))
        case "bands":
            numbers = isinstance(said, list) and len(said) > 1 and all(map(_is_number, said))
            if numbers and all(low < high for low, high in pairwise(said)):
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


def _suppression(
    document: Document, value: Any, pointer: Where, columns: tuple[Column, ...], faults: Faults
) -> Suppression | None:
    known = ("groupsBelow", "columns")
    shape = "{groupsBelow: 5, columns: [<column>, <column>]}"
    if not isinstance(value, dict):
        faults.error("C094", "suppress is no mapping", document.place(*pointer), shape)
        return None
    for word in value:
        if word not in known:
            faults.error(
                "C094",
                f'"{word}" means nothing to suppress',
                document.key_place(*pointer, word),
                expected=f"one of {listed(known)}",
                fix=did_you_mean(str(word), known) or "Remove it.",
            )
            return None
    minimum, named = value.get("groupsBelow"), value.get("columns")
    if not isinstance(minimum, int) or isinstance(minimum, bool) or minimum < 2:
        faults.error(
            "C094",
            "suppress does not say which groups are too small",
            document.place(*pointer, "groupsBelow"),
            expected="groupsBelow: a whole number above 1",
            fix="Write groupsBelow: 5.",
        )
        return None
    shown = {column.name: column for column in columns if in_twin(column)}
    if not isinstance(named, list) or not named:
        place = document.place(*pointer, "columns")
        expected = f"columns of the twin: {listed(list(shown))}"
        faults.error("C094", "suppress names no columns", place, expected)
        return None
    for number, name in enumerate(named):
        mask = shown[name].mask if name in shown else None
        if name not in shown or (mask is not None and mask.method in ("hash", "redact")):
            hidden = f"is {mask.method}ed" if mask else "is not in the twin"
            fitting = [c.name for c in shown.values() if c.mask is None or c.mask.method == "generalize"]
            faults.error(
                "C094",
                f'no group can be told by "{name}", which {hidden}',
                document.place(*pointer, "columns", number),
                expected=f"one of {listed(fitting)}",
                fix=did_you_mean(str(name), fitting),
            )
            return None
    return Suppression(minimum, tuple(dict.fromkeys(named)), document.place(*pointer))
