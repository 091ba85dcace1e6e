"""Rules that follow from the columns: required, unique, key, enum, logicalTypeOptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from platform_core.contracts.bounds import Bounds, Scalar
from platform_core.contracts.model import Column, Rule, key_of
from platform_core.odcs.custom_properties import text_property
from platform_core.odcs.rules.rule_fields import column_word, typed
from platform_core.source.cursor import Node
from platform_core.sql.engine import pattern_fault

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
    return "__".join([kind, *map(column_word, columns)])


def column_rules(node: Node, column: Column) -> Iterator[Rule]:
    """The rules on the values of one column."""
    name = column.name
    if column.required:
        place = node.key_place("required" if node.get("required") is True else "primaryKey")
        yield Rule(join_name("not_null", name), "not_null", place, (name,))
    if column.unique:
        yield Rule(join_name("unique", name), "unique", node.key_place("unique"), (name,))
    if values := column_values([entry["value"] for entry in node.items("enum")], column):
        place = node.key_place("enum")
        yield Rule(join_name("accepted_values", name), "accepted_values", place, (name,), values=values)
    if node.get("logicalTypeOptions"):
        special = text_property(node, "specialFloats", ("allowed",)) is not None
        yield from _options(node["logicalTypeOptions"], column, special)


def key_rule(table: Node, columns: tuple[Column, ...]) -> Rule | None:
    """The primary key as one unique rule."""
    names = key_of(columns)
    if not names:
        return None
    first = next(index for index, column in enumerate(columns) if column.name == names[0])
    place = table.key_place("properties", first, "primaryKey")
    return Rule(join_name("unique", *names), "unique", place, names)


def column_value(node: Node, column: Column) -> Scalar | None:
    """A value of the contract in the column's type (C053)."""
    result = typed(node.value, column.logical_type)
    if result is None:
        message = f'"{node.value}" is not a value of "{column.name}", which is a {column.logical_type}'
        node.error("C053", message, _WRITTEN.get(column.logical_type or "", "a single value"))
    return result


def column_values(nodes: list[Node], column: Column) -> tuple[Scalar, ...]:
    """The values in the column's type, without null."""
    found = (column_value(value, column) for value in nodes if value.value is not None)
    return tuple(value for value in found if value is not None)


def _options(options: Node, column: Column, special: bool) -> Iterator[Rule]:
    place, name = options.key_place(), column.name
    if column.logical_type in _ORDERED:
        bounds = _range(options, column)
        if bounds is not None:
            yield Rule(
                join_name("range", name), "range", place, (name,), limits=replace(bounds, special=special)
            )
        step = options.get("multipleOf")
        if step is not None:
            at, limits = options.key_place("multipleOf"), Bounds(step=step, special=special)
            yield Rule(join_name("multiple_of", name), "range", at, (name,), limits=limits)
    low, high = options.get("minLength"), options.get("maxLength")
    if low is not None or high is not None:
        if low is not None and high is not None and low > high:
            _reversed(options, "minLength", low, "maxLength", high)
        else:
            bounds = Bounds(minimum=low, maximum=high)
            yield Rule(join_name("length", name), "length", place, (name,), limits=bounds)
    pattern = options.get("pattern")
    if pattern is not None and usable(options["pattern"]):
        at = options.key_place("pattern")
        yield Rule(join_name("pattern", name), "pattern", at, (name,), pattern=pattern)


def usable(pattern: Node) -> bool:
    """Whether a regular expression can be checked (C052)."""
    wrong = pattern_fault(pattern.value)
    if wrong is not None:
        expected = "a regular expression in RE2's syntax (no look-around, no back-references)"
        pattern.error("C052", f"the regular expression cannot be used: {wrong}", expected)
    return wrong is None


def _range(options: Node, column: Column) -> Bounds | None:
    limits: dict[str, Scalar] = {}
    exclusive = {"minimum": False, "maximum": False}
    named: dict[str, str] = {}
    for side, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        words = [word for word in (side, flag) if options.get(word) is not None]
        if isinstance(options.get(flag), bool):  # v3.0: a flag next to the limit
            exclusive[side] = options.get(flag)
            words.remove(flag)
        if len(words) > 1:
            message = f"both {side} and {flag} are declared"
            options[flag].error("C053", message, "one of the two", f"Remove {side}.", at_key=True)
        if not words:
            continue
        word = words[-1]
        value = column_value(options[word], column)
        if value is None:
            return None
        limits[side], named[side] = value, word
        exclusive[side] = exclusive[side] or word == flag
    if len(limits) == 2:
        low, high = limits["minimum"], limits["maximum"]
        if _after(low, high) or (low == high and any(exclusive.values())):
            _reversed(options, named["minimum"], low, named["maximum"], high)
            return None
    if not limits:
        return None
    return Bounds(limits.get("minimum"), limits.get("maximum"), exclusive["minimum"], exclusive["maximum"])


def _after(low: Scalar, high: Scalar) -> bool:
    if isinstance(low, datetime) and isinstance(high, datetime):
        low, high = low.replace(tzinfo=None), high.replace(tzinfo=None)
    try:
        return bool(low > high)  # type: ignore[operator]
    except TypeError:
        return False


def _reversed(options: Node, low_name: str, low: Any, high_name: str, high: Any) -> None:
    message = f"no value is between {low_name} {low} and {high_name} {high}"
    options[high_name].error("C053", message, f"{high_name} above {low_name}")
