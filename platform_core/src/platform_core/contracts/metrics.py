"""Rules of ``quality``: the standard's library of metrics, and SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from platform_core.contracts.bounds import Bounds, Scalar
from platform_core.contracts.constraints import column_value, join_name, usable
from platform_core.contracts.faults import Faults
from platform_core.contracts.model import Column, Rule
from platform_core.contracts.properties import Level, check_properties
from platform_core.contracts.queries import query_rule
from platform_core.contracts.terms import own_name, read_bounds, read_scope, severity_word
from platform_core.source.document import Document
from platform_core.words import did_you_mean, listed

if TYPE_CHECKING:
    from open_data_contract_standard.model import DataQuality

Where = tuple[str | int, ...]
# What v3.0 called them.
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
    document: Document,
    item: DataQuality,
    where: Where,
    column: Column | None,
    columns: tuple[Column, ...],
    partitioned: bool,
    faults: Faults,
) -> Rule | None:
    """One quality entry as a rule; None for prose, for other engines and for what is wrong.

    ``column`` is the column that the entry stands on, None for the schema object's own.
    """
    metric = item.metric or item.rule
    kind = item.type or ("library" if metric else None)
    if kind in {"text", "custom"}:
        return None
    check_properties(document, where, Level.QUALITY, faults)
    base = Rule(
        name=own_name(document, where, ""),
        kind="sql",
        place=document.place(*where, "name" if item.name else "metric" if item.metric else "type"),
        columns=(column.name,) if column else (),
        severity=severity_word(item.severity, document, where, faults),
        scope=read_scope(document, where, partitioned, faults),
        description=item.description or "",
    )
    if kind == "sql":
        return query_rule(document, item, where, base, faults)
    metric = _FORMER.get(metric or "", metric)
    build = _METRICS.get(metric or "")
    if build is None:
        faults.error(
            "C051",
            "a rule that says neither a metric nor its type" if metric is None else f'no metric "{metric}"',
            document.place(*where, "rule" if metric else ""),
            expected=f"metric: one of {listed(tuple(_METRICS))}; or type: sql, text or custom",
            fix=did_you_mean(metric, _METRICS) if metric else "Add type: text to keep it for people.",
        )
        return None
    _unit(document, item, where, metric or "", faults)
    if not _arguments_known(document, item, where, metric or "", column, faults):
        return None
    return build(_Entry(document, item, where, column, columns, faults), base)


class _Entry:
    """A quality entry with all that its rule is made from."""

    def __init__(
        self,
        document: Document,
        item: DataQuality,
        where: Where,
        column: Column | None,
        columns: tuple[Column, ...],
        faults: Faults,
    ) -> None:
        self.document, self.item, self.where = document, item, where
        self.column, self.columns, self.faults = column, columns, faults

    def error(
        self, code: str, message: str, *at: str | int, expected: str | None = None, fix: str | None = None
    ) -> None:
        self.faults.error(code, message, self.document.place(*self.where, *at), expected, fix)

    def argument(self, name: str) -> tuple[Any, Where]:
        """An argument and its pointer; v3.0 had them beside the rule."""
        found = (self.item.arguments or {}).get(name)
        if found is not None:
            return found, (*self.where, "arguments", name)
        return self.document.at(*self.where, name), (*self.where, name)

    def allowed(self) -> Bounds | None:
        bounds = read_bounds(self.document, self.where, True, self.faults)
        if bounds is None:
            said = any(key.startswith("must") for key in self.document.at(*self.where))
            return None if said else Bounds(maximum=0)
        percent = (self.item.unit or "rows").lower() in {"percent", "%"}
        most = 100 if percent else float("inf")
        for value in (bounds.minimum, bounds.maximum, bounds.equal):
            if isinstance(value, (int, float)) and not 0 <= value <= most:
                expected = "0 to 100 percent" if percent else "zero or more rows"
                self.error("C053", f"{value} cannot be counted", expected=expected)
                return None
        return replace(bounds, unit="percent" if percent else "rows")

    def on_column(self, metric: str) -> Column | None:
        if self.column is None:
            self.error(
                "C051",
                f"{metric} is about a column, but stands on the schema object",
                "metric",
                expected="the rule under the property that it is about",
                fix="Move it to quality of that property.",
            )
        return self.column


def _null_values(entry: _Entry, base: Rule) -> Rule | None:
    column, allowed = entry.on_column("nullValues"), entry.allowed()
    if column is None or allowed is None:
        return None
    return replace(
        base, name=base.name or join_name("not_null", column.name), kind="not_null", allowed=allowed
    )


def _missing_values(entry: _Entry, base: Rule) -> Rule | None:
    column, allowed = entry.on_column("missingValues"), entry.allowed()
    if column is None or allowed is None:
        return None
    said, at = entry.argument("missingValues")
    if not isinstance(said, list) or not said:
        entry.error(
            "C051",
            "missingValues does not say which values count as missing",
            "arguments",
            expected="arguments: {missingValues: [...]}",
            fix='Write arguments: {missingValues: ["", "n/a"]}.',
        )
        return None
    values = _values(entry, said, at, column)
    name = base.name or join_name("missing_values", column.name)
    return replace(base, name=name, kind="not_null", allowed=allowed, missing_values=values)


def _invalid_values(entry: _Entry, base: Rule) -> Rule | None:
    column, allowed = entry.on_column("invalidValues"), entry.allowed()
    if column is None or allowed is None:
        return None
    valid, at = entry.argument("validValues")
    pattern, pattern_at = entry.argument("pattern")
    if (valid is None) == (pattern is None):
        entry.error(
            "C051",
            "invalidValues says neither which values are valid nor a pattern"
            if valid is None
            else "invalidValues says both validValues and a pattern",
            "arguments",
            expected="arguments: {validValues: [...]} or arguments: {pattern: ...}",
        )
        return None
    if pattern is not None:
        if not isinstance(pattern, str):
            place = entry.document.place(*pattern_at)
            entry.faults.error("C051", "the pattern is no text", place, "a regular expression")
            return None
        if not usable(entry.document, pattern, pattern_at, entry.faults):
            return None
        name = base.name or join_name("pattern", column.name)
        return replace(base, name=name, kind="pattern", allowed=allowed, pattern=pattern)
    if not isinstance(valid, list) or not valid:
        place = entry.document.place(*at)
        entry.faults.error("C051", "validValues is no list of values", place, "a list, not empty")
        return None
    values = _values(entry, valid, at, column)
    name = base.name or join_name("accepted_values", column.name)
    return replace(base, name=name, kind="accepted_values", allowed=allowed, values=values)


def _duplicate_values(entry: _Entry, base: Rule) -> Rule | None:
    allowed = entry.allowed()
    said, at = entry.argument("properties")
    names: tuple[str, ...]
    if entry.column is not None:
        names = (entry.column.name,)
    elif isinstance(said, list) and said and all(isinstance(name, str) for name in said):
        names = tuple(said)
        known = [column.name for column in entry.columns]
        wrong = [(index, name) for index, name in enumerate(names) if name not in known]
        for index, name in wrong:
            place = entry.document.place(*at, index)
            fix = did_you_mean(name, known)
            entry.faults.error("C050", f'"{name}" is no column', place, f"one of {listed(known)}", fix)
        if len(set(names)) < len(names):
            entry.faults.error("C051", "a column is named twice", entry.document.place(*at), "each once")
            return None
        if wrong:
            return None
    else:
        entry.error(
            "C051",
            "duplicateValues on a schema object does not say of which columns",
            "arguments",
            expected="arguments: {properties: [<column>, ...]}",
        )
        return None
    if allowed is None:
        return None
    name = base.name or join_name("unique", *names)
    return replace(base, name=name, kind="unique", columns=names, allowed=allowed)


def _row_count(entry: _Entry, base: Rule) -> Rule | None:
    if entry.column is not None:
        entry.error(
            "C051",
            f'rowCount is about the table, but stands on the column "{entry.column.name}"',
            "metric",
            expected="the rule under quality of the schema object",
            fix="Move it there.",
        )
        return None
    limits = read_bounds(entry.document, entry.where, True, entry.faults)
    if limits is None:
        if not any(key.startswith("must") for key in entry.document.at(*entry.where)):
            entry.error("C051", "rowCount says no bound", expected="mustBeGreaterThan: 0, for example")
        return None
    value = limits.maximum if limits.maximum is not None else limits.equal
    if isinstance(value, (int, float)) and (value < 0 or (value == 0 and limits.maximum_exclusive)):
        entry.error("C053", "no table has fewer than zero rows", expected="a bound above zero")
        return None
    return replace(base, name=base.name or "row_count", kind="row_count", limits=limits)


_METRICS: dict[str, Callable[[_Entry, Rule], Rule | None]] = {
    "nullValues": _null_values,
    "missingValues": _missing_values,
    "invalidValues": _invalid_values,
    "duplicateValues": _duplicate_values,
    "rowCount": _row_count,
}


def _values(entry: _Entry, said: list[Any], at: Where, column: Column) -> tuple[Scalar, ...]:
    """The values of a list that are no null; null is missing anyway."""
    found = (
        column_value(entry.document, value, column, (*at, index), entry.faults)
        for index, value in enumerate(said)
        if value is not None
    )
    return tuple(value for value in found if value is not None)


def _unit(document: Document, item: DataQuality, where: Where, metric: str, faults: Faults) -> None:
    if item.unit is None:
        return
    place = document.place(*where, "unit")
    if item.unit.lower() not in {"rows", "percent", "%"}:
        fix = did_you_mean(item.unit.lower(), ["rows", "percent"])
        faults.error("C055", f'"{item.unit}" is no unit of a metric', place, "rows or percent", fix)
    elif metric == "rowCount" and item.unit.lower() != "rows":
        faults.error("C051", "a number of rows is not a share", place, "unit: rows", "Remove unit.")


def _arguments_known(
    document: Document, item: DataQuality, where: Where, metric: str, column: Column | None, faults: Faults
) -> bool:
    known = _ARGUMENTS[metric] if not (metric == "duplicateValues" and column is not None) else ()
    wrong = [name for name in item.arguments or {} if name not in known]
    for name in wrong:
        faults.error(
            "C051",
            f'{metric} knows no argument "{name}"',
            document.key_place(*where, "arguments", name),
            expected=listed(known) or "no arguments",
            fix=did_you_mean(name, known),
        )
    return not wrong
