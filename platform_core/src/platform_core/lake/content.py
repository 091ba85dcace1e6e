"""What a version holds, as sums of hashes: the same for the same rows in any order, and sums add.

So a window or a batch costs the rows that it removes and adds, however large the table is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.lake.versions import stamps
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe

CONTENT = "content"
"""What a snapshot remembers of it."""


@dataclass(frozen=True, slots=True)
class Content:
    """The sums of one relation. They compare only where ``like`` holds: engines differ in their hashes."""

    duckdb: str
    rows: int
    by: tuple[str, ...]
    """The columns that tell a row: the primary key, or all columns where there is none."""
    key: int
    """The sum of the hashes of ``by``."""
    columns: Mapping[str, int]
    """By each other column, the sum of the hashes of ``by`` and the column."""
    floats: tuple[str, ...]
    """Columns that hold floats, whose last digits may differ from run to run."""

    @classmethod
    def read(cls, facts: Mapping[str, Any] | None) -> Content | None:
        """What ``facts`` wrote; None for nothing."""
        if not facts:
            return None
        sums = {name: int(value) for name, value in facts["columns"].items()}
        by, floats = tuple(facts["by"]), tuple(facts["floats"])
        return cls(facts["duckdb"], facts["rows"], by, int(facts["key"]), sums, floats)

    def facts(self) -> dict[str, Any]:
        """For JSON, which has no whole numbers of this size."""
        columns = {name: str(value) for name, value in sorted(self.columns.items())}
        told = {"duckdb": self.duckdb, "rows": self.rows, "by": self.by, "key": str(self.key)}
        return {**told, "columns": columns, "floats": self.floats}

    def digest(self, file: str = "") -> str:
        """In short; ``file`` is the sha256 of what is kept beside the table."""
        return hashlib.sha256(json.dumps([self.facts(), file]).encode()).hexdigest()[:16]

    def like(self, other: Content) -> bool:
        return (self.duckdb, self.by, self.columns.keys()) == (other.duckdb, other.by, other.columns.keys())

    def plus(self, other: Content, sign: int = 1) -> Content | None:
        """With the rows of another; None where their sums are not of one kind."""
        if not self.like(other):
            return None
        columns = {name: value + sign * other.columns[name] for name, value in self.columns.items()}
        rows, key = self.rows + sign * other.rows, self.key + sign * other.key
        return Content(self.duckdb, rows, self.by, key, columns, self.floats)

    def minus(self, other: Content) -> Content | None:
        return self.plus(other, -1)


def content_of(con: duckdb.DuckDBPyConnection, product: DataProduct, relation: str) -> Content:
    """One pass over the rows of a relation that has the product's columns."""
    types = describe(con, f"FROM {relation}")
    by = product.key if product.key and types.keys() >= set(product.key) else tuple(sorted(types))
    others = [name for name in types if name not in by]
    row_of = f"hash({', '.join(map(quoted, by))})"  # computed once a row, however often it is named
    sums = [row_of, *(f"hash({row_of}, {quoted(name)})" for name in others)]
    row = con.execute(
        f"SELECT version(), count(*), {', '.join(f'coalesce(sum({s}::HUGEINT), 0)' for s in sums)}"
        f" FROM {relation}"
    ).fetchone()
    assert row is not None  # an aggregate
    floats = tuple(sorted(name for name, kind in types.items() if "DOUBLE" in kind or "FLOAT" in kind))
    return Content(row[0], row[1], by, row[2], dict(zip(others, row[3:], strict=True)), floats)


def published_content(con: duckdb.DuckDBPyConnection, product: DataProduct) -> Content | None:
    """That of the version that readers see; None where nothing was published, or without it."""
    newest = next(stamps(con, product.lake, product.id, limit=1), None)
    return Content.read(newest[2].get(CONTENT)) if newest else None
