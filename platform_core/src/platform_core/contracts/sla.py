"""Service levels: when a product is due, how old it may be, how recent its data, how long it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from platform_core.contracts.faults import Faults
from platform_core.contracts.grid import bad_zone
from platform_core.contracts.model import Column, Deadline, MaximumAge, Rule
from platform_core.contracts.names import Identity
from platform_core.contracts.properties import Level, check_properties, find_property
from platform_core.contracts.terms import read_scope, read_severity
from platform_core.contracts.units import UNITS, BadCron, cron_interval, duration, time_zone
from platform_core.source.document import Document
from platform_core.words import did_you_mean, duration_in_words, listed

if TYPE_CHECKING:
    from open_data_contract_standard.model import OpenDataContractStandard, ServiceLevelAgreementProperty

_ACTED_ON = ("latency", "retention")
_UNIT_WORDS = ("seconds", "minutes", "hours", "days", "weeks", "months", "years")
# A slip in a name would lose a promise silently; a property of somebody else's is not that close.
_NEAR = 0.8
_WITH_UNIT = re.compile(r"([0-9.]+)\s*([A-Za-z]+)")

Where = tuple[str | int, ...]


@dataclass(slots=True)
class ServiceLevels:
    deadline: Deadline | None = None
    maximum_age: MaximumAge | None = None
    retention: timedelta | None = None
    recency: tuple[Rule, ...] = ()


def read_sla(
    document: Document,
    contract: OpenDataContractStandard,
    identity: Identity,
    columns: tuple[Column, ...],
    partitioned: bool,
    faults: Faults,
) -> ServiceLevels:
    """What ``slaProperties`` promise.

    Faults: C060 value or unit, C061 schedule, C062 time zone, C063 impossible together, C064 element.
    """
    levels = ServiceLevels()
    for index, item in enumerate(contract.slaProperties or []):
        where: Where = ("slaProperties", index)
        name = item.property or ""
        if name not in _ACTED_ON:
            if close := did_you_mean(name.lower(), _ACTED_ON, _NEAR):
                place = document.place(*where, "property")
                faults.error(
                    "C060", f'no service level is named "{name}"', place, "latency or retention", close
                )
            continue
        acts = item.schedule is not None or item.element is None or name == "retention"
        check_properties(document, where, Level.SLA, faults)
        span = _span(document, item, where, faults)
        if name == "retention":
            if levels.retention is not None:
                _twice(document, where, name, faults)
            levels.retention = span or levels.retention
        elif item.element is not None:
            if item.schedule is not None:
                faults.error(
                    "C063",
                    "a latency with a schedule is a deadline, one with an element is the recency of data",
                    document.key_place(*where, "element"),
                    expected="either schedule or element",
                    fix="Make two entries of it.",
                )
            if span is not None:
                found = _recency(document, item, where, span, identity, columns, partitioned, faults)
                levels.recency += tuple(found)
        elif span is not None and acts:
            if levels.deadline is not None or levels.maximum_age is not None:
                _twice(document, where, "latency without element", faults)
            elif item.schedule is not None or item.scheduler is not None:
                levels.deadline = _deadline(document, item, where, span, faults)
            else:
                levels.maximum_age = _maximum_age(document, item, where, span, faults)
    return levels


def _span(
    document: Document, item: ServiceLevelAgreementProperty, where: Where, faults: Faults
) -> timedelta | None:
    return _measured(document, item.value, item.unit, (*where, "value"), (*where, "unit"), faults)


def _measured(
    document: Document, value: Any, unit: Any, at: Where, unit_at: Where, faults: Faults
) -> timedelta | None:
    seconds = UNITS.get(unit.lower()) if isinstance(unit, str) else None
    if seconds is None:
        message = f'"{unit}" is no unit of time' if unit is not None else "a time without a unit"
        fix = "Write min for minutes, mo for months." if unit in {"m", "M"} else None
        if fix is None and isinstance(unit, str):
            fix = did_you_mean(unit.lower(), _UNIT_WORDS)
        place = document.place(*unit_at)
        faults.error("C060", message, place, f"unit: {listed(_UNIT_WORDS)}, or h, d, ...", fix)
        return None
    number = _number(value)
    span = duration(number, seconds) if number is not None else None
    if span is None:
        faults.error(
            "C060",
            f'"{value}" is no length of time',
            document.place(*at),
            expected="a number above zero, with its unit beside it",
            fix="Write value: 26 and unit: hours.",
        )
    return span


def _number(value: Any) -> int | float | None:
    if isinstance(value, str):
        try:
            return float(value) if value.strip() == value else None
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _deadline(
    document: Document,
    item: ServiceLevelAgreementProperty,
    where: Where,
    span: timedelta,
    faults: Faults,
) -> Deadline | None:
    if item.scheduler != "cron" or not item.schedule:
        faults.error(
            "C061",
            f'the scheduler is "{item.scheduler}"' if item.schedule else "a scheduler without a schedule",
            document.place(*where, "scheduler"),
            expected="scheduler: cron and a schedule",
            fix='Write scheduler: cron and, for every day at six, schedule: "0 6 * * *".',
        )
        return None
    try:
        interval = cron_interval(item.schedule)
    except BadCron as error:
        faults.error(
            "C061",
            f'"{item.schedule}" is no schedule: {error}',
            document.place(*where, "schedule"),
            expected="five fields of cron: minute, hour, day of the month, month, day of the week",
            fix='For every day at six: schedule: "0 6 * * *".',
        )
        return None
    if span > interval:
        faults.error(
            "C063",
            f"each deadline looks back {duration_in_words(span)}, past the one before it",
            document.place(*where, "value"),
            expected=f"at most {duration_in_words(interval)}, the shortest time between two ticks of "
            f"{item.schedule}",
            fix="Lower value, or leave schedule out: then it is a maximum age.",
        )
        return None
    if find_property(document, where, "warnAfter") is not None:
        faults.error(
            "C063",
            "a deadline on a schedule has no warning before it",
            _entry(document, where, "warnAfter"),
            expected="warnAfter only on a latency without schedule",
            fix="Remove warnAfter.",
        )
    zone = find_property(document, where, "timezone")
    name = zone[0] if zone else "UTC"
    if zone is not None and (not isinstance(name, str) or time_zone(name) is None):
        bad_zone(document, name, zone[1], faults)
        return None
    return Deadline(item.schedule, span, name, document.place(*where, "schedule"))


def _maximum_age(
    document: Document,
    item: ServiceLevelAgreementProperty,
    where: Where,
    span: timedelta,
    faults: Faults,
) -> MaximumAge:
    if find_property(document, where, "timezone") is not None:
        faults.error(
            "C063",
            "an age has no time zone",
            _entry(document, where, "timezone"),
            expected="timezone only beside a schedule",
            fix="Remove timezone, or add scheduler: cron and a schedule.",
        )
    warning = find_property(document, where, "warnAfter")
    age = MaximumAge(span, document.place(*where, "value"))
    if warning is None:
        return age
    value, at = warning
    if isinstance(value, dict):
        for key in sorted(set(value) - {"value", "unit"}):
            place = document.key_place(*at, key)
            faults.error("C060", f'warnAfter knows no "{key}"', place, "value, unit")
        unit_at = (*at, "unit") if "unit" in value else (*where, "unit")
        unit = value.get("unit", item.unit)
        warn = _measured(document, value.get("value"), unit, (*at, "value"), unit_at, faults)
    elif isinstance(value, str) and (match := _WITH_UNIT.fullmatch(value)):
        warn = _measured(document, match[1], match[2], at, at, faults)
    else:
        warn = _measured(document, value, item.unit, at, (*where, "unit"), faults)
    if warn is not None and warn >= span:
        faults.error(
            "C063",
            f"the warning after {duration_in_words(warn)} comes no earlier than the failure after "
            f"{duration_in_words(span)}",
            document.place(*at),
            expected=f"less than {duration_in_words(span)}",
        )
        return age
    return replace(age, warn_after=warn)


def _recency(
    document: Document,
    item: ServiceLevelAgreementProperty,
    where: Where,
    span: timedelta,
    identity: Identity,
    columns: tuple[Column, ...],
    partitioned: bool,
    faults: Faults,
) -> Iterator[Rule]:
    place = document.place(*where, "element")
    for misplaced in ("timezone", "warnAfter"):
        if find_property(document, where, misplaced) is not None:
            at = _entry(document, where, misplaced)
            faults.error("C063", f"{misplaced} does not go with an element", at, fix=f"Remove {misplaced}.")
    known = [column.name for column in columns]
    for element in (part.strip() for part in (item.element or "").split(",")):
        table, dot, name = element.rpartition(".")
        column = next((column for column in columns if column.name == name), None)
        if dot and table != identity.table and _describes(document, table):
            message = f'"{element}" is about a table beside the product; it is not checked'
            faults.remark("C064", message, place)
            continue
        if column is None or (dot and table not in {identity.name, identity.table}):
            fix = did_you_mean(name, known) if column is None else f"Write {identity.name}.{name}."
            faults.error(
                "C064",
                f'"{element}" is no column of {identity.name}',
                place,
                expected=f"{identity.name}.<column>",
                fix=fix,
            )
            continue
        if column.logical_type not in {"date", "timestamp", None}:
            faults.error(
                "C064",
                f'"{element}" is a {column.logical_type}, not a time',
                place,
                expected="a column of logicalType date or timestamp",
            )
            continue
        yield Rule(
            name=f"recency__{name}",
            kind="recency",
            place=place,
            columns=(name,),
            severity=read_severity(document, where, faults),
            scope=read_scope(document, where, partitioned, faults),
            description=item.description or "",
            maximum_age=span,
        )


def _describes(document: Document, table: str) -> bool:
    return any(table in (item["name"], item.get("id")) for item in document.at("schema") or [])


def _twice(document: Document, where: Where, what: str, faults: Faults) -> None:
    faults.error("C063", f"{what} is said twice", document.place(*where, "property"), "it once")


def _entry(document: Document, where: Where, name: str) -> Any:
    found = find_property(document, where, name)
    return document.place(*(found[1] if found else where))
