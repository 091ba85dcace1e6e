"""Service levels: deadline, maximum age, recency, retention, end of the product, target and budget."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from platform_core.contracts.budget import Budget
from platform_core.contracts.ending import Ending
from platform_core.contracts.model import Column, Deadline, MaximumAge, Rule
from platform_core.contracts.product_id import ProductId
from platform_core.contracts.time_units import UNITS, BadCron, cron_interval, duration
from platform_core.odcs.custom_properties import Level, check_properties, find_property, text_property
from platform_core.odcs.identity import Identity
from platform_core.odcs.partitions import read_zone
from platform_core.odcs.rules.rule_fields import read_scope, read_severity
from platform_core.source.budget import read_budget as budget_at
from platform_core.source.cursor import Node
from platform_core.words import did_you_mean, duration_in_words, listed

ENDS: Final = ("endOfSupport", "endOfLife")
ACTED_ON: Final = ("latency", "retention", *ENDS)
"""The service levels that the platform acts on."""
_LEAST = timedelta(minutes=1)
_UNIT_WORDS = ("seconds", "minutes", "hours", "days", "weeks", "months", "years")
# A misspelled name would lose a promise silently; other vendors' names are not that close.
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
    """The promises in ``slaProperties``.

    Faults: C060 value or unit, C061 schedule, C062 time zone, C063 contradiction, C064 element.
    """
    levels = ServiceLevels()
    for node in contract.items("slaProperties"):
        name = node.text("property") or ""
        if name not in ACTED_ON:
            if close := did_you_mean(name.lower(), ACTED_ON, _NEAR):
                message = f'unknown service level "{name}"'
                node["property"].error("C060", message, listed(ACTED_ON), close)
            continue
        if name in ENDS:
            continue
        check_properties(node, Level.SLA)
        span = _span(node["value"], node["value"].value, node["unit"], node["unit"].value)
        schedule = node.text("schedule")
        if name == "retention":
            if levels.retention is not None:
                _twice(node, name)
            levels.retention = span or levels.retention
        elif node.text("element") is not None:
            if schedule is not None:
                node["element"].error(
                    "C063",
                    "a latency has both a schedule (deadline) and an element (recency)",
                    "either schedule or element",
                    "Write two entries.",
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


def _span(at: Node, value: Any, unit_at: Node, unit: Any) -> timedelta | None:
    seconds = UNITS.get(unit.lower()) if isinstance(unit, str) else None
    if seconds is None:
        message = f'unknown unit of time "{unit}"' if unit is not None else "the unit is missing"
        fix = "Write min for minutes, mo for months." if unit in {"m", "M"} else None
        if fix is None and isinstance(unit, str):
            fix = did_you_mean(unit.lower(), _UNIT_WORDS)
        unit_at.error("C060", message, f"unit: {listed(_UNIT_WORDS)}, or h, d, ...", fix)
        return None
    number = _number(value)
    span = duration(number, seconds) if number is not None else None
    if span is None:
        expected, fix = "a number above zero, and a unit", "Write value: 26 and unit: hours."
        at.error("C060", f'"{value}" is not a duration', expected, fix)
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
            f'the scheduler is "{scheduler}"' if schedule else "the schedule is missing",
            "scheduler: cron and a schedule",
            'Write scheduler: cron and schedule: "0 6 * * *" (every day at six).',
        )
        return None
    try:
        interval = cron_interval(schedule)
    except BadCron as error:
        expected = "five fields of cron: minute, hour, day of the month, month, day of the week"
        fix = 'Write schedule: "0 6 * * *" (every day at six).'
        node["schedule"].error("C061", f'"{schedule}" is not a schedule: {error}', expected, fix)
        return None
    _require(node["value"], span, _LEAST)
    if span > interval:
        node["value"].error(
            "C063",
            f"the latency of {duration_in_words(span)} is longer than the time between two deadlines",
            f"at most {duration_in_words(interval)}, the shortest time between two ticks of {schedule}",
            "Lower value, or remove schedule to declare a maximum age.",
        )
        return None
    if (warning := find_property(node, "warnAfter")) is not None:
        message = "a deadline has no warnAfter"
        warning.error("C063", message, "warnAfter only on a latency without schedule", "Remove warnAfter.")
    zone = read_zone(find_property(node, "timezone"))
    return Deadline(schedule, span, zone, node.place("schedule")) if zone is not None else None


def _require(at: Node, span: timedelta, least: timedelta) -> None:
    if span < least:
        words = f"at least {duration_in_words(least)}: Dagster evaluates once a minute"
        at.error("C060", f"{duration_in_words(span)} is too short", words)


def _maximum_age(node: Node, span: timedelta) -> MaximumAge:
    if (zone := find_property(node, "timezone")) is not None:
        fix = "Remove timezone, or add scheduler: cron and a schedule."
        zone.error("C063", "a maximum age has no time zone", "timezone only with a schedule", fix)
    _require(node["value"], span, 2 * _LEAST)  # a warning may come before it
    age = MaximumAge(span, node.place("value"))
    at = find_property(node, "warnAfter")
    if at is None:
        return age
    value, unit, unit_at = at.value, node.get("unit"), node["unit"]
    if isinstance(value, dict):
        at.has_only(("value", "unit"), "C060", "warnAfter")
        unit, unit_at = (value["unit"], at["unit"]) if "unit" in value else (unit, unit_at)
        warn = _span(at["value"], value.get("value"), unit_at, unit)
    elif isinstance(value, str) and (match := _WITH_UNIT.fullmatch(value)):
        warn = _span(at, match[1], at, match[2])
    else:
        warn = _span(at, value, unit_at, unit)
    if warn is None:
        return age
    _require(at, warn, _LEAST)
    if warn >= span:
        at.error(
            "C063",
            f"warnAfter is {duration_in_words(warn)}, and the latency {duration_in_words(span)}",
            f"less than {duration_in_words(span)}",
        )
        return age
    return replace(age, warn_after=warn)


def _recency(
    node: Node, span: timedelta, identity: Identity, columns: tuple[Column, ...], partitioned: bool
) -> Iterator[Rule]:
    at = node["element"]
    for misplaced in ("timezone", "warnAfter"):
        if (found := find_property(node, misplaced)) is not None:
            found.error("C063", f"a latency with an element has no {misplaced}", fix=f"Remove {misplaced}.")
    for element in (part.strip() for part in at.value.split(",")):
        table, dot, name = element.rpartition(".")
        column = next((column for column in columns if column.name == name), None)
        if dot and table != identity.table and _describes(node, table):
            message = f'"{element}" belongs to another table, which is not checked'
            node.faults.remark("C064", message, at.place())
            continue
        if column is None or (dot and table not in {identity.name, identity.table}):
            fix: str | None = f"Write {identity.name}.{name}."
            if column is None:
                fix = did_you_mean(name, [column.name for column in columns])
            message = f'{identity.name} has no column "{element}"'
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
    node["property"].error("C063", f"duplicate {what}", f"one {what}")


def read_ending(contract: Node, identity: Identity) -> Ending | None:
    """The end that a contract announces; None without one. Faults: C066 for a value that is not a date, for
    two of a kind, for an end of life before that of support, and for a successor that is not another
    product's id."""
    found: dict[str, date] = {}
    place = None
    for node in contract.items("slaProperties"):
        name, value = node.text("property") or "", node["value"]
        if name not in ENDS:
            continue
        if name in found:
            node["property"].error("C066", f"duplicate {name}", f"one {name}")
        if (day := _day(value.value)) is None:
            value.error("C066", f'"{value.value}" is not a date', f"{name}: a date as 2027-03-31")
            continue
        found[name], place = day, place or value.place()
        if found.get("endOfSupport", day) > found.get("endOfLife", date.max):
            value.error("C066", "the life ends before the support does", "endOfLife on that day or later")
    successor = text_property(contract, "successor")
    if successor is not None:
        name = ProductId(str(successor.value).strip())
        if not (name.domain and name.name) or name == ProductId.of(identity.domain, identity.name):
            successor.error("C066", f'"{name}" is not another product', "successor: <domain>/<product>")
    if not found and successor is None:
        return None
    return Ending(
        place or (successor or contract).place(),
        found.get("endOfSupport"),
        found.get("endOfLife"),
        str(successor.value).strip() if successor is not None else None,
    )


def _day(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        return None


def read_target(contract: Node) -> float | None:
    """The percentage of deliveries to keep; None where none is declared. Faults: C031."""
    found = find_property(contract, "serviceLevelTarget")
    if found is None:
        return None
    value = found.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        found.error("C031", f'serviceLevelTarget is "{value}"', "a percentage above 0, such as 99.5")
        return None
    return float(value)


def read_budget(contract: Node) -> Budget | None:
    """The product's own budget; None where none is declared. Faults: C031."""
    found = find_property(contract, "budget")
    return Budget(**budget_at(found, "C031")) if found is not None else None
