"""Customers by recency, frequency and monetary value of their shopping (RFM)."""

import polars as pl

from platform_core import Input, Table, data_product

LOCAL_TIME = "America/New_York"


@data_product(
    inputs={
        "lines": Input(
            "sales/transactions",
            columns=("household_id", "basket_id", "transaction_timestamp", "sales_value"),
        )
    }
)
def household_segments(lines: Table) -> pl.LazyFrame:
    local_day = pl.col("transaction_timestamp").dt.replace_time_zone("UTC").dt.convert_time_zone(LOCAL_TIME)
    households = (
        lines.polars()
        .lazy()
        .group_by("household_id")
        .agg(
            pl.col("transaction_timestamp").max(),
            pl.col("basket_id").n_unique().cast(pl.Int64).alias("basket_count"),
            pl.col("sales_value").cast(pl.Decimal(38, 2)).sum(),
        )
        .with_columns(local_day.dt.date().alias("last_purchase_on"))
        # Recency is counted from the last day of the study, not from today.
        .with_columns(
            (pl.col("last_purchase_on").max() - pl.col("last_purchase_on"))
            .dt.total_days()
            .alias("recency_days")
        )
    )
    scored = households.with_columns(
        fifth(-pl.col("recency_days")).alias("recency_score"),
        fifth(pl.col("basket_count")).alias("frequency_score"),
        fifth(pl.col("sales_value")).alias("monetary_score"),
    )
    return scored.select(
        "household_id",
        "last_purchase_on",
        "recency_days",
        "basket_count",
        "sales_value",
        "recency_score",
        "frequency_score",
        "monetary_score",
        segment().alias("segment"),
    ).sort("household_id")


def fifth(value: pl.Expr) -> pl.Expr:
    """The quintile of a value, 1 to 5; equal values have the same."""
    below = value.rank("min").cast(pl.Int64) - 1
    return below * 5 // pl.len() + 1


def segment() -> pl.Expr:
    """The first segment that fits the three scores, as in the contract's table."""
    recency, frequency, monetary = (pl.col(f"{kind}_score") for kind in ("recency", "frequency", "monetary"))
    return (
        pl.when((recency >= 4) & (frequency >= 4) & (monetary >= 4))
        .then(pl.lit("champion"))
        .when((recency >= 3) & (frequency >= 4))
        .then(pl.lit("loyal"))
        .when((recency <= 2) & (frequency >= 3))
        .then(pl.lit("at_risk"))
        .when((recency >= 4) & (frequency <= 2))
        .then(pl.lit("newcomer"))
        .when((recency <= 2) & (frequency <= 2))
        .then(pl.lit("dormant"))
        .otherwise(pl.lit("regular"))
    )
