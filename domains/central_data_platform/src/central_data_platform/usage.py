"""The readers of each product, and the unused grants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pyarrow as pa

from platform_core import DataProduct, Result, data_product
from platform_core.mesh import Materialization, QueryRead, contracts, queries_asked, runs

USAGE = pa.schema(
    {
        "product_id": pa.string(),
        "via": pa.string(),
        "reader": pa.string(),
        "domain": pa.string(),
        "reader_domain": pa.string(),
        "reads": pa.int64(),
        "first_read_at": pa.timestamp("us", tz="UTC"),
        "last_read_at": pa.timestamp("us", tz="UTC"),
        "last_version_read": pa.int64(),
        "granted": pa.bool_(),
        "as_of": pa.timestamp("us", tz="UTC"),
    }
)


@dataclass
class Reading:
    """The reads of one product by one reader."""

    at: list[datetime] = field(default_factory=list)
    version: int | None = None


@data_product
def data_product_usage() -> Result:
    products, as_of = contracts().products, datetime.now(UTC)
    made = [each for found in runs(products).values() for each in found]
    rows = usage(products, made, queries_asked())
    table = pa.Table.from_pylist([{**each, "as_of": as_of} for each in rows], schema=USAGE)
    return Result(table, counted(rows))


def usage(
    products: Sequence[DataProduct], made: Iterable[Materialization], asked: Iterable[QueryRead]
) -> list[dict[str, Any]]:
    """One row for each product, kind of access and reader, and for each unused grant."""
    found: dict[tuple[str, str, str], Reading] = {}

    def record(source: str, via: str, reader: str, at: datetime, version: int | None = None) -> None:
        reading = found.setdefault((source, via, reader), Reading())
        if version is not None and (not reading.at or at >= max(reading.at)):
            reading.version = version
        reading.at.append(at)

    for each in made:
        for via, sources in (("product", each.inputs or {}), ("foreign_key", each.references)):
            for source, version in sources.items():
                record(source, via, each.product, each.at, version)
    for query in asked:
        for source in query.products:
            record(source, "query", query.principal, query.at)
    known: dict[str, DataProduct] = {product.id: product for product in products}
    rows = [row(known, *key, reading) for key, reading in found.items()]
    used = {(each["product_id"], role_of(each["via"], each["reader"])) for each in rows}
    for product in products:
        for grant in product.grants:
            if grant.access == "read" and (product.id, grant.role) not in used:
                rows.append(row(known, product.id, "grant", grant.role, Reading()))
    return rows


def role_of(via: str, reader: str) -> str:
    """The role of a reader; the role of a product is its domain."""
    return reader if via in ("query", "grant") else f"domain:{reader.partition('/')[0]}"


def row(
    known: Mapping[str, DataProduct], source: str, via: str, reader: str, reading: Reading
) -> dict[str, Any]:
    role, product = role_of(via, reader), known.get(source)
    domain = role.removeprefix("domain:")
    return {
        "product_id": source,
        "via": via,
        "reader": reader,
        "domain": source.partition("/")[0],
        "reader_domain": domain if domain != role else None,
        "reads": len(reading.at),
        "first_read_at": min(reading.at, default=None),
        "last_read_at": max(reading.at, default=None),
        "last_version_read": reading.version,
        # The grants of a removed product are unknown.
        "granted": product.granted_to(role) if product is not None else None,
    }


def counted(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Numbers that Dagster plots over the materializations, and the products with the most readers."""
    across = [each for each in rows if each["reader_domain"] not in (None, each["domain"])]
    readers: dict[str, set[str]] = {}
    for each in rows:
        if each["reads"]:
            readers.setdefault(each["product_id"], set()).add(each["reader"])
    lines = ["| product | readers | reads |", "|---|---:|---:|"]
    for name in sorted(readers, key=lambda name: (-len(readers[name]), name))[:20]:
        reads = sum(each["reads"] for each in rows if each["product_id"] == name)
        lines.append(f"| {name} | {len(readers[name])} | {reads:,} |")
    return {
        "usage/reads": sum(each["reads"] for each in rows),
        "usage/reads_across_domains": sum(each["reads"] for each in across),
        "usage/queries": sum(each["reads"] for each in rows if each["via"] == "query"),
        "usage/unused_grants": sum(each["via"] == "grant" for each in rows),
        "usage/products": dg.MetadataValue.md("\n".join(lines)),
    }
