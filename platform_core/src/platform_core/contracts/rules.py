"""All rules of a product, in the order of its contract, each name once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from platform_core.contracts.constraints import column_rules, key_rule
from platform_core.contracts.faults import Faults
from platform_core.contracts.metrics import quality_rule
from platform_core.contracts.model import Column, Rule
from platform_core.contracts.names import Identity
from platform_core.contracts.relationships import reference_rule
from platform_core.source.document import Document

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaObject


def read_rules(
    document: Document,
    table: SchemaObject | None,
    identity: Identity,
    columns: tuple[Column, ...],
    partitioned: bool,
    derived: tuple[Rule, ...],
    faults: Faults,
) -> tuple[Rule, ...]:
    """``schema`` first, then what the table and its columns demand, then what follows from the rest
    of the contract (``derived``).

    A single-column key that is also ``unique: true`` is one rule; any other name twice is C054.
    """
    rules: dict[str, Rule] = {}
    for rule in _all(document, table, identity, columns, partitioned, derived, faults):
        other = rules.setdefault(rule.name, rule)
        if other is rule or _same(other, rule):
            continue
        faults.error(
            "C054",
            f'two rules are named "{rule.name}"; the first stands in line {other.place.line}',
            rule.place,
            expected="every rule once, under a name of its own",
            fix="Remove one of the two, or give it a name.",
        )
    return tuple(rules.values())


def _same(first: Rule, second: Rule) -> bool:
    """Uniqueness said as ``unique`` and as ``primaryKey`` of the same single column."""
    return (
        (first.kind, first.columns) == (second.kind, second.columns)
        and first.place.column > 0
        and (first.kind == "unique" and first.severity == second.severity and first.allowed == second.allowed)
        and first.description == second.description == ""
    )


def _all(
    document: Document,
    table: SchemaObject | None,
    identity: Identity,
    columns: tuple[Column, ...],
    partitioned: bool,
    derived: tuple[Rule, ...],
    faults: Faults,
) -> Iterator[Rule]:
    where: tuple[str | int, ...] = ("schema", identity.schema_index or 0)
    yield Rule(
        "schema", "schema", document.key_place(*where, "properties") if table else document.place("id")
    )
    if table is None:
        return
    key = key_rule(columns, document, (*where, "properties"))
    if key is not None:
        yield key
    for number, entry in enumerate(table.quality or []):
        at = (*where, "quality", number)
        rule = quality_rule(document, entry, at, None, columns, partitioned, faults)
        if rule is not None:
            yield rule
    for number, relationship in enumerate(table.relationships or []):
        at = (*where, "relationships", number)
        rule = reference_rule(document, relationship, at, None, columns, identity, partitioned, faults)
        if rule is not None:
            yield rule
    for index, (item, column) in enumerate(zip(table.properties or [], columns, strict=True)):
        here = (*where, "properties", index)
        yield from column_rules(document, item, here, column, faults)
        for number, entry in enumerate(item.quality or []):
            at = (*here, "quality", number)
            rule = quality_rule(document, entry, at, column, columns, partitioned, faults)
            if rule is not None:
                yield rule
        for number, relationship in enumerate(item.relationships or []):
            at = (*here, "relationships", number)
            rule = reference_rule(document, relationship, at, column, columns, identity, partitioned, faults)
            if rule is not None:
                yield rule
    yield from derived
