"""The event time of a stream, and its rules, which are checked batch by batch."""

from __future__ import annotations

from dataclasses import replace

from platform_core.contracts.model import Column, Kind, Partitions, Rule
from platform_core.odcs.custom_properties import text_property
from platform_core.source.cursor import Faults, Node

_OF_THE_WHOLE = frozenset({"row_count", "sql", "recency"})


def read_event_time(
    table: Node, kind: Kind, columns: tuple[Column, ...], partitions: Partitions | None
) -> str | None:
    """The column with the time of the event.

    Faults: C110 a stream without a required column of that kind, C111 an event time on another kind of
    product, C112 a stream with partitions.
    """
    found = text_property(table, "eventTime")
    if kind != "stream":
        if found is not None:
            message = f"a {kind} has no eventTime"
            found.error("C111", message, "physicalType: stream", "Remove eventTime.")
        return None
    if partitions is not None:
        message = "a stream has no partitions"
        table.faults.error("C112", message, partitions.place, "eventTime alone", "Remove partitions.")
    if found is None:
        expected = "the column with the time of the event"
        fix = "Add to the schema object's customProperties: {property: eventTime, value: <column>}."
        table["physicalType"].error("C110", "the stream has no event time", expected, fix)
        return None
    name = str(found.value)
    column = next((column for column in columns if column.name == name), None)
    if column is None:
        known = [column.name for column in columns]
        found.error("C110", f'the event time "{name}" is not a column', known=known)
    elif column.logical_type not in {"date", "timestamp"}:
        message = f'the event time "{name}" is a {column.logical_type}, not a time'
        found.error("C110", message, "a column of logicalType date or timestamp")
    elif not column.required:
        message = f'the event time "{name}" may be missing'
        found.error("C110", message, "a required column", "Add required: true to the column.")
    return name


def by_batch(kind: Kind, rules: tuple[Rule, ...], faults: Faults) -> tuple[Rule, ...]:
    """The rules of a stream, which check each batch before it is published.

    A rule on the whole stream cannot refuse a batch, so an error-level one is C113. A rule on batches of any
    other kind of product is C114.
    """
    if kind != "stream":
        for rule in rules:
            if rule.scope == "batch":
                message = f"the rule {rule.name} has the scope batch, but the product is not a stream"
                faults.error("C114", message, rule.place, "scope: product", "Remove the scope.")
        return rules
    found = []
    for rule in rules:
        if rule.kind not in _OF_THE_WHOLE:
            rule = replace(rule, scope="batch")
        elif rule.scope == "product" and rule.kind != "recency" and rule.severity == "error":
            faults.error(
                "C113",
                f"the rule {rule.name} checks the whole stream, so it cannot refuse a batch",
                rule.place,
                expected="scope: batch, or severity: warning",
                fix="Add customProperties: [{property: scope, value: batch}], or lower the severity.",
            )
        found.append(rule)
    return tuple(found)
