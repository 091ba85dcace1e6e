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
    """A quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def fold(name: str) -> str:
    """A name as DuckDB compares it: only ASCII letters ignore case. Python's ``lower`` also folds letters
    that DuckDB distinguishes, such as the Kelvin sign and ``k``."""
    return name.translate(_FOLDED)


def unlike(name: str, taken: Iterable[str]) -> str:
    """A name that is not taken: the given one, with ``_`` appended as often as needed."""
    known = set(map(fold, taken))
    while fold(name) in known:
        name += "_"
    return name


def literal(value: Value) -> str:
    """A constant. A datetime with a zone becomes a TIMESTAMPTZ, without one a TIMESTAMP."""
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


def file_literal(path: Path | str) -> str:
    """The path of one file as a literal, with pattern characters such as brackets escaped."""
    return literal(glob.escape(str(path)))
