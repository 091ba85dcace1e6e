"""Products of the marketing calendar: placements of the week and coupon campaigns."""

from marketing.sources import CAMPAIGN_DESCRIPTIONS, CAMPAIGN_TARGETS, PROMOTIONS
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
