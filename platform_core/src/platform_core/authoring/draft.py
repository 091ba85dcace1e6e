"""Facts as a contract: everything that data tells is said, everything else asks to be decided."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
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
"""To how many digits a range is rounded, outwards: a promise that the next row does not break."""
_LONGEST_NUMBER: Final = 400  # the digits of the greatest DOUBLE
_NEEDED: Final = frozenset({"VARCHAR", "DOUBLE", "FLOAT", "BOOLEAN", "DATE", "TIMESTAMP", "TIME"})


def draft(
    facts: TableFacts,
    product_id: str | None,
    name: str,
    source: str,
    renamed: Mapping[str, str] | None = None,
) -> str:
    """The text of a contract for a product that looks like ``facts``, inferred from ``source``.

    ``renamed`` are the columns that are called otherwise in the source. No value of a column that looks
    personal is in it.
    """
    comments: dict[Pointer, list[str]] = {(): _head(facts, source)}
    for index, column in enumerate(facts.columns):
        said = _remarks(column, (renamed or {}).get(column.name))
        if said:
            comments[("schema", 0, "properties", index)] = said
    return write(contract(facts, product_id, name), comments)


def contract(facts: TableFacts, product_id: str | None, name: str) -> dict[str, Any]:
    """The same as data, in the order of the standard."""
    table: dict[str, Any] = {
        "name": name,
        "dataGranularityDescription": f"One row per {_and(facts.key)}." if facts.key else MARK,
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
    said: dict[str, Any] = {"name": column.name, "logicalType": column.kind}
    if column.type not in _NEEDED and column.kind != "integer":
        said["physicalType"] = column.type
    keyed = column.name in facts.key
    if column.filled == facts.rows and not keyed:
        said["required"] = True
    if column.unique:
        said["unique"] = True
    if keyed:
        said["primaryKey"] = True
        if len(facts.key) > 1:
            said["primaryKeyPosition"] = facts.key.index(column.name) + 1
    said["classification"] = "restricted" if column.personal else MARK
    if column.personal or column.pseudonymous:
        said["tags"] = ["personal" if column.personal else "pseudonymous"]
    if column.not_personal:
        said["customProperties"] = [
            {"property": "notPersonal", "value": column.not_personal, "vendor": VENDOR}
        ]
    if options := _options(column, identifies(column, facts)):
        said["logicalTypeOptions"] = options
    if column.values is not None:
        said["enum"] = [{"value": value} for value in column.values]
    if column.reference is not None:
        domain, name = ProductId(column.reference.product).path
        target = f"{domain}/{name}.odcs.yaml#/schema/{name}/properties/{column.reference.column}"
        said["relationships"] = [{"to": target}]
    said["description"] = MARK
    return said


def identifies(column: ColumnFacts, facts: TableFacts) -> bool:
    """Whether a column's values are names of something, so that new ones lie beyond those that there were."""
    alone = column.unique or facts.key == (column.name,)
    return alone or column.reference is not None or named_like_key(column)


def _options(column: ColumnFacts, identified: bool) -> dict[str, Any]:
    """Ranges, lengths and forms, but none of a column that looks personal."""
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
    """A bound with two digits that encloses a value; 0 for what is not below it; None for no number."""
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
    """The first day there was: data grows at the other end."""
    if not 1000 <= value.year <= 9998:
        return None
    day = f"{value:%Y-%m-%d}"
    return day if kind == "date" else f"{day}T00:00:00"


def _head(facts: TableFacts, source: str) -> list[str]:
    lines = [
        f"Inferred from {source}: all of its {counted(facts.rows, 'row')}.",
        f"Facts are filled in; {MARK} stands where people decide. What was observed becomes a promise if it",
        "stays: ranges (rounded outwards), lengths, patterns, accepted values, required and unique columns.",
    ]
    key = facts.column(facts.key[0]) if len(facts.key) == 1 else None
    if key is not None and (key.pseudonymous or key.personal):
        lines.append(f"One row per {key.name}: any of the columns may be about a person.")
    if facts.doubled:
        lines.append("Some rows are there twice, so nothing can be a key: keep each once, or say why not.")
    elif not facts.key:
        lines.append(
            "No few columns were found that no two rows share: say which are the key, or why there is none."
        )
    if facts.rows < 100:
        lines.append("So few rows tell little: a key or a list of values may be chance.")
    if found := list(grids(facts.columns)):
        lines.append(f"Could be partitioned: {'; '.join(found)}.")
    return lines


def _remarks(column: ColumnFacts, called: str | None) -> list[str]:
    said = []
    if called is not None:
        said.append(
            f'Called "{called}" in the source.' if called.isprintable() else "Called otherwise in the source."
        )
    if column.personal:
        said.append(f"Personal: {column.personal}. Without values, ranges and lengths.")
    if column.pseudonymous:
        said.append("Stands for somebody, by its name: confidential at least.")
    said += [
        f"{remark[0].upper()}{remark[1:]}{'' if remark[-1] == '?' else '.'}" for remark in column.remarks
    ]
    return said


def _and(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
