"""The facts of a table, from which a contract is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from platform_core.sql.types import family

Value = int | float | Decimal | date | datetime


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """The target of a column in another product, and the number of its values that are not there."""

    product: str
    column: str
    values: int
    missing: int
    alike: int = 0
    """The rank of the names, 0 the best."""


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """The facts of a column in all rows; likely ones come from a sample."""

    name: str
    type: str
    filled: int
    """Rows that have a value."""
    minimum: Value | None = None
    maximum: Value | None = None
    shortest: int | None = None
    longest: int | None = None
    values: tuple[str, ...] | None = None
    """All values of a text that has few."""
    pattern: str | None = None
    unique: bool = False
    personal: str | None = None
    """Likely: why the column looks personal."""
    not_personal: str | None = None
    """Likely: why the column is not personal, in spite of its name."""
    pseudonymous: bool = False
    reference: ForeignKey | None = None
    classification: str | None = None
    """That of the input columns from which it is computed, the most protected one."""
    description: str | None = None
    """That of the input column of its name."""
    tags: tuple[str, ...] = ()
    """The tags personal or pseudonymous of that column."""
    remarks: tuple[str, ...] = ()
    """Hints for the person who decides, without values."""

    @property
    def kind(self) -> str:
        """The logical type that the contract gives it."""
        if self.type.endswith("]"):
            return "array"
        return family(self.type) or ("object" if self.type.startswith(("STRUCT(", "MAP(")) else "string")


@dataclass(frozen=True, slots=True)
class TableFacts:
    rows: int
    columns: tuple[ColumnFacts, ...]
    key: tuple[str, ...] = ()
    """The smallest found key; empty without one."""
    doubled: bool = False
    """Whether some rows are repeated, so that a key is impossible."""

    def column(self, name: str) -> ColumnFacts:
        return next(column for column in self.columns if column.name == name)
