"""A draft of a contract: facts from the data, and placeholders for the decisions of people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, localcontext
from typing import Any, Final

from platform_core.authoring.contract_writer import Pointer, write
from platform_core.authoring.foreign_keys import grids
from platform_core.authoring.key_search import named_like_key
from platform_core.authoring.table_facts import ColumnFacts, TableFacts, Value
from platform_core.contracts.product_id import ProductId
from platform_core.odcs.custom_properties import VENDOR
from platform_core.odcs.placeholders import MARK
from platform_core.words import counted

DIGITS: Final = 2
"""The digits of a range, which is rounded outwards, so that the next row is likely inside."""
_LONGEST_NUMBER: Final = 400  # the digits of the greatest DOUBLE
_NEEDED: Final = frozenset({"VARCHAR", "DOUBLE", "FLOAT", "BOOLEAN", "DATE", "TIMESTAMP", "TIME"})


def draft(
    facts: TableFacts,
    product_id: str | None,
    name: str,
    source: str,
    renamed: Mapping[str, str] | None = None,
    team: str | None = None,
) -> str:
    """The text of a contract for ``facts``, inferred from ``source``, for a product of ``team``.

    ``renamed`` holds the source's names of renamed columns. The text has no value of a column that looks
    personal.
    """
    comments: dict[Pointer, list[str]] = {(): _head(facts, source)}
    for index, column in enumerate(facts.columns):
        remarks = _remarks(column, (renamed or {}).get(column.name))
        if remarks:
            comments[("schema", 0, "properties", index)] = remarks
    document = contract(facts, product_id, name)
    return write(document | {"team": {"name": team}} if team else document, comments)


def contract(facts: TableFacts, product_id: str | None, name: str) -> dict[str, Any]:
    """The same contract as data, in the order of the standard."""
    table: dict[str, Any] = {
        "name": name,
        "dataGranularityDescription": f"One row per {' and '.join(facts.key)}." if facts.key else MARK,
        "properties": [_column(column, facts) for column in facts.columns],
        "quality": [{"metric": "rowCount", "mustBeGreaterThan": 0}],
    }
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": product_id or f"{MARK} <domain>/{name}",
        "version": "0.1.0",
        "status": "draft",
        "description": {"purpose": MARK, "usage": MARK, "limitations": MARK},
        "team": {"name": MARK},
        "roles": [{"role": MARK, "access": "read"}],
        "slaProperties": [
            {"property": "latency", "value": MARK, "unit": "h"},
            {"property": "retention", "value": MARK, "unit": "d"},
        ],
        "schema": [table],
    }


def _column(column: ColumnFacts, facts: TableFacts) -> dict[str, Any]:
    written: dict[str, Any] = {"name": column.name, "logicalType": column.kind}
    if column.type not in _NEEDED and column.kind != "integer":
        written["physicalType"] = column.type
    keyed = column.name in facts.key
    if column.filled == facts.rows and not keyed:
        written["required"] = True
    if column.unique:
        written["unique"] = True
    if keyed:
        written["primaryKey"] = True
        if len(facts.key) > 1:
            written["primaryKeyPosition"] = facts.key.index(column.name) + 1
    written["classification"] = "restricted" if column.personal else column.classification or MARK
    if (
        tags := [*column.tags]
        or ["personal"] * bool(column.personal)
        or ["pseudonymous"] * column.pseudonymous
    ):
        written["tags"] = tags
    if column.not_personal:
        written["customProperties"] = [
            {"property": "notPersonal", "value": column.not_personal, "vendor": VENDOR}
        ]
    if options := _options(column, identifies(column, facts)):
        written["logicalTypeOptions"] = options
    if column.values is not None:
        written["enum"] = [{"value": value} for value in column.values]
    if column.reference is not None:
        domain, name = ProductId(column.reference.product).path
        target = f"{domain}/{name}.odcs.yaml#/schema/{name}/properties/{column.reference.column}"
        written["relationships"] = [{"to": target}]
    written["description"] = column.description or MARK
    return written


def identifies(column: ColumnFacts, facts: TableFacts) -> bool:
    """Whether a column's values identify something, so that new values are outside of the old range."""
    alone = column.unique or facts.key == (column.name,)
    return alone or column.reference is not None or named_like_key(column)


def _options(column: ColumnFacts, identified: bool) -> dict[str, Any]:
    if column.personal or column.filled == 0:
        return {}
    low, high = column.minimum, column.maximum
    if column.kind in ("integer", "number"):
        least, most = rounded(low, up=False), rounded(high, up=True)
        if least is None or most is None:
            return {}  # NaN and infinity are in no range
        if not identified:
            return {"minimum": least, "maximum": most}
        return {"minimum": min(low, 1)} if isinstance(low, int) and low >= 0 else {}
    if column.kind in ("date", "timestamp") and isinstance(low, date) and not identified:
        return {"minimum": _moment(low, column.kind)} if _moment(low, column.kind) else {}
    if column.pattern is not None:
        return {"pattern": column.pattern}
    if column.kind == "string" and column.values is None and column.shortest == column.longest:
        return {"minLength": column.shortest, "maxLength": column.longest} if column.longest else {}
    return {}


def rounded(value: Value | None, *, up: bool) -> int | float | None:
    """A bound of two digits around a value; 0 below a value from 0 to 1; None for any other type."""
    if value is None or isinstance(value, date) or not math.isfinite(value):
        return None
    exact = Decimal(str(value))
    if exact == 0 or (not up and 0 < exact < 1):
        return 0
    with localcontext(prec=_LONGEST_NUMBER):
        step = Decimal(10) ** (exact.adjusted() - DIGITS + 1)
        near = (exact / step).to_integral_value("ROUND_CEILING" if up else "ROUND_FLOOR") * step
        if near == near.to_integral_value() and (isinstance(value, int) or abs(near) < 2**53):
            return int(near)
    return float(near) if math.isfinite(float(near)) else None


def _moment(value: date, kind: str) -> str | None:
    """The first day; a last day would be wrong soon, since data grows."""
    if not 1000 <= value.year <= 9998:
        return None
    day = f"{value:%Y-%m-%d}"
    return day if kind == "date" else f"{day}T00:00:00"


def _head(facts: TableFacts, source: str) -> list[str]:
    lines = [
        f"Inferred from {source}: all of its {counted(facts.rows, 'row')}.",
        f"Replace each {MARK} with your decision. Check the observed ranges (rounded outwards), lengths,",
        "patterns, accepted values, required and unique columns: they become promises.",
    ]
    key = facts.column(facts.key[0]) if len(facts.key) == 1 else None
    if key is not None and (key.pseudonymous or key.personal):
        lines.append(f"One row per {key.name}: every column may be personal.")
    if facts.doubled:
        lines.append("Some rows are repeated, so a key is impossible: remove duplicates, or explain them.")
    elif not facts.key:
        lines.append("No small key was found: declare the key, or explain its absence.")
    if facts.rows < 100:
        lines.append("With so few rows, a key or a list of values may be chance.")
    if found := list(grids(facts.columns)):
        lines.append(f"Partitions are possible: {'; '.join(found)}.")
    return lines


def _remarks(column: ColumnFacts, original: str | None) -> list[str]:
    notes = []
    if original is not None:
        name = f'"{original}"' if original.isprintable() else "another name"
        notes.append(f"The source has {name}.")
    if column.personal:
        notes.append(f"Personal: {column.personal}. Without values, ranges and lengths.")
    if column.pseudonymous:
        notes.append("By its name, it identifies a person: confidential at least.")
    notes += [f"{note[0].upper()}{note[1:]}{'' if note[-1] == '?' else '.'}" for note in column.remarks]
    return notes
