"""The costs of each product: the time of its runs, and the bytes that it stores and reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import dagster as dg
import pyarrow as pa

from platform_core import DataProduct, Result, data_product
from platform_core.mesh import Materialization, bytes_stored, contracts, runs

COSTS = pa.schema(
    {
        "product_id": pa.string(),
        "domain": pa.string(),
        "product": pa.string(),
        "owner": pa.string(),
        "materializations": pa.int64(),
        "run_seconds": pa.float64(),
        "rows_kept": pa.int64(),
        "rows_written": pa.int64(),
        "bytes_stored": pa.int64(),
        "bytes_read": pa.int64(),
        "unmeasured": pa.int64(),
        "first_made_at": pa.timestamp("us", tz="UTC"),
        "last_made_at": pa.timestamp("us", tz="UTC"),
        "as_of": pa.timestamp("us", tz="UTC"),
    }
)
PLOTTED = ("run_seconds", "bytes_stored", "bytes_read")


@data_product
def mesh_costs() -> Result:
    products = contracts().products
    kept, as_of = bytes_stored(products), datetime.now(UTC)
    made = runs(products)
    rows = [cost(each, made[each.id], kept.get(each.id)) | {"as_of": as_of} for each in products]
    return Result(pa.Table.from_pylist(rows, schema=COSTS), plotted(rows))


def cost(product: DataProduct, made: Sequence[Materialization], bytes_stored: int | None) -> dict[str, Any]:
    """The costs of one product over all recorded materializations, the newest first."""
    return {
        "product_id": product.id,
        "domain": product.domain,
        "product": product.name,
        "owner": product.owner,
        "materializations": len(made),
        "run_seconds": round(sum(each.seconds or 0.0 for each in made), 3),
        "rows_kept": made[0].rows if made else None,
        "rows_written": sum(each.rows_written or 0 for each in made),
        "bytes_stored": bytes_stored,
        "bytes_read": sum(each.bytes_read or 0 for each in made),
        # Materializations from before the platform recorded reads.
        "unmeasured": sum(each.bytes_read is None for each in made),
        "first_made_at": made[-1].at if made else None,
        "last_made_at": made[0].at if made else None,
    }


def plotted(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Numbers that Dagster plots over the materializations, and a table of domains."""
    numbers: dict[str, Any] = {}
    lines = ["| domain | run seconds | bytes stored | bytes read |", "|---|---:|---:|---:|"]
    ordered = sorted(rows, key=lambda row: row["domain"])
    for name in PLOTTED:
        numbers[f"costs/{name}"] = sum(row[name] or 0 for row in ordered)
    for domain, own in groupby(ordered, key=lambda row: row["domain"]):
        sums = dict.fromkeys(PLOTTED, 0)
        for row in own:
            sums = {name: sums[name] + (row[name] or 0) for name in PLOTTED}
        numbers |= {f"costs/{name}_{domain}": amount for name, amount in sums.items()}
        seconds, stored_bytes, read_bytes = sums.values()
        lines.append(f"| {domain} | {seconds:,.1f} | {stored_bytes:,} | {read_bytes:,} |")
    return numbers | {"costs/domains": dg.MetadataValue.md("\n".join(lines))}
