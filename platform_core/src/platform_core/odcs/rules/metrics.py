"""Rules of ``quality``: the standard's metrics, and SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import Column, Rule
from platform_core.odcs.custom_properties import Level, check_properties
from platform_core.odcs.rules.column_rules import column_values, join_name, usable
from platform_core.odcs.rules.rule_fields import own_name, read_bounds, read_scope, says_bound, severity_word
from platform_core.odcs.rules.sql_rules import query_rule
from platform_core.source.cursor import Node
from platform_core.words import did_you_mean, listed

# The names in v3.0.
_FORMER = {
    "duplicateCount": "duplicateValues",
    "validValues": "invalidValues",
    "nullCheck": "nullValues",
    "nullCount": "nullValues",
}
_ARGUMENTS = {
    "nullValues": (),
    "missingValues": ("missingValues",),
    "invalidValues": ("validValues", "pattern"),
    "duplicateValues": ("properties",),
    "rowCount": (),
}


def quality_rule(
    node: Node, column: Column | None, columns: tuple[Column, ...], partitioned: bool
) -> Rule | None:
    """One quality entry as a rule; None for text, for other engines and for a wrong entry.

    ``column`` is the column of the entry, None for an entry of the schema object.
    """
    metric = node.text("metric") or node.text("rule")
    kind = node.text("type") or ("library" if metric else None)
    if kind in {"text", "custom"}:
        return None
    check_properties(node, Level.QUALITY)
    base = Rule(
        name=own_name(node, ""),
        kind="sql",
        place=node.place("name" if node.text("name") else "metric" if node.text("metric") else "type"),
        columns=(column.name,) if column else (),
        severity=severity_word(node),
        scope=read_scope(node, partitioned),
        description=node.text("description") or "",
    )
    if kind == "sql":
        return query_rule(node, base)
    metric = _FORMER.get(metric or "", metric)
    if metric is None or metric not in _ARGUMENTS:
        node["rule" if metric else ""].error(
            "C051",
            "the rule has neither metric nor type" if metric is None else f'unknown metric "{metric}"',
            f"metric: one of {listed(tuple(_ARGUMENTS))}; or type: sql, text or custom",
            did_you_mean(metric, _ARGUMENTS) if metric else "Add metric: <metric> or type: text.",
        )
        return None
    _check_unit(node, metric)
    arguments = node["arguments"]
    known = _ARGUMENTS[metric] if not (metric == "duplicateValues" and column is not None) else ()
    if arguments.value and not arguments.has_only(known, "C051", f"the metric {metric}"):
        return None
    entry = _Entry(node, column, columns, base)
    if metric in _OF_ANY:
        return _OF_ANY[metric](entry)
    if column is None:
        message = f"{metric} is a metric of a column, but is declared on the schema object"
        node["metric"].error(
            "C051", message, "the rule under a property", "Move it to quality of the property."
        )
    allowed = entry.allowed()
    return _OF_COLUMNS[metric](entry, column, allowed) if column is not None and allowed is not None else None


@dataclass(frozen=True, slots=True)
class _Entry:
    node: Node
    column: Column | None
    columns: tuple[Column, ...]
    base: Rule

    def argument(self, name: str) -> Node:
        """An argument, which v3.0 has in the entry itself."""
        found = self.node["arguments"][name]
        return found if found.value is not None else self.node[name]

    def rule(self, name: str, **fields: Any) -> Rule:
        return replace(self.base, name=self.base.name or name, **fields)

    def allowed(self) -> Bounds | None:
        node = self.node
        bounds = read_bounds(node, True)
        if bounds is None:
            return None if says_bound(node) else Bounds(maximum=0)
        percent = (node.text("unit") or "rows").lower() in {"percent", "%"}
        most = 100 if percent else float("inf")
        for value in (bounds.minimum, bounds.maximum, bounds.equal):
            if isinstance(value, (int, float)) and not 0 <= value <= most:
                expected = "0 to 100 percent" if percent else "zero or more rows"
                node.error("C053", f"{value} is not a count", expected)
                return None
        return replace(bounds, unit="percent" if percent else "rows")


def _null_values(entry: _Entry, column: Column, allowed: Bounds) -> Rule | None:
    return entry.rule(join_name("not_null", column.name), kind="not_null", allowed=allowed)


def _missing_values(entry: _Entry, column: Column, allowed: Bounds) -> Rule | None:
    missing = entry.argument("missingValues")
    if not isinstance(missing.value, list) or not missing.value:
        message = "missingValues has no list of values"
        fix = 'Write arguments: {missingValues: ["", "n/a"]}.'
        entry.node["arguments"].error("C051", message, "arguments: {missingValues: [...]}", fix)
        return None
    values = column_values(missing.elements(), column)
    return entry.rule(
        join_name("missing_values", column.name), kind="not_null", allowed=allowed, missing_values=values
    )


def _invalid_values(entry: _Entry, column: Column, allowed: Bounds) -> Rule | None:
    valid, pattern = entry.argument("validValues"), entry.argument("pattern")
    if (valid.value is None) == (pattern.value is None):
        entry.node["arguments"].error(
            "C051",
            "invalidValues has neither validValues nor a pattern"
            if valid.value is None
            else "invalidValues has both validValues and a pattern",
            "arguments: {validValues: [...]} or arguments: {pattern: ...}",
        )
        return None
    if pattern.value is not None:
        if not isinstance(pattern.value, str):
            pattern.error("C051", "the pattern is not text", "a regular expression")
            return None
        if not usable(pattern):
            return None
        return entry.rule(
            join_name("pattern", column.name), kind="pattern", allowed=allowed, pattern=pattern.value
        )
    if not isinstance(valid.value, list) or not valid.value:
        valid.error("C051", "validValues is not a list of values", "a list, not empty")
        return None
    values = column_values(valid.elements(), column)
    return entry.rule(
        join_name("accepted_values", column.name), kind="accepted_values", allowed=allowed, values=values
    )


def _duplicate_values(entry: _Entry) -> Rule | None:
    allowed = entry.allowed()
    properties = entry.argument("properties")
    names: tuple[str, ...]
    if entry.column is not None:
        names = (entry.column.name,)
    elif properties.value and all(isinstance(item.value, str) for item in properties.elements()):
        names = tuple(item.value for item in properties.elements())
        known = [column.name for column in entry.columns]
        wrong = [item for item in properties.elements() if item.value not in known]
        for item in wrong:
            item.error("C050", f'unknown column "{item.value}"', known=known)
        if len(set(names)) < len(names):
            properties.error("C051", "duplicate column", "each once")
        if wrong or len(set(names)) < len(names):
            return None
    else:
        message = "duplicateValues on a schema object has no properties"
        entry.node["arguments"].error("C051", message, "arguments: {properties: [<column>, ...]}")
        return None
    if allowed is None:
        return None
    return entry.rule(join_name("unique", *names), kind="unique", columns=names, allowed=allowed)


def _row_count(entry: _Entry) -> Rule | None:
    node = entry.node
    if entry.column is not None:
        message = f'rowCount is a metric of the table, but is declared on the column "{entry.column.name}"'
        node["metric"].error(
            "C051", message, "the rule on the schema object", "Move it to quality of the schema object."
        )
        return None
    limits = read_bounds(node, True)
    if limits is None:
        if not says_bound(node):
            node.error("C051", "rowCount has no bound", "mustBeGreaterThan: 0, for example")
        return None
    value = limits.maximum if limits.maximum is not None else limits.equal
    if isinstance(value, (int, float)) and (value < 0 or (value == 0 and limits.maximum_exclusive)):
        node.error("C053", "no table has fewer than zero rows", "a bound above zero")
        return None
    return entry.rule("row_count", kind="row_count", limits=limits)


_OF_COLUMNS: dict[str, Callable[[_Entry, Column, Bounds], Rule | None]] = {
    "nullValues": _null_values,
    "missingValues": _missing_values,
    "invalidValues": _invalid_values,
}
_OF_ANY: dict[str, Callable[[_Entry], Rule | None]] = {
    "duplicateValues": _duplicate_values,
    "rowCount": _row_count,
}


def _check_unit(node: Node, metric: str) -> None:
    unit, at = node.text("unit"), node["unit"]
    if unit is None:
        return
    if unit.lower() not in {"rows", "percent", "%"}:
        fix = did_you_mean(unit.lower(), ["rows", "percent"])
        at.error("C055", f'unknown unit "{unit}"', "rows or percent", fix)
    elif metric == "rowCount" and unit.lower() != "rows":
        at.error("C051", "a row count has no percentage", "unit: rows", "Remove unit.")
