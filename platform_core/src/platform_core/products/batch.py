"""The batches of a stream: rows with a permanent id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from platform_core.diagnostics import DefinitionError, Place
from platform_core.sql.quoting import quoted


@dataclass(frozen=True)
class Batch:
    """Rows that are published once, in one transaction.

    ``id`` is permanent: a batch that is delivered again under its id is skipped, and refused if its rows
    differ. ``rows`` are what the function of a table may return; or a function
    without arguments that returns one of these, called only for an unknown batch. ``fingerprint`` identifies
    the origin of the rows, such as a file's size and time: a known batch with the same fingerprint is
    skipped without reading its rows. SQL text has a fingerprint of its own.

    In an f-string a batch of SQL stands for its rows: ``f"SELECT ... FROM {batch}"``.
    """

    id: str
    rows: Any = field(repr=False)
    fingerprint: str | None = None

    def made(self) -> Any:
        """The rows; a function is called for them."""
        return self.rows() if callable(self.rows) else self.rows

    def __str__(self) -> str:
        if not isinstance(self.rows, str):
            message = f'the batch "{self.id}" is used in SQL, but its rows are not SQL'
            expected = "a batch of an inbox, or one whose rows are SQL text"
            raise DefinitionError.of("D054", message, None, expected, "Read its rows in Python: `batch.rows`")
        return f"({self.rows})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


@dataclass(frozen=True)
class Delivered(Batch):
    """A batch of an inbox. SQL finds its file as a view, which is created if the SQL names it."""

    view: str = ""
    query: str = ""
    """The SQL of the view; empty if a table of its name exists."""

    @classmethod
    def of(cls, id: str, view: str, query: str = "", fingerprint: str | None = None) -> Delivered:
        return cls(id, f"SELECT * FROM {quoted(view)}", fingerprint, view, query)


def yielded(result: Any, product: str, place: Place) -> Iterator[Batch]:
    """The batches that a stream's function returned, one after the other. Raises DefinitionError D053 for
    another type, and for a batch without an id."""
    if isinstance(result, Batch):
        result = [result]
    # A data frame and a relation are iterable too, by column.
    many = isinstance(result, Iterable) and not isinstance(result, str) and not hasattr(result, "columns")
    for batch in result if many else [result]:
        if not isinstance(batch, Batch) or not str(batch.id).strip():
            what = "a batch without an id" if isinstance(batch, Batch) else f"a {type(batch).__qualname__}"
            message = f"the function of the stream {product} yields {what}"
            expected = "Batch(id, rows), whose id identifies a batch that is delivered twice"
            fix = "Yield a Batch for each delivery, such as the rows of a day."
            raise DefinitionError.of("D053", message, place, expected, fix)
        yield batch


def first_rows(result: Any, product: str, place: Place) -> Any | None:
    """The rows of the first batch; None without a batch. Rows are returned as they are."""
    if not isinstance(result, Iterator | Batch | list):
        return result  # rows of changes, or a dlt resource
    first = next(yielded(result, product, place), None)
    return None if first is None else first.made()
