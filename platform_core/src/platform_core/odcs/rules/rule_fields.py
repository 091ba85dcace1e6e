"""The fields of every rule: severity, scope, name, bounds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from hashlib import sha256
from typing import Any, get_args

from platform_core.contracts.bounds import Bounds, Scalar
from platform_core.contracts.model import Scope
from platform_core.diagnostics import Severity
from platform_core.odcs.custom_properties import text_property
from platform_core.source.cursor import Node
from platform_core.words import did_you_mean

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
SCOPES: tuple[Scope, ...] = get_args(Scope)

_ONE_BOUND: dict[str, Callable[[Any], Bounds]] = {
    "mustBe": lambda value: Bounds(equal=value),
    "mustNotBe": lambda value: Bounds(not_equal=value),
    "mustBeGreaterThan": lambda value: Bounds(minimum=value, minimum_exclusive=True),
    "mustBeGreaterOrEqualTo": lambda value: Bounds(minimum=value),
    "mustBeLessThan": lambda value: Bounds(maximum=value, maximum_exclusive=True),
    "mustBeLessOrEqualTo": lambda value: Bounds(maximum=value),
}
OPERATORS = (*_ONE_BOUND, "mustBeBetween", "mustNotBeBetween")


def read_severity(node: Node) -> Severity:
    """The custom property ``severity``, by default error."""
    found = text_property(node, "severity", SEVERITIES)
    return next((word for word in SEVERITIES if found and found.value == word), "error")


def severity_word(node: Node) -> Severity:
    """ODCS ``quality.severity`` (C055)."""
    declared = node.text("severity")
    if declared is None:
        return "error"
    for word in SEVERITIES:
        if declared.lower() == word:
            return word
    fix = did_you_mean(declared.lower(), SEVERITIES)
    node["severity"].error("C055", f'unknown severity "{declared}"', "error, warning or info", fix)
    return "error"


def read_scope(node: Node, partitioned: bool) -> Scope:
    """The custom property ``scope``, by default the whole product."""
    found = text_property(node, "scope", SCOPES)
    scope: Scope = next((word for word in SCOPES if found and found.value == word), "product")
    if scope == "partition" and not partitioned and found is not None:
        message = "the rule has the scope partition, but the table has no partitions"
        found.error("C051", message, "scope: product, or partitions", "Remove the scope.")
        return "product"
    return scope


def says_bound(node: Node) -> bool:
    """Whether a quality rule has a bound, right or wrong."""
    return any(key.startswith("must") for key in node.value)


def read_bounds(node: Node, count: bool) -> Bounds | None:
    """The ``mustBe...`` operator of a quality rule; None where there is none or it is wrong (C053).

    ``count``: the bounded value is a number of rows or a share of them.
    """
    found = [name for name in OPERATORS if node.get(name) is not None]
    if not found:
        return None
    name, value = found[0], node.get(found[0])
    if len(found) > 1:
        expected = "one mustBe... bound; mustBeBetween: [least, most] for two limits"
        node[found[1]].error("C053", f"both {found[0]} and {found[1]} are declared", expected, at_key=True)
        return None
    if name in _ONE_BOUND:
        number = isinstance(value, (int, float)) and not (count and isinstance(value, bool))
        text = isinstance(value, str) and not count and name in ("mustBe", "mustNotBe")
        if not number and not text:
            node[name].error("C053", f"{name} is not a number", "a number", "Write a number.")
            return None
        return _ONE_BOUND[name](value)
    pair = isinstance(value, list) and len(value) == 2
    if not pair or not all(isinstance(limit, (int, float)) for limit in value):
        node[name].error("C053", f"{name} is not a pair of numbers", f"{name}: [least, most]")
        return None
    low, high = value
    if low > high:
        message, fix = (
            f"the lower limit {low} of {name} is above the upper limit {high}",
            f"Write {name}: [{high}, {low}].",
        )
        node[name].error("C053", message, "the lower bound first", fix)
        return None
    return Bounds(minimum=low, maximum=high, outside=name == "mustNotBeBetween")


def typed(value: Any, logical_type: str | None) -> Scalar | None:
    """A value of the contract as a value of a column; None where the type does not fit.

    Dates and timestamps are text in YAML 1.2 and become ``date`` and ``datetime`` (aware ones in UTC);
    times stay text, ISO 8601.
    """
    match logical_type:
        case "integer":
            whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            return value if whole and not isinstance(value, bool) else None
        case "number":
            return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "string":
            return value if isinstance(value, str) else None
        case "date" | "timestamp" | "time":
            return _moment(value, logical_type) if isinstance(value, str) else None
    return value if isinstance(value, (str, int, float)) else None


def _moment(text: str, logical_type: str) -> Scalar | None:
    try:
        if logical_type == "date":
            return date.fromisoformat(text)
        if logical_type == "time":
            time.fromisoformat(text)
            return text
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment
    except OverflowError:
        return None


def own_name(node: Node, default: str) -> str:
    """The name of a rule: its own ``name``, else its ``id``, else ``default``; letters, digits and _."""
    words = (check_name(node.text(key) or "") for key in ("name", "id"))
    return next(filter(None, words), default)


def column_word(column: str) -> str:
    """A column's name as a part of a check's name; with a digest where letters are replaced."""
    word = check_name(column)
    return word if word == column else f"{word or 'column'}_{sha256(column.encode()).hexdigest()[:6]}"


def check_name(text: str) -> str:
    """Text as the name of a check: ``Row count!`` is ``row_count``; a usable name stays as it is."""
    if text.isascii() and text.replace("_", "a").isalnum():
        return text
    word = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in text.lower())
    return "_".join(word.split())
