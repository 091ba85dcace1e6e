"""The ledger of promised deliveries, and the service levels of each month."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa

from platform_core import Batch, Input, Result, Table, data_product
from platform_core.mesh import Nights, nights

LEDGER = pa.schema(
    {
        "product_id": pa.string(),
        "domain": pa.string(),
        "day": pa.date32(),
        "promise": pa.string(),
        "opens": pa.timestamp("us", tz="UTC"),
        "due": pa.timestamp("us", tz="UTC"),
        "closes": pa.timestamp("us", tz="UTC"),
        "delivered": pa.timestamp("us", tz="UTC"),
        "late_seconds": pa.float64(),
        "state": pa.string(),
        "share": pa.float64(),
        "version": pa.int64(),
        "stale": pa.bool_(),
        "blame": pa.string(),
        "blame_domain": pa.string(),
        "target": pa.float64(),
        "contract_version": pa.string(),
        "entered": pa.timestamp("us", tz="UTC"),
    }
)
READ = (
    "product_id",
    "domain",
    "day",
    "due",
    "closes",
    "state",
    "share",
    "stale",
    "blame_domain",
    "target",
    "late_seconds",
)
ROLLING = "28 days"
LEVELS = f"""
WITH nights AS (
  -- The night that entered a promise: that of the day in UTC on which it closed.
  SELECT *, (epoch_us(closes) - 1) // 86400000000 AS night FROM ledger
), periods AS (
  SELECT *, strftime(day, '%Y-%m') AS period FROM nights
  UNION ALL
  SELECT *, '{ROLLING}' FROM nights WHERE night > (SELECT max(night) FROM nights) - 28
), sums AS (
  SELECT
    product_id, any_value(domain) AS domain, period, count(*) AS promised,
    count(*) FILTER (state = 'kept') AS kept,
    count(*) FILTER (state = 'late') AS late,
    count(*) FILTER (state = 'missed') AS missed,
    count(*) FILTER (stale) AS stale,
    round(sum(1 - share), 6) AS lost,
    coalesce(round(sum(1 - share) FILTER (blame_domain <> domain), 6), 0) AS inherited,
    arg_max(target, due) AS target, max(late_seconds) AS worst_late_seconds,
    min(day) AS first_day, max(day) AS last_day
  FROM periods GROUP BY product_id, period
)
SELECT
  product_id, domain, period, promised, kept, late, missed, stale,
  round(100 * (1 - lost / promised), 4) AS attained,
  round(100 * (1 - (lost - inherited) / promised), 4) AS own,
  target,
  round(1 - lost / nullif(promised * (1 - target / 100), 0), 4) AS error_budget,
  worst_late_seconds, first_day, last_day
FROM sums ORDER BY product_id, period
"""


@data_product
def slo_ledger() -> Iterator[Batch]:
    now = datetime.now(UTC)
    found = nights(now.date())
    for day in found.days():
        # A day that was entered is never judged again, so its fingerprint is the day itself.
        yield Batch(day.isoformat(), partial(night, found, day, now), day.isoformat())


def night(found: Nights, day: date, now: datetime) -> pa.Table:
    """The rows of a day."""
    rows = [
        {name: value for name, value in asdict(each).items() if name not in ("product", "late")}
        | {"product_id": each.product, "entered": now}
        | {"late_seconds": each.late.total_seconds() if each.late is not None else None}
        for each in found.entries(day)
    ]
    return pa.Table.from_pylist(rows, schema=LEDGER)


@data_product(inputs={"ledger": Input("central_data_platform/slo_ledger", columns=READ)})
def service_levels(ledger: Table) -> Result:
    levels = levels_of(ledger.arrow())
    return Result(levels, plotted(levels.to_pylist()))


def levels_of(ledger: pa.Table) -> pa.Table:
    """The deliveries that each product kept in each month, and in the last 28 days of the ledger."""
    return duckdb.from_arrow(ledger).query("ledger", LEVELS).to_arrow_table()


def plotted(levels: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Numbers that Dagster plots over the materializations: percentages of the last 28 days, by domain."""
    promised, kept = defaultdict[str, float](float), defaultdict[str, float](float)
    for row in levels:
        if row["period"] == ROLLING:
            for name in ("attained", f"attained_{row['domain']}"):
                promised[name] += row["promised"]
                kept[name] += row["promised"] * row["attained"]
    return {f"slo/{name}": round(kept[name] / promised[name], 4) for name in promised}
