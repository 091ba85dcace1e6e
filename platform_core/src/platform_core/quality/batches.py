"""The rules of a stream: those for a batch before it is published, and those about the whole stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import duckdb

from platform_core.contracts.model import DataProduct, Rule
from platform_core.lake.transaction import number, one
from platform_core.quality.audit import aborted, audit
from platform_core.quality.gate import ContractBroken
from platform_core.quality.outcome import CheckOutcome, Outcomes
from platform_core.quality.samples import fetch, sample_columns
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.types import describe


def batch_gate(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    *,
    batch: str,
    resolve: Callable[[str], str | None],
) -> Callable[[str, str], Outcomes]:
    """The ``audit`` of an append: returns the outcomes, raises ContractBroken for a failed error rule.

    A unique value is searched in the batch and in the stream. It reads only the part of the stream between
    the smallest and greatest value of the batch, so its time does not grow with the stream.
    """

    def pass_or_refuse(relation: str, published: str) -> Outcomes:
        rules = [rule for rule in product.rules if rule.scope == "batch"]
        found = audit(connection, rules, relation, product=product, resolve=resolve)
        outcomes = tuple(_in_the_stream(connection, product, o, relation, published) for o in found)
        if any(outcome.blocking for outcome in outcomes) or aborted(connection):
            named = [
                replace(o, message=f'batch "{batch}": {o.message}', plain=False) if not o.passed else o
                for o in outcomes
            ]
            raise ContractBroken(product, tuple(named))
        return outcomes

    return pass_or_refuse


def audit_whole(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    relation: str,
    resolve: Callable[[str], str | None],
) -> Outcomes:
    """The outcomes of rules about the whole stream: its age, and rules that only warn."""
    rules = [rule for rule in product.rules if rule.scope != "batch"]
    return audit(connection, rules, relation, product=product, resolve=resolve) if rules else ()


def together(rules: Sequence[Rule], batches: Sequence[Outcomes]) -> Outcomes:
    """One outcome for each rule from those of many batches; passed for a rule without outcomes."""
    found: dict[str, CheckOutcome] = {
        rule.name: CheckOutcome(rule, passed=True, violations=0, rows=0, seconds=0.0) for rule in rules
    }
    for outcomes in batches:
        for outcome in outcomes:
            before = found.get(outcome.rule.name)
            found[outcome.rule.name] = outcome if before is None else _both(before, outcome)
    return tuple(found.values())


def _both(first: CheckOutcome, second: CheckOutcome) -> CheckOutcome:
    counted = second.violations is not None
    return replace(
        second,
        passed=first.passed and second.passed,
        violations=(first.violations or 0) + (second.violations or 0) if counted else None,
        rows=first.rows + second.rows,
        seconds=first.seconds + second.seconds,
        sample=(first.sample + second.sample)[:10],
        message=first.message or second.message,
    )


def _in_the_stream(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    outcome: CheckOutcome,
    relation: str,
    published: str,
) -> CheckOutcome:
    rule = outcome.rule
    if rule.kind != "unique" or not outcome.passed:
        return outcome
    started = time.monotonic()
    types = describe(connection, f"FROM {published}")
    if any(name not in types for name in rule.columns):
        return outcome  # the batch adds the column to the stream
    limits = _limits(connection, relation, rule, types)
    names = ", ".join(map(quoted, rule.columns))
    repeated = f"FROM {relation} SEMI JOIN (SELECT {names} FROM {published} WHERE {limits}) USING ({names})"
    again = number(connection, f"SELECT count(*) {repeated}") if limits else 0
    seconds = outcome.seconds + time.monotonic() - started
    if not again:
        return replace(outcome, seconds=seconds)
    shown = sample_columns(product, rule, rule.columns)
    wanted = ", ".join(quoted(name) for name in rule.columns if name in shown)
    return replace(
        outcome,
        passed=False,
        violations=(outcome.violations or 0) + again,
        seconds=seconds,
        sample=fetch(connection, f"SELECT {wanted} {repeated} LIMIT 10") if wanted else (),
        message=f"{again:,} of {outcome.rows:,} rows repeat a value of {names} that was published before",
    )


def _limits(connection: duckdb.DuckDBPyConnection, relation: str, rule: Rule, types: dict[str, str]) -> str:
    """SQL that is true for rows of the stream that may repeat one of the batch; empty if none can. DuckDB
    compares constants, unlike a join, with the statistics of files before it opens them."""
    ends = ", ".join(f"min({quoted(n)})::VARCHAR, max({quoted(n)})::VARCHAR" for n in rule.columns)
    row = one(connection, f"SELECT {ends} FROM {relation}")
    parts = []
    for name, low, high in zip(rule.columns, row[::2], row[1::2], strict=True):
        if low is None:
            return ""
        first, last = (f"CAST({literal(value)} AS {types[name]})" for value in (low, high))
        parts.append(f"{quoted(name)} BETWEEN {first} AND {last}")
    return " AND ".join(parts)
