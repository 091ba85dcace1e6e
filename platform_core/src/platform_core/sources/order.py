"""The orders to the staging process, and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from platform_core.sources.source import Source

LOCK_COMMAND: Final = "mesh check <domain>/<product> --lock"


@dataclass(frozen=True, slots=True)
class Range:
    """A part of a source: ``start`` <= ``column`` < ``end``, in the text of ISO 8601."""

    column: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Order:
    """One source to read. ``columns`` are names and DuckDB types; None is all columns, as they are."""

    argument: str
    source: Source
    """With an absolute path, or a URL."""
    columns: Mapping[str, str] | None
    range: Range | None
    out: str
    """The Parquet file to write; empty to ask only for the columns."""

    @property
    def database(self) -> str:
        """Orders of one database are read in one snapshot."""
        return f"{self.source.kind} {self.source.secret or self.source.path} {self.source.version}"


@dataclass(frozen=True, slots=True)
class Staged:
    """A source that was read: the DuckDB types of all its columns, the pinned version, and the newest value
    of ``time_column`` in all rows (ISO 8601)."""

    types: Mapping[str, str]
    rows: int = 0
    version: int | None = None
    newest: str | None = None


class Reader(Protocol):
    """A database, or a table, that is open in one snapshot. Every method raises SourceError: S022 not
    reachable, S023 changed, S024 a value that would not be kept, S025 broken off."""

    def types(self, order: Order) -> dict[str, str]:
        """The DuckDB types of all columns, by name; those of ``order`` where they keep every value."""

    def write(self, order: Order, columns: Mapping[str, str]) -> int:
        """Write these columns, in these types, of the rows in the order's range, to its Parquet file; returns
        the number of rows."""

    @property
    def version(self) -> int | None:
        """The pinned version of a table format."""

    def newest(self, order: Order, column: str) -> str | None:
        """The newest value of a column in all rows."""
