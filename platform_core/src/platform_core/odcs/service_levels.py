"""Service levels: when a product is due, how old it may be, how recent its data, how long it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from platform_core.contracts.model import Column, Deadline, MaximumAge, Rule
from platform_core.contracts.time_units import UNITS, BadCron, cron_interval, duration
from platform_core.odcs.custom_properties import Level, check_properties, find_property
from platform_core.odcs.identity import Identity
from platform_core.odcs.partitions import read_zone
from platform_core.odcs.rules.rule_fields import read_scope, read_severity
from platform_core.source.cursor import Node
from platform_core.words import did_you_mean, duration_in_words, listed

_ACTED_ON = ("latency", "retention")
_LEAST = timedelta(minutes=1)
_UNIT_WORDS = ("seconds", "minutes", "hours", "days", "weeks", "months", "years")
# A slip in a name would lose a promise silently; a property of somebody else's is not that close.
_NEAR = 0.8
_WITH_UNIT = re.compile(r"([0-9.]+)\s*([A-Za-z]+)")


@dataclass(slots=True)
class ServiceLevels:
    deadline: Deadline | None = None
    maximum_age: MaximumAge | None = None
    retention: timedelta | None = None
    recency: tuple[Rule, ...] = ()


def read_sla(
    contract: Node, identity: Identity, columns: tuple[Column, ...], partitioned: bool
) -> ServiceLevels:
    """What ``slaProperties`` promise.

    Faults: C060 value or unit, C061 schedule, C062 time zone, C063 impossible together, C064 element.
    """
    levels = ServiceLevels()
    for node in contract.items("slaProperties"):
        name = node.text("property") or ""
        if name not in _ACTED_ON:
            if close := did_you_mean(name.lower(), _ACTED_ON, _NEAR):
                message = f'no service level is named "{name}"'
                node["property"].error("C060", message, "latency or retention", close)
            continue
        check_properties(node, Level.SLA)
        span = _measured(node["value"], node.get("value"), node["unit"], node.get("unit"))
        schedule = node.text("schedule")
        if name == "retention":
            if levels.retention is not None:
                _twice(node, name)
            levels.retention = span or levels.retention
        elif node.text("element") is not None:
            if schedule is not None:
                node["element"].error(
                    "C063",
                    "a latency with a schedule is a deadline, one with an element is the recency of data",
                    "either schedule or element",
                    "Make two entries of it.",
                    at_key=True,
                )
            if span is not None:
                levels.recency += tuple(_recency(node, span, identity, columns, partitioned))
        elif span is not None:
            if levels.deadline is not None or levels.maximum_age is not None:
                _twice(node, "latency without element")
            elif schedule is not None or node.text("scheduler") is not None:
                levels.deadline = _deadline(node, span)
            else:
                levels.maximum_age = _maximum_age(node, span)
    return levels


def _measured(at: Node, value: Any, unit_at: Node, unit: Any) -> timedelta | None:
    seconds = UNITS.get(unit.lower()) if isinstance(unit, str) else None
    if seconds is None:
        message = f'"{unit}" is no unit of time' if unit is not None else "a time without a unit"
        fix = "Write min for minutes, mo for months." if unit in {"m", "M"} else None
        if fix is None and isinstance(unit, str):
            fix = did_you_mean(unit.lower(), _UNIT_WORDS)
        unit_at.error("C060", message, f"unit: {listed(_UNIT_WORDS)}, or h, d, ...", fix)
        return None
    number = _number(value)
    span = duration(number, seconds) if number is not None else None
    if span is None:
        expected, fix = "a number above zero, with its unit beside it", "Write value: 26 and unit: hours."
        at.error("C060", f'"{value}" is no length of time', expected, fix)
    return span


def _number(value: Any) -> int | float | None:
    if isinstance(value, str):
        try:
            return float(value) if value.strip() == value else None
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _deadline(node: Node, span: timedelta) -> Deadline | None:
    scheduler, schedule = node.text("scheduler"), node.text("schedule")
    if scheduler != "cron" or not schedule:
        node["scheduler"].error(
            "C061",
            f'the scheduler is "{scheduler}"' if schedule else "a scheduler without a schedule",
            "scheduler: cron and a schedule",
            'Write scheduler: cron and, for every day at six, schedule: "0 6 * * *".',
        )
        return None
    try:
        interval = cron_interval(schedule)
    except BadCron as error:
        expected = "five fields of cron: minute, hour, day of the month, month, day of the week"
        fix = 'For every day at six: schedule: "0 6 * * *".'
        node["schedule"].error("C061", f'"{schedule}" is no schedule: {error}', expected, fix)
        return None
    _require(node["value"], span, _LEAST)
    if span > interval:
        node["value"].error(
            "C063",
            f"each deadline looks back {duration_in_words(span)}, past the one before it",
            f"at most {duration_in_words(interval)}, the shortest time between two ticks of {schedule}",
            "Lower value, or leave schedule out: then it is a maximum age.",
        )
        return None
    if (warning := find_property(node, "warnAfter")) is not None:
        message = "a deadline on a schedule has no warning before it"
        warning.error("C063", message, "warnAfter only on a latency without schedule", "Remove warnAfter.")
    zone = read_zone(find_property(node, "timezone"))
    return Deadline(schedule, span, zone, node.place("schedule")) if zone is not None else None


def _require(at: Node, span: timedelta, least: timedelta) -> None:
    if span < least:
        words = f"at least {duration_in_words(least)}: Dagster looks once a minute"
        at.error("C060", f"the time is too short: {duration_in_words(span)}", words)


def _maximum_age(node: Node, span: timedelta) -> MaximumAge:
    if (zone := find_property(node, "timezone")) is not None:
        fix = "Remove timezone, or add scheduler: cron and a schedule."
        zone.error("C063", "an age has no time zone", "timezone only beside a schedule", fix)
    _require(node["value"], span, 2 * _LEAST)  # with a warning before it
    age = MaximumAge(span, node.place("value"))
    at = find_property(node, "warnAfter")
    if at is None:
        return age
    value, unit, unit_at = at.value, node.get("unit"), node["unit"]
    if isinstance(value, dict):
        at.has_only(("value", "unit"), "C060", "warnAfter")
        unit, unit_at = (value["unit"], at["unit"]) if "unit" in value else (unit, unit_at)
        warn = _measured(at["value"], value.get("value"), unit_at, unit)
    elif isinstance(value, str) and (match := _WITH_UNIT.fullmatch(value)):
        warn = _measured(at, match[1], at, match[2])
    else:
        warn = _measured(at, value, unit_at, unit)
    if warn is not None:
        _require(at, warn, _LEAST)
    if warn is not None and warn >= span:
        at.error(
            "C063",
            f"the warning after {duration_in_words(warn)} comes no earlier than the failure after "
            f"{duration_in_words(span)}",
            f"less than {duration_in_words(span)}",
        )
        return age
    return replace(age, warn_after=warn)


def _recency(
    node: Node, span: timedelta, identity: Identity, columns: tuple[Column, ...], partitioned: bool
) -> Iterator[Rule]:
    at = node["element"]
    for misplaced in ("timezone", "warnAfter"):
        if (said := find_property(node, misplaced)) is not None:
            said.error("C063", f"{misplaced} does not go with an element", fix=f"Remove {misplaced}.")
    for element in (part.strip() for part in at.value.split(",")):
        table, dot, name = element.rpartition(".")
        column = next((column for column in columns if column.name == name), None)
        if dot and table != identity.table and _describes(node, table):
            message = f'"{element}" is about a table beside the product; it is not checked'
            node.faults.remark("C064", message, at.place())
            continue
        if column is None or (dot and table not in {identity.name, identity.table}):
            fix: str | None = f"Write {identity.name}.{name}."
            if column is None:
                fix = did_you_mean(name, [column.name for column in columns])
            message = f'"{element}" is no column of {identity.name}'
            at.error("C064", message, f"{identity.name}.<column>", fix)
            continue
        if column.logical_type not in {"date", "timestamp", None}:
            message = f'"{element}" is a {column.logical_type}, not a time'
            at.error("C064", message, "a column of logicalType date or timestamp")
            continue
        yield Rule(
            name=f"recency__{name}",
            kind="recency",
            place=at.place(),
            columns=(name,),
            severity=read_severity(node),
            scope=read_scope(node, partitioned),
            description=node.text("description") or "",
            maximum_age=span,
        )


def _describes(node: Node, table: str) -> bool:
    return any(table in (item["name"], item.get("id")) for item in node.document.at("schema") or [])


def _twice(node: Node, what: str) -> None:
    node["property"].error("C063", f"{what} is said twice", "it once")
