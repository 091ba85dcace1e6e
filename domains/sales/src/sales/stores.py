"""The list of stores, derived from transactions, since the source has none."""

import pandas as pd

from platform_core import Input, Table, data_product

LOCAL_TIME = "America/New_York"


@data_product(
    inputs={
        "lines": Input(
            "sales/transactions",
            columns=("store_id", "basket_id", "household_id", "transaction_timestamp"),
        )
    }
)
def stores(lines: Table) -> pd.DataFrame:
    # All lines of a basket have the same store and time, so the first is enough.
    visits = lines.pandas().drop_duplicates("basket_id")
    local = visits["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert(LOCAL_TIME)
    by_store = visits.assign(local=local, month=local.dt.month).groupby("store_id")
    stores = by_store.agg(
        first_sale_on=("local", "min"),
        last_sale_on=("local", "max"),
        active_months=("month", "nunique"),
        basket_count=("basket_id", "size"),
        household_count=("household_id", "nunique"),
    ).reset_index()
    for day in ("first_sale_on", "last_sale_on"):
        stores[day] = stores[day].dt.date
    pattern = pd.cut(
        stores["active_months"], [0, 1, 11, 12], labels=["single_month", "intermittent", "year_round"]
    )
    stores.insert(4, "trading_pattern", pattern.astype(str))
    return stores
