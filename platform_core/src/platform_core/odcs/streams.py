"""What a contract says of a stream: its event time, and rules that can be kept batch by batch."""

from __future__ import annotations

from dataclasses import replace

from platform_core.contracts.model import Column, Kind, Partitions, Rule
from platform_core.odcs.custom_properties import text_property
from platform_core.source.cursor import Faults, Node

_OF_THE_WHOLE = frozenset({"row_count", "sql", "recency"})


def read_event_time(
    table: Node, kind: Kind, columns: tuple[Column, ...], partitions: Partitions | None
) -> str | None:
    """The column that says when a row happened.

    Faults: C110 for a stream without one, or one that is no time or may be missing; C111 where it stands
    on no stream; C112 for a stream that is partitioned.
    """
    said = text_property(table, "eventTime")
    if kind != "stream":
        if said is not None:
            message = f"eventTime is about streams, and this is a {kind}"
            said.error("C111", message, "physicalType: stream", "Remove eventTime.")
        return None
    if partitions is not None:
        message = "a stream has no partitions: its rows come in batches, and stay"
        table.faults.error("C112", message, partitions.place, "eventTime alone", "Remove partitions.")
    if said is None:
        expected = "the column that says when a row happened, since rows arrive late and out of order"
        fix = "Add to the schema object's customProperties: {property: eventTime, value: <column>}."
        table["physicalType"].error("C110", "a stream without an event time", expected, fix)
        return None
    name = str(said.value)
    column = next((column for column in columns if column.name == name), None)
    if column is None:
        known = [column.name for column in columns]
        said.error("C110", f'the event time "{name}" is no column', known=known)
    elif column.logical_type not in {"date", "timestamp"}:
        message = f'the event time "{name}" is a {column.logical_type}, not a time'
        said.error("C110", message, "a column of logicalType date or timestamp")
    elif not column.required:
        message = f'the event time "{name}" may be missing'
        said.error("C110", message, "a required column", "Add required: true to the column.")
    return name


def by_batch(kind: Kind, rules: tuple[Rule, ...], faults: Faults) -> tuple[Rule, ...]:
    """The rules of a stream, each asked of every batch before readers see it.

    What is asked of the stream as a whole cannot hold a batch back: nobody could say which. So that is no
    error-level rule (C113). A rule about batches on anything but a stream is C114.
    """
    if kind != "stream":
        for rule in rules:
            if rule.scope == "batch":
                message = f"the rule {rule.name} is about batches, which only a stream has"
                faults.error("C114", message, rule.place, "scope: product", "Remove the scope.")
        return rules
    found = []
    for rule in rules:
        if rule.kind not in _OF_THE_WHOLE:
            rule = replace(rule, scope="batch")
        elif rule.scope == "product" and rule.kind != "recency" and rule.severity == "error":
            faults.error(
                "C113",
                f"the rule {rule.name} is about the whole stream, so it can keep no batch from its readers",
                rule.place,
                expected="scope: batch, which each batch keeps before it is published; or severity: warning",
                fix="Add customProperties: [{property: scope, value: batch}], or lower the severity.",
            )
        found.append(rule)
    return tuple(found)
