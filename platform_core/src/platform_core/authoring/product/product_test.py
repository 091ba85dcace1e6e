"""A test for a new product with a made-up row, evaluated before the test is written."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from platform_core.authoring.contract_writer import write
from platform_core.authoring.draft import contract, identifies, rounded
from platform_core.authoring.infer import Inferred
from platform_core.authoring.product.scaffold import Maker
from platform_core.authoring.table_facts import ColumnFacts, TableFacts
from platform_core.contracts.model import DataProduct, Rule
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import PlatformError
from platform_core.lake.publication.column_fit import fitted
from platform_core.lake.transaction import number
from platform_core.odcs.placeholders import MARK, marked
from platform_core.odcs.reader import load_contract
from platform_core.products.evaluate import JUDGED, MADE, judge
from platform_core.products.inputs.bind import in_memory
from platform_core.products.inputs.rows import filled, typed
from platform_core.registry.lookup import Registry
from platform_core.sql.columns import columns_used
from platform_core.sql.quoting import quoted
from platform_core.sql.types import duckdb_type

Row = dict[str, Any]
_FILLERS: Final = {"classification": "internal", "value": 1, "role": "analysts"}


def test_module(inferred: Inferred, made: Maker, product_id: str, registry: Registry) -> str:
    """The text of a test that passes once the contract has no placeholders.

    Its rows are made up from types, ranges and accepted values, without values of personal columns.
    """
    domain, name = ProductId(product_id).path
    rows = _rows(inferred, made, registry)
    once, twice = _evaluated(inferred, made, product_id, registry, rows)
    taken = ", ".join(f"{argument}=[{argument.upper()}]" for argument in rows)
    imports = sorted(
        {type(v).__name__ for row in rows.values() for v in row.values()} & {"date", "datetime", "time"}
    )
    lines = [f"from datetime import {', '.join(imports)}"] if imports else []
    decimals = any(isinstance(value, Decimal) for row in rows.values() for value in row.values())
    lines += ["from decimal import Decimal"] if decimals else []
    lines += ["from typing import Any"] if rows else []
    lines += ["", "from platform_core.testing import evaluate", f"from {domain}.{name} import {name}", ""]
    for argument, row in rows.items():
        lines += [f"{argument.upper()}: dict[str, Any] = {{"]
        lines += [f"    {_literal(column)}: {_literal(value)}," for column, value in row.items()]
        lines += ["}"]
    lines += ["", "", f"def test_{name}_keeps_its_contract() -> None:"]
    lines += [f"    result = evaluate({', '.join([name, *([taken] if taken else [])])})"]
    lines += [f"    assert result.failed == {json.dumps(once[0])}"]
    lines += [f"    assert len(result.rows) == {once[1]}"]
    if twice[0] and twice[0] != once[0]:
        doubled = ", ".join(f"{argument}=[{argument.upper()}, {argument.upper()}]" for argument in rows)
        lines += ["", "", f"def test_{name}_refuses_a_row_that_is_there_twice() -> None:"]
        lines += [f"    result = evaluate({name}, {doubled})"]
        lines += [f"    assert result.failed == {json.dumps(twice[0])}"]
    return "\n".join(lines).lstrip("\n") + "\n"


def _rows(inferred: Inferred, made: Maker, registry: Registry) -> dict[str, Row]:
    if inferred.subject.file is not None:
        names, filled_columns = inferred.renamed, [c for c in inferred.facts.columns if c.filled]
        return {"raw": {names.get(c.name, c.name): _of_facts(c, inferred.facts) for c in filled_columns}}
    products = {argument: registry.get(product) for argument, product in made.inputs.items()}
    tables = {argument: [c.name for c in product.columns] for argument, product in products.items()}
    try:
        used = columns_used(made.sql.format(**{name: quoted(name) for name in products}), tables)
    except PlatformError:
        used = {argument: tuple(names) for argument, names in tables.items()}
    rows = {
        argument: _of_contract(product, used[argument], made.sql) for argument, product in products.items()
    }
    # A column that stands alone behind one of the result has a value that the result's contract accepts.
    for column in inferred.facts.columns:
        for argument, product in products.items():
            for origin in inferred.origins.get(column.name, ()):
                alone = origin in product.columns and len(inferred.origins[column.name]) == 1
                value = _of_facts(column, inferred.facts) if alone else None
                if value is not None and origin.name in rows[argument] and column.kind == origin.logical_type:
                    rows[argument][origin.name] = value
    return rows


def _of_facts(column: ColumnFacts, facts: TableFacts) -> Any:
    if column.values:
        return column.values[0]
    low = column.minimum
    match column.kind:
        case "integer":
            # An identifier is made up; a quantity must be in its range.
            if column.personal or low is None or identifies(column, facts):
                return 1
            return rounded(low, up=False)
        case "number":
            return 1.0 if column.personal or low is None else float(rounded(low, up=False) or 0)
        case "boolean":
            return True
        case "date" | "timestamp":
            moment = datetime(2024, 1, 2) if column.personal or not isinstance(low, date) else low
            day = datetime(moment.year, moment.month, moment.day, 23)
            return day if column.kind == "timestamp" else day.date()
        case "time":
            return time(12)
        case "string" if column.type == "VARCHAR":
            return _patterned(column)
        case _:
            return None


def _patterned(column: ColumnFacts) -> str:
    """A text of the column's pattern: ``AA1111`` for ``^[A-Z]{2}[0-9]{4}$``."""
    if column.pattern is None or column.personal:
        return "a" * column.longest if column.longest and column.longest == column.shortest else "text"
    parts = re.findall(r"(\[0-9\]|\[A-Z\]|\[a-z\]|\[\.\]|.)(?:\{(\d+)\})?", column.pattern[1:-1])
    letters = {"[0-9]": "1", "[A-Z]": "A", "[a-z]": "a", "[.]": "."}
    return "".join(letters.get(part, part) * int(count or 1) for part, count in parts)


def _of_contract(product: DataProduct, used: Sequence[str], sql: str) -> Row:
    rules: dict[tuple[str, str], Rule] = {}
    for rule in product.rules:
        if len(rule.columns) == 1:
            rules.setdefault((rule.columns[0], rule.kind), rule)
    row: Row = {}
    for column in product.columns:
        if column.name not in used:
            continue
        values, limits = rules.get((column.name, "accepted_values")), rules.get((column.name, "range"))
        low = limits.limits.minimum if limits and limits.limits else None
        kind = column.logical_type or "string"
        usual = {"integer": 1, "number": 1.0, "boolean": True, "string": "text", "time": time(12)}
        usual |= {"date": date(2024, 1, 2), "timestamp": datetime(2024, 1, 2, 12)}
        accepted = values.values if values else ()
        asked = next((value for value in accepted if f"'{value}'" in sql), None)
        first = asked or (accepted[0] if accepted else None)
        row[column.name] = first or (low if low not in (None, 0) else usual.get(kind))
        if kind == "timestamp" and product.partitions and product.partitions.column == column.name:
            row[column.name] = product.partitions.start.replace(hour=12)
    return row


def _evaluated(
    inferred: Inferred, made: Maker, product_id: str, registry: Registry, rows: Mapping[str, Row]
) -> tuple[tuple[list[str], int], tuple[list[str], int]]:
    """The broken rules and the number of rows, with each input row once and twice."""
    name = ProductId(product_id).name
    document = _decided(contract(inferred.facts, product_id, name))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.odcs.yaml"
        path.write_text(write(document), encoding="utf-8")
        product = load_contract(path)
    found = []
    for times in (1, 2):
        with in_memory() as connection:
            types = {argument: typed(_types(inferred, made, argument, registry)) for argument in rows}
            tables = {
                argument: filled(connection, argument, [row] * times, types[argument])
                for argument, row in rows.items()
            }
            fit = fitted(connection, product, made.sql.format(**tables))
            connection.execute(f"CREATE TABLE {MADE} AS {fit.query}")
            outcomes = judge(connection, product, MADE, JUDGED)
            failed = [outcome.rule.name for outcome in outcomes if not outcome.passed]
            found.append((failed, number(connection, f"SELECT count(*) FROM {MADE}")))
    return found[0], found[1]


def _types(inferred: Inferred, made: Maker, argument: str, registry: Registry) -> dict[str, str]:
    if inferred.subject.file is not None:
        read, columns = inferred.conversions, inferred.facts.columns
        types = {c.name: read[c.name].source if c.name in read else c.type for c in columns}
        return {inferred.renamed.get(name, name): kind for name, kind in types.items()}
    return {c.name: duckdb_type(c) for c in registry.get(made.inputs[argument]).columns}


def _decided(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _decided(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_decided(inner, key) for inner in value]
    return _FILLERS.get(key, MARK.lower()) if marked(value) else value


def _literal(value: Any) -> str:
    match value:
        case datetime():
            return f"datetime({value.year}, {value.month}, {value.day}, {value.hour})"
        case date():
            return f"date({value.year}, {value.month}, {value.day})"
        case time():
            return f"time({value.hour})"
        case Decimal():
            return f'Decimal("{value}")'
        case str():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return repr(value)
