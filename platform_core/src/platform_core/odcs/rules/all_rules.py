"""All rules of a product, in the order of its contract, with unique names."""

from __future__ import annotations

from collections.abc import Iterator

from platform_core.contracts.model import Column, Rule
from platform_core.odcs.identity import Identity
from platform_core.odcs.rules.column_rules import column_rules, key_rule
from platform_core.odcs.rules.metrics import quality_rule
from platform_core.odcs.rules.references import reference_rule
from platform_core.source.cursor import Node


def read_rules(
    table: Node,
    identity: Identity,
    columns: tuple[Column, ...],
    partitioned: bool,
    derived: tuple[Rule, ...],
) -> tuple[Rule, ...]:
    """``schema``, then the rules of the table and its columns, then ``derived``, those of the rest of the
    contract.

    A single-column key that is also ``unique: true`` is one rule; any other repeated name is C054.
    """
    rules: dict[str, Rule] = {}
    for rule in _all(table, identity, columns, partitioned, derived):
        other = rules.setdefault(rule.name, rule)
        if other is rule or _same(other, rule):
            continue
        message = f'duplicate rule "{rule.name}"; the first is in line {other.place.line}'
        expected = "a unique name"
        fix = "Remove one of the two, or name it."
        table.faults.error("C054", message, rule.place, expected, fix)
    return tuple(rules.values())


def _same(first: Rule, second: Rule) -> bool:
    return (
        (first.kind, first.columns) == (second.kind, second.columns)
        and (first.kind == "unique" and first.severity == second.severity and first.allowed == second.allowed)
        and first.description == second.description == ""
    )


def _all(
    table: Node,
    identity: Identity,
    columns: tuple[Column, ...],
    partitioned: bool,
    derived: tuple[Rule, ...],
) -> Iterator[Rule]:
    if table.value is None:
        yield Rule("schema", "schema", table.document.place("id"))
        return
    yield Rule("schema", "schema", table.key_place("properties"))
    key = key_rule(table, columns)
    if key is not None:
        yield key
    yield from _declared(table, None, identity, columns, partitioned)
    for item, column in zip(table.items("properties"), columns, strict=True):
        yield from column_rules(item, column)
        yield from _declared(item, column, identity, columns, partitioned)
    yield from derived


def _declared(
    node: Node, column: Column | None, identity: Identity, columns: tuple[Column, ...], partitioned: bool
) -> Iterator[Rule]:
    for entry in node.items("quality"):
        if (rule := quality_rule(entry, column, columns, partitioned)) is not None:
            yield rule
    for entry in node.items("relationships"):
        if (rule := reference_rule(entry, column, columns, identity, partitioned)) is not None:
            yield rule
