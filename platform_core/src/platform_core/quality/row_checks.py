"""A rule as SQL: what a violating row is, so that one scan can count for many rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal

import duckdb

from platform_core.contracts.bounds import Bounds, Scalar
from platform_core.contracts.model import Rule
from platform_core.lake.errors import sentence
from platform_core.sql.engine import trial
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.regular_expressions import complaint
from platform_core.sql.types import family
from platform_core.words import listed

Columns = Mapping[str, str]
"""Names of a relation's columns and their DuckDB types."""

_FLOATS = ("DOUBLE", "FLOAT")
ROW_KINDS = frozenset({"not_null", "accepted_values", "range", "length", "pattern", "disclosure"})


class NotApplicable(Exception):
    """A rule that cannot be asked of this table: a column is missing, or a type does not fit."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def violation(rule: Rule, columns: Columns) -> str:
    """SQL that is true for a row that breaks the rule, false or NULL for any other.

    The expression cannot fail while it runs: an error there would abort the open transaction.
    Raises NotApplicable.
    """
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
                raise NotApplicable(f'"{name}" is {kind}, which counts nobody')
            return f"{column} IS NULL OR {_beyond(column, rule.limits or Bounds(), literal)}"
        case "range":
            return _out_of_range(column, kind, rule.limits or Bounds())
        case "length":
            measured = f"length({column})" if family(kind) == "string" else f"length({column}::VARCHAR)"
            return _beyond(measured, rule.limits or Bounds(), literal)
        case "pattern":
            words = column if kind == "VARCHAR" else f"{column}::VARCHAR"
            if wrong := complaint(rule.pattern or ""):
                raise NotApplicable(f"the pattern is not a regular expression: {wrong}")
            return f"NOT regexp_matches({words}, {literal(rule.pattern or '')})"
        case _:
            raise NotApplicable(f"a rule of kind {rule.kind} is not about single rows")


def require(rule: Rule, columns: Columns) -> None:
    """Raises NotApplicable where the table lacks a column of the rule."""
    missing = [f'"{name}"' for name in rule.columns if name not in columns]
    if missing:
        raise NotApplicable(f"the table has no column {listed(missing)}")


def constant(value: Scalar, kind: str) -> str:
    """A value of the contract as a constant to compare with a column of a type.

    Numbers stay as they are written: 0.5 cast to a column's BIGINT would be another limit. Raises
    NotApplicable where the value is none of the type's.
    """
    if family(kind) in ("integer", "number"):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return literal(value)
        words = f"CAST({literal(value)} AS DOUBLE)"
    else:
        words = f"CAST({literal(value)} AS {kind})"
    try:
        # Outside of the transaction, which an error would abort.
        trial().execute(f"SELECT {words}")
    except duckdb.Error as error:
        raise NotApplicable(f"{json.dumps(str(value))} is no {kind}: {sentence(error)}") from error
    return words


def constants(values: tuple[Scalar, ...], kind: str) -> str:
    return ", ".join(constant(value, kind) for value in values)


def _out_of_range(column: str, kind: str, bounds: Bounds) -> str:
    beyond = _beyond(column, bounds, lambda value: constant(value, kind))
    if bounds.step is not None:
        if family(kind) not in ("integer", "number"):
            raise NotApplicable(f"{column} is {kind}, which is a multiple of nothing")
        step = f"{Decimal(str(bounds.step)):f}"
        multiple = f"TRY({column} % {step} = 0)"
        if kind in _FLOATS:  # 4.02 is 402 times 0.01 as it is written, and not as it is stored
            exact = f"TRY_CAST({column} AS DECIMAL(38, {len(step.partition('.')[2])}))"
            multiple = f"TRY({exact} % {step} = 0 AND {exact} = {column})"
        beyond = f"({beyond}) OR NOT {multiple}"
    if kind not in _FLOATS:
        return beyond
    # In an order NaN is above everything, and out of range it is on no side.
    return f"isfinite({column}) AND ({beyond})" if bounds.special else f"NOT isfinite({column}) OR {beyond}"


def _beyond(measured: str, bounds: Bounds, write: Callable[[Scalar], str]) -> str:
    """SQL that is true where a value is beyond its bounds."""
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
