"""The audit as a gate: data that breaks its contract is not published."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from platform_core.contracts.model import DataProduct, RuleKind
from platform_core.contracts.partitions import Window
from platform_core.diagnostics import Diagnostic, PublicationRefused
from platform_core.quality.audit import aborted, audit
from platform_core.quality.outcome import CheckOutcome, Outcomes

CODES: dict[RuleKind, str] = {
    "schema": "Q001",
    "not_null": "Q002",
    "unique": "Q003",
    "accepted_values": "Q004",
    "range": "Q005",
    "length": "Q006",
    "pattern": "Q007",
    "row_count": "Q008",
    "reference": "Q009",
    "recency": "Q010",
    "sql": "Q011",
    "file": "Q030",
    "baseline": "Q031",
    "no_raw_values": "Q020",
    "no_raw_values_before": "Q021",
    "group_size": "Q022",
    "disclosure": "Q023",
    "together": "Q024",
}
"""The codes of failed checks by the kind of rule. Q012: a check below error aborted the transaction."""


class ContractBroken(PublicationRefused):
    """Data that breaks its contract. ``outcomes`` are those of all rules, also of passed ones."""

    def __init__(self, product: DataProduct, outcomes: Outcomes) -> None:
        found = [diagnostic(product, outcome) for outcome in outcomes if outcome.blocking]
        if not found:
            failed = next(each for each in outcomes if each.rule.kind == "sql" and not each.passed)
            message = f"check {failed.rule.name} aborts the publication of {product.id}: {failed.message}"
            expected = "a query that returns a number for any data"
            fix = "Use TRY_CAST or a condition for values that do not convert."
            found = [Diagnostic("Q012", message, failed.rule.place, expected, fix)]
        super().__init__(*found)
        self.outcomes = outcomes


def gate(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    *,
    window: Window | None = None,
    resolve: Callable[[str], str | None],
) -> Callable[[str], Outcomes]:
    """The ``audit`` of a publication: returns the outcomes, raises ContractBroken for a failed error rule."""

    def pass_or_refuse(relation: str) -> Outcomes:
        outcomes = audit(connection, product.rules, relation, product=product, window=window, resolve=resolve)
        if any(outcome.blocking for outcome in outcomes) or aborted(connection):
            raise ContractBroken(product, outcomes)
        return outcomes

    return pass_or_refuse


def diagnostic(product: DataProduct, outcome: CheckOutcome) -> Diagnostic:
    """The diagnostic of a failed check, at the place of its rule in the contract."""
    rule = outcome.rule
    words = f"{product.id} breaks its contract, check {rule.name}: {outcome.message}"
    # Everyone can read a run's messages, so they show no rows of a restricted product.
    if outcome.sample and not product.restricted:
        rows = (", ".join(f"{name}={value}" for name, value in row.items()) for row in outcome.sample[:3])
        words += f" (such as {'; '.join(rows)})"
    place, fix = rule.place, "Fix the data or its product, or change the contract if it promises too much."
    return Diagnostic(CODES[rule.kind], words, place, rule.description or None, fix, severity=rule.severity)
