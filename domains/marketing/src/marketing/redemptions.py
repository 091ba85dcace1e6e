"""Redeemed coupons: a stream with one batch per month of the study."""

from collections.abc import Iterator

from marketing.sources import REDEMPTIONS
from platform_core import Batch, Table, data_product

YEAR = 2017


@data_product(inputs={"raw": REDEMPTIONS})
def coupon_redemptions(raw: Table) -> Iterator[Batch]:
    for month in range(1, 13):
        yield Batch(
            f"{YEAR}-{month:02}",
            f"""
                SELECT household_id, coupon_upc, campaign_id, redemption_date::DATE AS redeemed_on
                FROM {raw}
                WHERE year(redemption_date) = {YEAR} AND month(redemption_date) = {month}
            """,
        )
