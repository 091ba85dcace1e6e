"""What a version holds, as sums of hashes: the same for the same rows in any order, and sums add.

So a window or a batch costs the rows that it removes and adds, however large the table is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypedDict

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.lake.versions import stamps
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe


class Content(TypedDict):
    """As a snapshot remembers it; sums are texts, since JSON has no whole numbers of their size."""

    duckdb: str  # each version of the engine has its own hashes
    rows: int
    by: list[str]  # the columns of the primary key, or all columns where there is none
    key: str  # of the hashes of ``by``
    columns: dict[str, str]  # by each other column, of the hashes of ``by`` and the column
    floats: list[str]  # columns that hold floats, whose last digits may differ from run to run


def content_of(connection: duckdb.DuckDBPyConnection, product: DataProduct, relation: str) -> Content:
    """One pass over the rows of a relation that has the product's columns."""
    types = describe(connection, f"FROM {relation}")
    by = list(product.key) if product.key and types.keys() >= set(product.key) else sorted(types)
    others = sorted(types.keys() - set(by))
    row_of = f"hash({', '.join(map(quoted, by))})"  # computed once a row, however often it is named
    hashes = [row_of, *(f"hash({row_of}, {quoted(name)})" for name in others)]
    sums = ", ".join(f"coalesce(sum({each}::HUGEINT), 0)::VARCHAR" for each in hashes)
    row = connection.execute(f"SELECT version(), count(*), {sums} FROM {relation}").fetchone()
    assert row is not None  # an aggregate
    return {
        "duckdb": row[0],
        "rows": row[1],
        "by": by,
        "key": row[2],
        "columns": dict(zip(others, row[3:], strict=True)),
        "floats": sorted(name for name, kind in types.items() if "DOUBLE" in kind or "FLOAT" in kind),
    }


def added(one: Content, other: Content, sign: int = 1) -> Content | None:
    """With the rows of another, or without them; None where their sums are not of one kind."""
    kinds = [[each["duckdb"], each["by"], list(each["columns"])] for each in (one, other)]
    if kinds[0] != kinds[1]:
        return None
    columns = {
        name: str(int(value) + sign * int(other["columns"][name])) for name, value in one["columns"].items()
    }
    key = str(int(one["key"]) + sign * int(other["key"]))
    return {**one, "rows": one["rows"] + sign * other["rows"], "key": key, "columns": columns}


def data_version(stamp: Mapping[str, Any]) -> str | None:
    """In short what a snapshot with this stamp holds, beside its table too; None where it does not say."""
    held = [stamp.get("content"), stamp.get("file", {}).get("sha256")]
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:16] if held[0] else None


def published_content(connection: duckdb.DuckDBPyConnection, product: DataProduct) -> Content | None:
    """That of the version that readers see; None where nothing was published, or without it."""
    return next(
        (facts.get("content") for _, _, facts in stamps(connection, product.lake, product.id, limit=1)), None
    )
