"""An input as a product's function gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_core.diagnostics import DefinitionError, Place
from platform_core.sql.quoting import quoted

if TYPE_CHECKING:
    import duckdb
    import pandas
    import polars
    import pyarrow


class RowsNotShown(Exception):
    """A function asks for the rows of an input that has only a name and columns."""


@dataclass(frozen=True)
class Table:
    """An input: in an f-string its quoted name in SQL, else a relation or a data frame.

    A relation or data frame needs declared columns, because the platform must know the used columns without
    running the function.
    """

    name: str
    source: str
    """The id of the product or the name of the source, for messages."""
    columns: tuple[str, ...]
    frames: bool = True
    """Whether it may be read as a relation or data frame."""
    place: Place | None = None
    engine: Callable[[], duckdb.DuckDBPyConnection] | None = field(default=None, repr=False, compare=False)
    """Opens the engine that reads its rows; None without rows."""

    @property
    def connection(self) -> duckdb.DuckDBPyConnection | None:
        """An engine that has only the inputs, as views, and cannot write."""
        return self.engine() if self.engine is not None else None

    def __str__(self) -> str:
        return quoted(self.name)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def relation(self) -> duckdb.DuckDBPyRelation:
        """A lazy DuckDB relation on ``connection``."""
        if not self.frames:
            message = (
                f'the input "{self.name}" ({self.source}) is read as a data frame, '
                "but its columns are not declared"
            )
            expected = "columns named in the decorator, or SQL that names them itself"
            fix = f'Write `inputs={{"{self.name}": Input("{self.source}", columns=("...", "..."))}}`.'
            raise DefinitionError.of("D003", message, self.place, expected, fix, plain=True)
        connection = self.connection
        if connection is None:
            raise RowsNotShown(self.name)
        return connection.sql(f"SELECT * FROM {self}")

    def arrow(self) -> pyarrow.Table:
        return self.relation().to_arrow_table()

    def polars(self) -> polars.DataFrame:
        return self.relation().pl()

    def pandas(self) -> pandas.DataFrame:
        return self.relation().df()


def show(
    connection: duckdb.DuckDBPyConnection, name: str, query: str, *, kept: bool = False, **details: Any
) -> Table:
    """Make a query visible under the name of a parameter; ``kept`` stores its rows in a table."""
    connection.execute(f"CREATE OR REPLACE TEMP {'TABLE' if kept else 'VIEW'} {quoted(name)} AS {query}")
    columns = tuple(row[0] for row in connection.execute(f"DESCRIBE {quoted(name)}").fetchall())
    return Table(name=name, columns=columns, **details)
