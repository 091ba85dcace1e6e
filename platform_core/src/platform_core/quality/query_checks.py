"""Rules with their own query: schema, row count, uniqueness, references, recency, custom SQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from platform_core.contracts.bounds import NONE_ALLOWED
from platform_core.contracts.model import Column, DataProduct, Reference, Rule, RuleKind, Scope
from platform_core.lake.transaction import number, one
from platform_core.quality.outcome import Sample
from platform_core.quality.row_checks import NotApplicable, require
from platform_core.quality.samples import LIMIT, fetch, sample_columns
from platform_core.quality.uniqueness import repeated
from platform_core.sql.allowed import NotAllowed, tables_read
from platform_core.sql.plan import require_reads
from platform_core.sql.quoting import quoted, unlike
from platform_core.sql.times import microseconds, moment
from platform_core.sql.types import describe, family, is_type
from platform_core.words import listed

_PLAIN_TYPE = re.compile(r"[A-Z_ ]+(\(\d+(,\d+)?\))?(\[\])*")
_NUMERIC = {"integer", "number"}
_TABLE = "__table"


@dataclass(slots=True)
class CheckQuery:
    """The table that the rules check, and its context."""

    connection: duckdb.DuckDBPyConnection
    product: DataProduct | None
    columns: dict[str, str]
    resolve: Callable[[str], str | None]
    until: datetime
    scopes: dict[Scope, str]
    rows: dict[Scope, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """Counted violations, or one observed number; ``condition`` is SQL that is true for violating rows."""

    violations: int | None = None
    observed: Any = None
    passed: bool | None = None
    condition: str | None = None
    sample: Sample = ()
    message: str = ""
    plain: bool = False
    """Whether the message has only names of the contract and counts."""


def ask(asked: CheckQuery, rule: Rule) -> CheckAnswer:
    """Check one rule. Raises NotApplicable, and duckdb.Error for a fault of the engine."""
    return _QUESTIONS[rule.kind](asked, rule)


def _schema(asked: CheckQuery, rule: Rule) -> CheckAnswer:
    declared = {column.name: column for column in (asked.product.columns if asked.product else ())}
    faults = [f'"{name}" is missing' for name in declared if name not in asked.columns]
    extra = {name: kind for name, kind in asked.columns.items() if name not in declared}
    faults += [f'"{name}" ({kind}) is not in the contract' for name, kind in extra.items()]
    for name, column in declared.items():
        if name in asked.columns and (expected := other_type(column, asked.columns[name])):
            faults.append(f'"{name}" is {asked.columns[name]} instead of {expected}')
    message = f"columns differ from the contract: {listed(faults)}"
    # The name of a column, and a type such as ENUM, may contain values.
    plain = not extra and all(map(_PLAIN_TYPE.fullmatch, asked.columns.values()))
    return CheckAnswer(violations=len(faults), message=message, plain=plain)


def other_type(column: Column, kind: str) -> str | None:
    """The type that the contract declares, if a column has another one."""
    if column.physical_type:
        return None if is_type(kind, column.physical_type) else column.physical_type
    logical = column.logical_type
    if logical is None or logical in ("object", "array"):
        return None
    found = family(kind)
    return None if found == logical or (logical, found) == ("number", "integer") else logical


def _unique(asked: CheckQuery, rule: Rule) -> CheckAnswer:
    require(rule, asked.columns)
    shown = sample_columns(asked.product, rule, rule.columns)
    kept = [name for name in rule.columns if name in shown]
    wanted = f"{', '.join(map(quoted, kept))}, count(*) AS {quoted(unlike('rows', kept))}"
    violations = 0
    sample: Sample = ()
    for values in repeated(asked.connection, asked.scopes[rule.scope], rule.columns, asked.rows[rule.scope]):
        counted = f"SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n {values})"
        violations += number(asked.connection, counted)
        if kept and len(sample) < LIMIT:
            sample += fetch(asked.connection, f"SELECT {wanted} {values} LIMIT {LIMIT - len(sample)}")
    return CheckAnswer(violations=violations, sample=sample)


def _reference(asked: CheckQuery, rule: Rule) -> CheckAnswer:
    require(rule, asked.columns)
    assert rule.reference is not None  # the reader makes no rule of this kind without one
    relation, target = asked.scopes[rule.scope], _target(asked, rule, rule.reference)
    # Aliases for all columns, because a column may have the name of an alias and would hide it.
    ours, theirs = ([f"{side}{n}" for n in range(len(rule.columns))] for side in ("our", "their"))
    names, keys = (", ".join(map(quoted, each)) for each in (rule.columns, rule.reference.columns))
    equal = " AND ".join(f"{our} = {their}" for our, their in zip(ours, theirs, strict=True))
    present = " AND ".join(f"{our} IS NOT NULL" for our in ours)
    # Each value is looked up once. An uncommitted table has no statistics, so a plain anti-join would build
    # its hash table from the table's rows instead of the few rows that they reference.
    values = f"(SELECT {names}, count(*) FROM {relation} GROUP BY {names}) AS o({', '.join(ours)}, n)"
    orphaned = f"FROM {values} ANTI JOIN (SELECT {keys} FROM {target}) AS t({', '.join(theirs)}) ON {equal}"
    orphaned += f" WHERE {present}"
    violations = number(asked.connection, f"SELECT coalesce(sum(n), 0) {orphaned}")
    orphans = f"({names}) IN (SELECT {', '.join(ours)} {orphaned})"
    words = f"{violations:,} of {asked.rows[rule.scope]:,} rows have no {rule.reference.product}"
    return CheckAnswer(violations=violations, condition=orphans, message=words, plain=True)


def _target(asked: CheckQuery, rule: Rule, reference: Reference) -> str:
    """The relation that a foreign key references. Raises NotApplicable if the columns cannot be compared."""
    own = asked.product is not None and reference.product == asked.product.id
    target = asked.scopes["product"] if own else asked.resolve(reference.product)
    if target is None:
        raise NotApplicable(f"{reference.product} was never published, so no row can reference it")
    theirs = describe(asked.connection, f"FROM {target}")
    for ours, name in zip(rule.columns, reference.columns, strict=True):
        if name not in theirs:
            raise NotApplicable(f'{reference.product} has no column "{name}"')
        kinds = {asked.columns[ours], theirs[name]}
        # A comparison of texts with numbers fails at the first text, in the middle of the transaction.
        if len(kinds) > 1 and not {family(kind) for kind in kinds} <= _NUMERIC:
            other = f'"{name}" of {reference.product} is {theirs[name]}'
            raise NotApplicable(f'"{ours}" is {asked.columns[ours]}, but {other}')
    return target


def _recency(asked: CheckQuery, rule: Rule) -> CheckAnswer:
    require(rule, asked.columns)
    name = rule.columns[0]
    kind = asked.columns[name]
    if family(kind) not in ("timestamp", "date"):
        raise NotApplicable(f'"{name}" is {kind}, which has no age')
    since = microseconds(quoted(name))
    newest = moment(one(asked.connection, f"SELECT max({since}) FROM {asked.scopes[rule.scope]}")[0])
    if newest is None or rule.maximum_age is None:
        return CheckAnswer(passed=False, message=f'"{name}" has no value, so it has no age')
    age = asked.until - newest
    column = asked.product.column(name) if asked.product else None
    seen = newest if column is not None and column.shown_in_samples else None
    words = f'the newest "{name}" is {age} old at {asked.until.isoformat()}, {rule.maximum_age} allowed'
    return CheckAnswer(observed=seen, passed=age <= rule.maximum_age, message=words)


def _group_size(asked: CheckQuery, rule: Rule) -> CheckAnswer:
    """Count the rows of the smallest group. Without a sample, which would show the rows to hide."""
    require(rule, asked.columns)
    groups = ", ".join(map(quoted, rule.columns))
    counted = f"SELECT count(*) AS n FROM {asked.scopes[rule.scope]} GROUP BY {groups}"
    least = rule.limits.minimum if rule.limits else None
    smallest, small = one(asked.connection, f"SELECT min(n), count(*) FILTER (n < {least}) FROM ({counted})")
    if smallest is None:
        return CheckAnswer(passed=True)
    words = f"{small:,} groups of {', '.join(rule.columns)} have fewer than {least} rows"
    return CheckAnswer(observed=smallest, passed=not small, message=words, plain=True)


def _together(asked: CheckQuery, rule: Rule) -> CheckAnswer:
    """Count the differences between two products' counts that reveal too few: by their columns, by each
    subset of these, and of groups that only one of them has. Without a sample, which would show the rows to
    hide."""
    assert rule.reference is not None  # the reader makes no rule of this kind without one
    assert rule.limits is not None
    require(rule, asked.columns)
    if asked.resolve(rule.reference.product) is None:
        return CheckAnswer(violations=0)  # never published, so there is no difference
    theirs = _target(asked, rule, rule.reference)
    *by, ours = map(quoted, rule.columns)
    groups, count = ", ".join(by), quoted(rule.reference.columns[-1])
    names = ", ".join(f"by{n}" for n in range(len(by)))
    sides = [
        f"(SELECT {groups}, sum({column}) FROM {relation} GROUP BY {groups}) AS of_{side}({names}, {side})"
        for side, column, relation in (("a", ours, asked.scopes[rule.scope]), ("b", count, theirs))
    ]
    few = f"BETWEEN 1 AND {rule.limits.minimum} - 1"
    violations = number(
        asked.connection,
        f"SELECT count(*) FILTER (abs(a - b) {few}) + count(*) FILTER (abs(c - d) {few}) FROM ("
        "SELECT sum(a) AS a, sum(b) AS b, sum(a) FILTER (b IS NULL) AS c, sum(b) FILTER (a IS NULL) AS d"
        f" FROM {sides[0]} FULL JOIN {sides[1]} USING ({names}) GROUP BY CUBE ({names}))",
    )
    words = f"{violations:,} differences to {rule.reference.product} reveal fewer than {rule.limits.minimum}"
    return CheckAnswer(violations=violations, message=words)


def _sql(asked: CheckQuery, rule: Rule) -> CheckAnswer:
    query = judged(asked.connection, rule, asked.scopes[rule.scope], asked.resolve)
    cursor = asked.connection.execute(query)
    rows = cursor.fetchmany(2)
    if len(rows) != 1 or len(rows[0]) != 1:
        raise NotApplicable("the query does not return one row of one column")
    value = rows[0][0]
    limits = rule.limits or NONE_ALLOWED
    is_number = hasattr(value, "__float__") and hasattr(value, "__sub__")
    if isinstance(value, bool) or not is_number:
        raise NotApplicable(f"the query returns {type(value).__name__}, not a number")
    words = f"the query returned {value}, expected {limits.describe()}"
    return CheckAnswer(observed=value, passed=limits.passes(value), message=words)


_QUESTIONS: dict[RuleKind, Callable[[CheckQuery, Rule], CheckAnswer]] = {
    "schema": _schema,
    "row_count": lambda asked, rule: CheckAnswer(observed=asked.rows[rule.scope]),
    "unique": _unique,
    "reference": _reference,
    "recency": _recency,
    "group_size": _group_size,
    "together": _together,
    "sql": _sql,
}


def substituted(rule: Rule, relation: str) -> str:
    """The rule's query with its placeholders replaced by a relation and the rule's column."""
    column = quoted(rule.columns[0]) if rule.columns else ""
    values = {"table": relation, "object": relation, "column": column, "property": column}

    def value(match: re.Match[str]) -> str:
        return values[match.group(1)] or match.group(0)

    return re.sub(r"\$?\{(table|object|column|property)\}", value, rule.query or "")


def judged(
    connection: duckdb.DuckDBPyConnection, rule: Rule, relation: str, resolve: Callable[[str], str | None]
) -> str:
    """The query of a rule, after a check of its names and its plan: it reads only the relation and products
    that ``resolve`` knows. Raises NotApplicable, and duckdb.Error if it does not bind."""
    reads = [relation]
    try:
        for table in tables_read(substituted(rule, quoted(_TABLE))):
            if str(table) == _TABLE:
                continue
            product = None if table.schema else resolve(table.name)
            if product is None:
                known = f'"{table}" is neither the table nor an input, as ${{table}} or "<domain>/<product>"'
                raise NotAllowed("construct", known, table.line)
            connection.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(table.name)} AS SELECT * FROM {product}")
            reads.append(quoted(table.name))
        query = substituted(rule, relation)
        require_reads(connection, query, reads)
    except NotAllowed as refused:
        reason = f"the query is not SQL: {refused.reason}" if refused.what == "syntax" else refused.reason
        raise NotApplicable(reason) from None
    return query
