"""Names and values inside SQL text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite

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
