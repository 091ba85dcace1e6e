"""Rows for a reader: read when they are asked for, always of the same versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from platform_core.access.in_process import GrantedRows
from platform_core.extras import missing

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation
    from pandas import DataFrame
    from polars import DataFrame as PolarsFrame
    from pyarrow import Table

T = TypeVar("T")


@dataclass(frozen=True, eq=False, repr=False)
class Rows:
    """Rows of granted versions. Every call reads them again, of the same versions, even if new ones were
    published or these were removed from the lake. Times are in UTC. For one thread at a time.

    The methods raise UsageError: U040 if a value cannot be computed, U045 if the memory is exceeded, U110
    if their library is not installed; and LakeError L004 for a damaged file.
    """

    _rows: GrantedRows

    @property
    def products(self) -> tuple[str, ...]:
        """The ids of the products whose rows these are."""
        return self._rows.products

    def duckdb(self) -> DuckDBPyRelation:
        """A relation of an engine that sees only these versions."""
        return self._rows.relation()

    def arrow(self) -> Table:
        return self._read("pyarrow", lambda rows: rows.to_arrow_table())

    def polars(self) -> PolarsFrame:
        return self._read("polars", lambda rows: rows.pl())

    def pandas(self) -> DataFrame:
        return self._read("pandas", lambda rows: rows.df())

    def __repr__(self) -> str:
        columns = ", ".join(self.duckdb().columns)
        return f"<rows of {', '.join(self.products) or 'no product'}: {columns}>"

    def _read(self, library: str, read: Callable[[DuckDBPyRelation], T]) -> T:
        try:
            __import__(library)
            with self._rows.faults():
                return read(self._rows.relation())
        except ModuleNotFoundError as error:
            raise missing(error) from None
