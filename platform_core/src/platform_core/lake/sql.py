"""Names and values inside SQL text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Final

from platform_core.contracts.model import Column, DataProduct

Value = str | int | float | bool | Decimal | date | datetime


def quoted(name: str) -> str:
    """An identifier, quoted whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Value) -> str:
    """A constant. A datetime with a zone becomes a TIMESTAMPTZ, one without a TIMESTAMP."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case float():
            return repr(value) if isfinite(value) else f"CAST('{value!r}' AS DOUBLE)"
        case datetime():
            if value.tzinfo is None:
                return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
            return f"TIMESTAMPTZ '{value.astimezone(UTC).isoformat(sep=' ')}'"
        case date():
            return f"DATE '{value.isoformat()}'"
        case str():
            return "'" + value.replace("'", "''") + "'"


def table_of(product: DataProduct) -> str:
    """The relation under which every reader finds a product: ``"<lake>"."products"."<name>"``."""
    return f'{quoted(product.lake)}."products".{quoted(product.name)}'


TYPES: Final = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "time": "TIME",
}
"""What holds the standard's logical types where a contract names no physical one."""


def duckdb_type(column: Column) -> str:
    """The DuckDB type of a column by its contract."""
    return column.physical_type or TYPES.get(column.logical_type or "string", "VARCHAR")
