"""What was found out about a table, before anything is said in a contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from platform_core.sql.types import family

Value = int | float | Decimal | date | datetime


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A column's counterpart in another product, and how many of its values are not there."""

    product: str
    column: str
    values: int
    missing: int
    alike: int = 0
    """How near the names are, 0 the nearest."""


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What all rows say of a column. What is called likely comes from a sample."""

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
    """Likely: what makes the column look like one about persons."""
    not_personal: str | None = None
    """Likely: why it speaks of nobody, though its name is like that."""
    pseudonymous: bool = False
    reference: ForeignKey | None = None
    remarks: tuple[str, ...] = ()
    """What the column seems to be, for whoever decides; never a value."""

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
    """The fewest columns that no two rows share; empty where none were found."""
    doubled: bool = False
    """Whether some rows are there twice, so that nothing can be a key."""

    def column(self, name: str) -> ColumnFacts:
        return next(column for column in self.columns if column.name == name)
