"""What a stream's function yields: rows under an id that is theirs for good."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from platform_core.errors import DefinitionError, Diagnostic


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

    def __str__(self) -> str:
        if not isinstance(self.rows, str):
            raise DefinitionError(
                Diagnostic(
                    "D054",
                    f'the batch "{self.id}" is used in SQL, but its rows are no SQL',
                    expected="a batch of an inbox, or one whose rows are SQL text",
                    fix="read its rows in Python: batch.rows",
                )
            )
        return f"({self.rows})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)
