"""A version's content as sums of hashes: independent of the order of rows, and additive. A window or a
batch costs only the rows that it removes and adds."""

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
    """As a snapshot stores it. Sums are texts because they exceed JSON's numbers."""

    duckdb: str  # hashes differ between versions of the engine
    rows: int
    by: list[str]  # the primary key, or all columns without one
    key: str  # of the hashes of ``by``
    columns: dict[str, str]  # for each other column, of the hashes of ``by`` and the column
    floats: list[str]  # columns of floats; their last digits may differ between runs


def content_of(connection: duckdb.DuckDBPyConnection, product: DataProduct, relation: str) -> Content:
    """The content of a relation with the product's columns, in one pass."""
    types = describe(connection, f"FROM {relation}")
    by = list(product.key) if product.key and types.keys() >= set(product.key) else sorted(types)
    others = sorted(types.keys() - set(by))
    row_of = f"hash({', '.join(map(quoted, by))})"  # computed once a row
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
    """The content with the rows of another, or with ``sign=-1`` without them; None if they are not
    comparable."""
    kinds = [[each["duckdb"], each["by"], list(each["columns"])] for each in (one, other)]
    if kinds[0] != kinds[1]:
        return None
    columns = {
        name: str(int(value) + sign * int(other["columns"][name])) for name, value in one["columns"].items()
    }
    key = str(int(one["key"]) + sign * int(other["key"]))
    return {**one, "rows": one["rows"] + sign * other["rows"], "key": key, "columns": columns}


def columns_differing(one: Content, other: Content) -> frozenset[str] | None:
    """The columns with other values; None if the rows differ, or the contents are not comparable."""
    kinds = [[each["duckdb"], each["by"], each["rows"], each["key"]] for each in (one, other)]
    if kinds[0] != kinds[1]:
        return None
    values = (one["columns"], other["columns"])
    names = values[0].keys() | values[1].keys()
    return frozenset(name for name in names if values[0].get(name) != values[1].get(name))


def data_version(stamp: Mapping[str, Any]) -> str | None:
    """A short hash of a version's content and file, from its stamp; None for a stamp without content."""
    held = [stamp.get("content"), stamp.get("file", {}).get("sha256")]
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:16] if held[0] else None


def published_content(connection: duckdb.DuckDBPyConnection, product: DataProduct) -> Content | None:
    """The content of the published version; None if there is none."""
    return next(
        (facts.get("content") for _, _, facts in stamps(connection, product.lake, product.id, limit=1)), None
    )
