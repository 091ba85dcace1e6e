"""Conversion of times from DuckDB to Python, which has only the years 1 to 9999 and no infinity."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe, family

if TYPE_CHECKING:
    import duckdb

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(column: str) -> str:
    """SQL for the microseconds since 1970 of a date or timestamp; NULL outside of Python's range."""
    return f"CASE WHEN era({column}) = 1 AND year({column}) < 10000 THEN epoch_us({column}::TIMESTAMPTZ) END"


def moment(since_1970: int | None) -> datetime | None:
    """The time in UTC from microseconds since 1970."""
    return None if since_1970 is None else _EPOCH + timedelta(microseconds=since_1970)


def in_words(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """A query with dates, timestamps and intervals as texts, because infinity in Python is a day of 9999."""
    names = [
        quoted(name)
        for name, kind in describe(connection, query).items()
        if family(kind) in ("date", "timestamp") or kind == "INTERVAL"
    ]
    texts = ", ".join(f"{name}::VARCHAR AS {name}" for name in names)
    return f"SELECT * REPLACE ({texts}) FROM ({query})" if texts else query
