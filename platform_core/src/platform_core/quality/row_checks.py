"""Rules about single rows as SQL conditions for violating rows, so that one scan counts many rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal

import duckdb

from platform_core.contracts.bounds import Bounds, Scalar
from platform_core.contracts.model import Rule
from platform_core.lake.errors import sentence
from platform_core.sql.engine import pattern_fault, trial
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.types import family
from platform_core.words import listed

Columns = Mapping[str, str]
"""The DuckDB types of a relation's columns by name."""

_FLOATS = ("DOUBLE", "FLOAT")
ROW_KINDS = frozenset({"not_null", "accepted_values", "range", "length", "pattern", "disclosure"})


class NotApplicable(Exception):
    """A rule that does not fit the table: a column is missing, or a type is wrong."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def violation(rule: Rule, columns: Columns) -> str:
    """SQL that is true for a row that breaks the rule, and false or NULL for any other. It cannot fail while
    it runs, because an error would abort the open transaction. Raises NotApplicable."""
    require(rule, columns)
    name = rule.columns[0]
    column, kind = quoted(name), columns[name]
    match rule.kind:
        case "not_null":
            missing = [f"{column} IS NULL"]
            if rule.missing_values:
                missing.append(f"{column} IN ({constants(rule.missing_values, kind)})")
            return " OR ".join(missing)
        case "accepted_values":
            return f"{column} NOT IN ({constants(rule.values, kind)})"
        case "disclosure":
            if family(kind) != "integer":
                raise NotApplicable(f'"{name}" is {kind}, not a count')
            return f"{column} IS NULL OR {_beyond(column, rule.limits or Bounds(), literal)}"
        case "range":
            return _out_of_range(column, kind, rule.limits or Bounds())
        case "length":
            measured = f"length({column})" if family(kind) == "string" else f"length({column}::VARCHAR)"
            return _beyond(measured, rule.limits or Bounds(), literal)
        case "pattern":
            text = column if kind == "VARCHAR" else f"{column}::VARCHAR"
            if wrong := pattern_fault(rule.pattern or ""):
                raise NotApplicable(f"the pattern is not a regular expression: {wrong}")
            return f"NOT regexp_matches({text}, {literal(rule.pattern or '')})"
        case _:
            raise NotApplicable(f"a rule of kind {rule.kind} is not about single rows")


def require(rule: Rule, columns: Columns) -> None:
    """Raise NotApplicable if the table lacks a column of the rule."""
    missing = [f'"{name}"' for name in rule.columns if name not in columns]
    if missing:
        raise NotApplicable(f"the table has no column {listed(missing)}")


def constant(value: Scalar, kind: str) -> str:
    """A value of the contract as a constant to compare with a column of a type. Raises NotApplicable if the
    type does not have the value. Numbers are not cast: 0.5 as a column's BIGINT would be another limit."""
    is_numeric = family(kind) in ("integer", "number")
    if is_numeric and isinstance(value, int | float) and not isinstance(value, bool):
        return literal(value)
    cast = f"CAST({literal(value)} AS {'DOUBLE' if is_numeric else kind})"
    try:
        # Outside of the transaction, which an error would abort.
        trial().execute(f"SELECT {cast}")
    except duckdb.Error as error:
        raise NotApplicable(f"{json.dumps(str(value))} is not a {kind}: {sentence(error)}") from error
    return cast


def constants(values: tuple[Scalar, ...], kind: str) -> str:
    return ", ".join(constant(value, kind) for value in values)


def _out_of_range(column: str, kind: str, bounds: Bounds) -> str:
    beyond = _beyond(column, bounds, lambda value: constant(value, kind))
    if bounds.step is not None:
        if family(kind) not in ("integer", "number"):
            raise NotApplicable(f"{column} is {kind}, which has no multiples")
        step = f"{Decimal(str(bounds.step)):f}"
        multiple = f"TRY({column} % {step} = 0)"
        if kind in _FLOATS:  # 4.02 is a multiple of 0.01 as a decimal, but not as it is stored
            exact = f"TRY_CAST({column} AS DECIMAL(38, {len(step.partition('.')[2])}))"
            multiple = f"TRY({exact} % {step} = 0 AND {exact} = {column})"
        beyond = f"({beyond}) OR NOT {multiple}"
    if kind not in _FLOATS:
        return beyond
    # DuckDB orders NaN above every number; here it is out of range unless special values are allowed.
    return f"isfinite({column}) AND ({beyond})" if bounds.special else f"NOT isfinite({column}) OR {beyond}"


def _beyond(measured: str, bounds: Bounds, write: Callable[[Scalar], str]) -> str:
    parts = []
    if bounds.minimum is not None:
        parts.append(f"{measured} {'<=' if bounds.minimum_exclusive else '<'} {write(bounds.minimum)}")
    if bounds.maximum is not None:
        parts.append(f"{measured} {'>=' if bounds.maximum_exclusive else '>'} {write(bounds.maximum)}")
    beyond = " OR ".join(parts) or "false"
    if bounds.outside:
        beyond = f"NOT ({beyond})"
    if bounds.equal is not None:
        beyond = f"({beyond}) OR {measured} <> {write(bounds.equal)}"
    if bounds.not_equal is not None:
        beyond = f"({beyond}) OR {measured} = {write(bounds.not_equal)}"
    return beyond
