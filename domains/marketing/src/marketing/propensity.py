"""The probability that a household redeems a coupon, from data known at the start of the campaign."""

import polars as pl

from platform_core import Input, Model, Table, data_product

CUTOFF = "2017-10-01"
"""Campaigns that ended before are for training; campaigns that began later are the holdout."""
COMPLETE = "2017-12-31"
"""The last day of the study; later redemptions are unknown."""
SEED = 20171001
FEATURES = (
    "coupons_redeemed",
    "campaigns_redeemed",
    "campaigns_received",
    "trips",
    "spend",
    "coupon_trips",
    "coupon_discount",
    "picked_coupons",
    "campaign_days",
)


@data_product(
    inputs={
        "targets": Input("marketing/campaign_targets", columns=("campaign_id", "household_id")),
        "campaigns": Input(
            "marketing/campaigns", columns=("campaign_id", "campaign_type", "starts_on", "ends_on")
        ),
        "redemptions": Input(
            "marketing/coupon_redemptions", columns=("household_id", "campaign_id", "redeemed_on")
        ),
        "lines": Input(
            "sales/transactions",
            columns=("household_id", "basket_id", "transaction_timestamp", "sales_value", "coupon_disc"),
        ),
    }
)
def redemption_propensity(targets: Table, campaigns: Table, redemptions: Table, lines: Table) -> Model:
    # Imported here, since it takes a second, which every process with this domain would spend.
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PowerTransformer

    pairs = targets.relation().query("sent_to", known_at_start(targets, campaigns, redemptions, lines)).pl()
    began, ended = pl.col("starts_on"), pl.col("ends_on")
    cutoff, complete = (pl.lit(day).str.to_date() for day in (CUTOFF, COMPLETE))
    training = pairs.filter(ended < cutoff)
    later = pairs.filter(began >= cutoff).with_columns(in_holdout=ended <= complete)
    holdout = later.filter("in_holdout")

    estimator = make_pipeline(
        PowerTransformer(), LogisticRegression(C=0.5, max_iter=1000, random_state=SEED)
    ).fit(training.select(FEATURES), training["redeemed"].to_numpy())

    def likely(rows: pl.DataFrame) -> pl.Series:
        return pl.Series("propensity", estimator.predict_proba(rows.select(FEATURES))[:, 1])

    return Model(
        estimator=estimator,
        scores=later.with_columns(likely(later)).select(
            "campaign_id",
            "household_id",
            "propensity",
            pl.col("propensity")
            .rank("ordinal", descending=True)
            .over("campaign_id")
            .cast(pl.Int64)
            .alias("rank"),
            "in_holdout",
        ),
        trained_on=training.select(FEATURES),
        metrics={
            **measured(holdout, likely(holdout)),
            "overestimate": float(likely(holdout).to_numpy().mean() - holdout["redeemed"].to_numpy().mean()),
        },
        # Without a model, coupons go to the households with the most redemptions.
        baseline=measured(holdout, holdout["coupons_redeemed"]),
        seed=SEED,
        metadata={"mesh/pairs_trained_on": len(training), "mesh/pairs_held_out": len(holdout)},
    )


def measured(rows: pl.DataFrame, score: pl.Series) -> dict[str, float]:
    """The metrics of a score that separates redeeming households from others."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    redeemed, given = rows["redeemed"].to_numpy(), score.to_numpy()
    return {
        "roc_auc": float(roc_auc_score(redeemed, given)),
        "average_precision": float(average_precision_score(redeemed, given)),
    }


def known_at_start(targets: Table, campaigns: Table, redemptions: Table, lines: Table) -> str:
    """SQL with a row per campaign and household: its redemption, and its data from before the campaign.

    Days of the ledger are UTC, so purchases in the last hours before a local midnight count for the next day:
    late by hours, never early.
    """
    return f"""
        WITH
        sent AS (
            SELECT campaign_id, household_id, campaign_type, starts_on, ends_on
            FROM {targets} JOIN {campaigns} USING (campaign_id)
        ),
        trips AS (
            SELECT
                household_id, basket_id, min(transaction_timestamp) AS paid_at,
                sum(sales_value)::DOUBLE AS spend, sum(coupon_disc)::DOUBLE AS coupon_discount
            FROM {lines} GROUP BY household_id, basket_id
        ),
        coupons AS (
            SELECT
                s.campaign_id, s.household_id,
                count(*) AS coupons_redeemed, count(DISTINCT r.campaign_id) AS campaigns_redeemed
            FROM sent AS s JOIN {redemptions} AS r
                ON r.household_id = s.household_id AND r.redeemed_on < s.starts_on
            GROUP BY ALL
        ),
        received AS (
            SELECT s.campaign_id, s.household_id, count(*) AS campaigns_received
            FROM sent AS s JOIN sent AS e ON e.household_id = s.household_id AND e.starts_on < s.starts_on
            GROUP BY ALL
        ),
        shopped AS (
            SELECT
                s.campaign_id, s.household_id, count(*) AS trips, sum(spend) AS spend,
                count(*) FILTER (coupon_discount > 0) AS coupon_trips, sum(coupon_discount) AS coupon_discount
            FROM sent AS s JOIN trips AS t ON t.household_id = s.household_id
                AND t.paid_at < s.starts_on AND t.paid_at >= s.starts_on - INTERVAL 56 DAY
            GROUP BY ALL
        )
        SELECT
            s.campaign_id, s.household_id, s.starts_on, s.ends_on,
            EXISTS (
                FROM {redemptions} AS r
                WHERE r.campaign_id = s.campaign_id AND r.household_id = s.household_id
            ) AS redeemed,
            coalesce(coupons_redeemed, 0) AS coupons_redeemed,
            coalesce(campaigns_redeemed, 0) AS campaigns_redeemed,
            coalesce(campaigns_received, 0) AS campaigns_received,
            coalesce(trips, 0) AS trips,
            round(coalesce(spend, 0), 2) AS spend,
            coalesce(coupon_trips, 0) AS coupon_trips,
            round(coalesce(coupon_discount, 0), 2) AS coupon_discount,
            (s.campaign_type = 'A')::BIGINT AS picked_coupons,
            (s.ends_on - s.starts_on)::BIGINT AS campaign_days
        FROM sent AS s
        LEFT JOIN coupons USING (campaign_id, household_id)
        LEFT JOIN received USING (campaign_id, household_id)
        LEFT JOIN shopped USING (campaign_id, household_id)
        ORDER BY s.campaign_id, s.household_id
    """
