"""The shopping trips with redeemed coupons, only for redemptions since the last run."""

from platform_core import Input, Table, data_product

LOCAL_TIME = "America/New_York"


@data_product(
    inputs={
        "redemptions": Input("marketing/coupon_redemptions", changes=True),
        "lines": "sales/transactions",
    }
)
def redeemed_baskets(redemptions: Table, lines: Table) -> str:
    return f"""
        WITH trips AS (
            SELECT
                household_id, basket_id, store_id,
                transaction_timestamp AS purchased_at,
                timezone('{LOCAL_TIME}', timezone('UTC', transaction_timestamp))::DATE AS day,
                sum(sales_value) AS basket_value,
                sum(coupon_disc) AS coupon_discount
            FROM {lines}
            SEMI JOIN {redemptions} USING (household_id)
            GROUP BY ALL
        )
        SELECT
            household_id, coupon_upc, campaign_id, redeemed_on,
            basket_id, store_id, purchased_at, basket_value, coupon_discount
        FROM {redemptions}
        JOIN trips USING (household_id)
        WHERE day = redeemed_on
    """
