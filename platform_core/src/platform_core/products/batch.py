"""What a stream's function yields: rows under an id that is theirs for good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from platform_core.diagnostics import DefinitionError, Place
from platform_core.sql.quoting import quoted


@dataclass(frozen=True)
class Batch:
    """Rows that belong together, published in one transaction, once.

    ``id`` names them for good: a batch that is delivered again under its id is skipped, and refused where
    its rows differ. ``rows`` are SQL text, a DuckDB relation, or an Arrow, Polars or pandas table; or a
    function without arguments that returns one of these, called only where the batch is not known yet.
    ``fingerprint`` says in short what the rows were made of, such as a file's size and time: a known batch
    with the same one is skipped without looking at its rows. SQL text has one of its own.

    In an f-string a batch of SQL stands for its rows: ``f"SELECT ... FROM {batch}"``.
    """

    id: str
    rows: Any = field(repr=False)
    fingerprint: str | None = None

    def made(self) -> Any:
        """The rows, made now where they are a function."""
        return self.rows() if callable(self.rows) else self.rows

    def __str__(self) -> str:
        if not isinstance(self.rows, str):
            message = f'the batch "{self.id}" is used in SQL, but its rows are no SQL'
            expected = "a batch of an inbox, or one whose rows are SQL text"
            raise DefinitionError.of("D054", message, None, expected, "read its rows in Python: batch.rows")
        return f"({self.rows})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


@dataclass(frozen=True)
class Delivered(Batch):
    """A batch of an inbox: a function's SQL knows its file as a view, made where the SQL names it."""

    view: str = ""
    query: str = ""
    """What the view shows; empty where there is a table of its name."""

    @classmethod
    def of(cls, id: str, view: str, query: str = "", fingerprint: str | None = None) -> Delivered:
        return cls(id, f"SELECT * FROM {quoted(view)}", fingerprint, view, query)


def yielded(result: Any, product: str, place: Place) -> Iterator[Batch]:
    """The batches that a stream's function returned, one after the other, as it makes them.

    Raises:
        DefinitionError: D053 for anything else, and for a batch without an id.
    """
    if isinstance(result, Batch):
        result = [result]
    # A data frame and a relation can be gone through too, column by column.
    many = isinstance(result, Iterable) and not isinstance(result, str) and not hasattr(result, "columns")
    for batch in result if many else [result]:
        if not isinstance(batch, Batch) or not str(batch.id).strip():
            what = "a batch without an id" if isinstance(batch, Batch) else f"a {type(batch).__qualname__}"
            message = f"the function of the stream {product} gave {what}"
            expected = "Batch(id, rows): the id is what tells a batch that is delivered twice"
            fix = "yield a Batch for each piece of data that arrives at once, such as a day's"
            raise DefinitionError.of("D053", message, place, expected, fix)
        yield batch


def first_rows(result: Any, product: str, place: Place) -> Any | None:
    """The rows of the first batch, for a look at what they are; None where there is no batch.

    What a function that reads changes returns is rows already.
    """
    if not isinstance(result, Iterator | Batch | list):
        return result
    first = next(yielded(result, product, place), None)
    return None if first is None else first.made()
