"""What every rule has: a severity, a scope, a name, bounds."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any, get_args

from platform_core.contracts.bounds import Bounds, Scalar
from platform_core.contracts.faults import Faults
from platform_core.contracts.model import Scope
from platform_core.contracts.properties import text_property
from platform_core.errors import Severity
from platform_core.source.document import Document
from platform_core.words import did_you_mean

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
SCOPES: tuple[Scope, ...] = get_args(Scope)

Where = tuple[str | int, ...]
_ONE_BOUND = {
    "mustBe": ("equal", False),
    "mustNotBe": ("not_equal", False),
    "mustBeGreaterThan": ("minimum", True),
    "mustBeGreaterOrEqualTo": ("minimum", False),
    "mustBeLessThan": ("maximum", True),
    "mustBeLessOrEqualTo": ("maximum", False),
}
OPERATORS = (*_ONE_BOUND, "mustBeBetween", "mustNotBeBetween")


def read_severity(document: Document, where: Where, faults: Faults) -> Severity:
    """The custom property ``severity``; error where it is not said."""
    found = text_property(document, where, "severity", faults, SEVERITIES)
    return next((word for word in SEVERITIES if found and found[0] == word), "error")


def severity_word(said: str | None, document: Document, where: Where, faults: Faults) -> Severity:
    """ODCS ``quality.severity`` (C055)."""
    if said is None:
        return "error"
    for word in SEVERITIES:
        if said.lower() == word:
            return word
    faults.error(
        "C055",
        f'"{said}" is no severity',
        document.place(*where, "severity"),
        expected="error, warning or info",
        fix=did_you_mean(said.lower(), SEVERITIES),
    )
    return "error"


def read_scope(document: Document, where: Where, partitioned: bool, faults: Faults) -> Scope:
    """The custom property ``scope``; the whole product where it is not said."""
    found = text_property(document, where, "scope", faults, SCOPES)
    scope: Scope = next((word for word in SCOPES if found and found[0] == word), "product")
    if scope == "partition" and not partitioned and found is not None:
        faults.error(
            "C051",
            "the rule is about a partition of a table that has none",
            found[1],
            expected="scope: product, or a grid of partitions",
            fix="Remove the scope.",
        )
        return "product"
    return scope


def read_bounds(document: Document, where: Where, count: bool, faults: Faults) -> Bounds | None:
    """The ``mustBe...`` operator of a quality rule; None where there is none or it is wrong (C053).

    ``count``: the bounded value is a number of rows or a share of them.
    """
    entry = document.at(*where)
    said = [name for name in OPERATORS if entry.get(name) is not None]
    if not said:
        return None
    name = said[0]
    value, place = entry[name], document.place(*where, name)
    if len(said) > 1:
        expected = "one of the mustBe... bounds; two limits are mustBeBetween: [least, most]"
        faults.error(
            "C053", f"{said[0]} and {said[1]} at once", document.key_place(*where, said[1]), expected
        )
        return None
    if name in _ONE_BOUND:
        field, exclusive = _ONE_BOUND[name]
        if not isinstance(value, (int, float)) and (count or not isinstance(value, str)):
            faults.error("C053", f"{name} is no number", place, "a number", "Write a number.")
            return None
        if count and isinstance(value, bool):
            faults.error("C053", f"{name} is no number", place, "a number", "Write a number.")
            return None
        match field:
            case "minimum":
                return Bounds(minimum=value, minimum_exclusive=exclusive)
            case "maximum":
                return Bounds(maximum=value, maximum_exclusive=exclusive)
            case "equal":
                return Bounds(equal=value)
        return Bounds(not_equal=value)
    low, high = value
    if low > high:
        faults.error(
            "C053",
            f"{name} runs from {low} down to {high}",
            place,
            expected="the lower bound first",
            fix=f"Write {name}: [{high}, {low}].",
        )
        return None
    return Bounds(minimum=low, maximum=high, outside=name == "mustNotBeBetween")


def typed(value: Any, logical_type: str | None) -> Scalar | None:
    """A value of the contract as a value of a column; None where it is not one.

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


def own_name(document: Document, where: Where, default: str) -> str:
    """The name of a rule: its own ``name``, else its ``id``, else ``default``; letters, digits and _."""
    entry = document.at(*where)
    for key in ("name", "id"):
        said = entry.get(key)
        if isinstance(said, str):
            word = check_name(said)
            if word:
                return word
    return default


def check_name(text: str) -> str:
    """Text as the name of a check: ``Row count!`` is ``row_count``; a usable name stays as it is."""
    if text.isascii() and text.replace("_", "a").isalnum():
        return text
    word = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in text.lower())
    return "_".join(word.split())
