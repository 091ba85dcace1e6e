"""Types of columns in DuckDB's words."""

from __future__ import annotations

from typing import Final, Protocol

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


class Typed(Protocol):
    """A column of a contract, which names a physical type, a logical one, or neither."""

    @property
    def logical_type(self) -> str | None: ...
    @property
    def physical_type(self) -> str | None: ...


def duckdb_type(column: Typed) -> str:
    """The DuckDB type of a column by its contract."""
    return column.physical_type or TYPES.get(column.logical_type or "string", "VARCHAR")
