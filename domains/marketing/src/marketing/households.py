"""The answers of households about themselves: personal, so in the domain's restricted lake."""

from marketing.sources import DEMOGRAPHICS
from platform_core import Table, data_product


@data_product(inputs={"raw": DEMOGRAPHICS})
def households(raw: Table) -> str:
    # Values are spelled as in other products. Missing answers stay missing.
    return f"""
        SELECT
            household_id,
            age,
            replace(income, 'Under 15K', '0-14K') AS income,
            lower(replace(home_ownership, ' ', '_')) AS home_ownership,
            lower(marital_status) AS marital_status,
            household_size,
            CASE household_comp
                WHEN '1 Adult No Kids' THEN 'one_adult'
                WHEN '1 Adult Kids' THEN 'one_adult_with_kids'
                WHEN '2 Adults No Kids' THEN 'two_adults'
                WHEN '2 Adults Kids' THEN 'two_adults_with_kids'
                ELSE household_comp
            END AS household_comp,
            kids_count
        FROM {raw}
    """
