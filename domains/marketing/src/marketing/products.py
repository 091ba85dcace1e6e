"""Products of the marketing calendar: placements of the week, campaigns and their coupons."""

from marketing.sources import CAMPAIGN_DESCRIPTIONS, CAMPAIGN_TARGETS, COUPONS, PROMOTIONS
from platform_core import Table, data_product


@data_product(inputs={"raw": PROMOTIONS})
def promotions(raw: Table) -> str:
    return f"SELECT product_id, store_id, display_location, mailer_location, week FROM {raw}"


@data_product(inputs={"descriptions": CAMPAIGN_DESCRIPTIONS, "targets": CAMPAIGN_TARGETS})
def campaigns(descriptions: Table, targets: Table) -> str:
    return f"""
        SELECT
            campaign_id,
            replace(campaign_type, 'Type ', '') AS campaign_type,
            start_date::DATE AS starts_on,
            end_date::DATE AS ends_on,
            count(household_id) AS targeted_households
        FROM {descriptions} LEFT JOIN {targets} USING (campaign_id)
        GROUP BY ALL
    """


@data_product(inputs={"raw": CAMPAIGN_TARGETS})
def campaign_targets(raw: Table) -> str:
    return f"SELECT campaign_id, household_id FROM {raw}"


@data_product(inputs={"raw": COUPONS})
def coupons(raw: Table) -> str:
    # The file has 4,872 duplicate rows.
    return f"SELECT DISTINCT campaign_id, coupon_upc, product_id FROM {raw}"
