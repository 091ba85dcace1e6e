"""Rules that follow from the columns themselves: required, unique, key, enum, logicalTypeOptions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from platform_core.contracts.bounds import Bounds, Scalar
from platform_core.contracts.faults import Faults
from platform_core.contracts.model import Column, Rule
from platform_core.contracts.patterns import complaint
from platform_core.contracts.terms import check_name, typed
from platform_core.source.document import Document

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaProperty

Where = tuple[str | int, ...]
_ORDERED = {"integer", "number", "date", "timestamp", "time"}
_WRITTEN = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text, in quotes if it looks like something else",
    "date": "a date, 2017-01-31",
    "timestamp": "a time, 2017-01-31T05:00:00",
    "time": "a time of day, 05:00:00",
}


def join_name(kind: str, *columns: str) -> str:
    """The name of a rule by kind and columns: ``unique__basket_id__product_id``."""
    return "__".join([kind, *(check_name(column) or "column" for column in columns)])


def column_rules(
    document: Document, item: SchemaProperty, where: Where, column: Column, faults: Faults
) -> Iterator[Rule]:
    """What one column demands of each of its values, and its uniqueness."""
    name = column.name
    if column.required:
        said = "required" if item.required else "primaryKey"
        yield Rule(join_name("not_null", name), "not_null", document.key_place(*where, said), (name,))
    if column.unique:
        yield Rule(join_name("unique", name), "unique", document.key_place(*where, "unique"), (name,))
    if item.enum:
        values = tuple(
            value
            for index, entry in enumerate(item.enum)
            if entry.value is not None
            and (
                value := column_value(document, entry.value, column, (*where, "enum", index, "value"), faults)
            )
            is not None
        )
        if values:
            place = document.key_place(*where, "enum")
            yield Rule(join_name("accepted_values", name), "accepted_values", place, (name,), values=values)
    if item.logicalTypeOptions:
        yield from _options(document, item.logicalTypeOptions, (*where, "logicalTypeOptions"), column, faults)


def key_rule(columns: tuple[Column, ...], document: Document, where: Where) -> Rule | None:
    """The primary key as one unique rule."""
    keyed = sorted(
        (c for c in columns if c.key_position is not None), key=lambda column: column.key_position or 0
    )
    if not keyed:
        return None
    names = tuple(column.name for column in keyed)
    place = document.key_place(*where, columns.index(keyed[0]), "primaryKey")
    return Rule(join_name("unique", *names), "unique", place, names)


def column_value(
    document: Document, value: Any, column: Column, where: Where, faults: Faults
) -> Scalar | None:
    """A value that the column is to hold, in the column's type (C053)."""
    result = typed(value, column.logical_type)
    if result is None:
        faults.error(
            "C053",
            f'"{value}" can be no value of "{column.name}", which is a {column.logical_type}',
            document.place(*where),
            expected=_WRITTEN.get(column.logical_type or "", "a single value"),
        )
    return result


def _options(
    document: Document, options: dict[str, Any], where: Where, column: Column, faults: Faults
) -> Iterator[Rule]:
    place = document.key_place(*where)
    name = column.name
    if column.logical_type in _ORDERED:
        bounds = _range(document, options, where, column, faults)
        if bounds is not None:
            yield Rule(join_name("range", name), "range", place, (name,), limits=bounds)
        step = options.get("multipleOf")
        if step is not None:
            quoted = '"' + name.replace('"', '""') + '"'
            yield Rule(
                join_name("multiple_of", name),
                "sql",
                document.key_place(*where, "multipleOf"),
                (name,),
                limits=Bounds(equal=0),
                query=f"SELECT count(*) FROM ${{table}} WHERE {quoted} % {step} <> 0",
            )
    low, high = options.get("minLength"), options.get("maxLength")
    if low is not None or high is not None:
        if low is not None and high is not None and low > high:
            _reversed(document, (*where, "maxLength"), "minLength", low, "maxLength", high, faults)
        else:
            bounds = Bounds(minimum=low, maximum=high)
            yield Rule(join_name("length", name), "length", place, (name,), limits=bounds)
    pattern = options.get("pattern")
    if pattern is not None and usable(document, pattern, (*where, "pattern"), faults):
        at = document.key_place(*where, "pattern")
        yield Rule(join_name("pattern", name), "pattern", at, (name,), pattern=pattern)


def usable(document: Document, pattern: str, where: Where, faults: Faults) -> bool:
    """Whether a regular expression can be checked (C052)."""
    wrong = complaint(pattern)
    if wrong is not None:
        faults.error(
            "C052",
            f"the regular expression cannot be used: {wrong}",
            document.place(*where),
            expected="a regular expression in RE2's syntax (no look-around, no back-references)",
        )
    return wrong is None


def _range(
    document: Document, options: dict[str, Any], where: Where, column: Column, faults: Faults
) -> Bounds | None:
    limits: dict[str, Scalar] = {}
    exclusive = {"minimum": False, "maximum": False}
    said: dict[str, str] = {}
    for side, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        words = [word for word in (side, flag) if options.get(word) is not None]
        if isinstance(options.get(flag), bool):  # v3.0: a flag beside the limit
            exclusive[side] = options[flag]
            words.remove(flag)
        if len(words) > 1:
            at = document.key_place(*where, flag)
            faults.error("C053", f"{side} and {flag} at once", at, "one of the two", f"Remove {side}.")
        if not words:
            continue
        word = words[-1]
        value = column_value(document, options[word], column, (*where, word), faults)
        if value is None:
            return None
        limits[side], said[side] = value, word
        exclusive[side] = exclusive[side] or word == flag
    if len(limits) == 2:
        low, high = limits["minimum"], limits["maximum"]
        if _after(low, high) or (low == high and any(exclusive.values())):
            _reversed(
                document, (*where, said["maximum"]), said["minimum"], low, said["maximum"], high, faults
            )
            return None
    if not limits:
        return None
    return Bounds(limits.get("minimum"), limits.get("maximum"), exclusive["minimum"], exclusive["maximum"])


def _after(low: Scalar, high: Scalar) -> bool:
    if isinstance(low, datetime) and isinstance(high, datetime):
        return low.replace(tzinfo=None) > high.replace(tzinfo=None)
    if isinstance(low, date) and isinstance(high, date):
        return low > high
    if isinstance(low, str) and isinstance(high, str):
        return low > high
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        return low > high
    return False


def _reversed(
    document: Document, where: Where, low_name: str, low: Any, high_name: str, high: Any, faults: Faults
) -> None:
    faults.error(
        "C053",
        f"no value is between {low_name} {low} and {high_name} {high}",
        document.place(*where),
        expected=f"{high_name} above {low_name}",
    )
