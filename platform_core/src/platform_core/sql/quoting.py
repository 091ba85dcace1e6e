"""Names and values inside SQL text."""

from __future__ import annotations

import glob
import string
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Final

_FOLDED: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

Value = str | int | float | bool | Decimal | date | datetime


def quoted(name: str) -> str:
    """An identifier, quoted whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def fold(name: str) -> str:
    """A name as DuckDB compares it: only the letters of ASCII are alike in both cases.

    Python's ``lower`` also folds what DuckDB tells apart, such as the Kelvin sign and ``k``.
    """
    return name.translate(_FOLDED)


def unlike(name: str, taken: Iterable[str]) -> str:
    """A name that is none of those taken, as DuckDB compares them: the given one, or with ``_`` behind it."""
    known = set(map(fold, taken))
    while fold(name) in known:
        name += "_"
    return name


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


def file_literal(path: Path) -> str:
    """The path of one file to read: DuckDB takes brackets in a path for a pattern."""
    return literal(glob.escape(str(path)))
