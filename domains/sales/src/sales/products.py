"""Products of the tills: articles, transactions and shopping trips."""

from platform_core import Table, data_product
from sales.sources import PRODUCTS, TRANSACTIONS


@data_product(inputs={"raw": PRODUCTS})
def products(raw: Table) -> str:
    return f"""
        SELECT product_id, manufacturer_id, department, brand, product_category, product_type, package_size
        FROM {raw}
    """


@data_product(inputs={"raw": TRANSACTIONS})
def transactions(raw: Table) -> str:
    # The file holds money as binary floats with noise in the ninth digit; decimals add up exactly.
    return f"""
        SELECT
            household_id, store_id, basket_id, product_id, quantity,
            sales_value::DECIMAL(10, 2) AS sales_value,
            retail_disc::DECIMAL(10, 2) AS retail_disc,
            coupon_disc::DECIMAL(10, 2) AS coupon_disc,
            coupon_match_disc::DECIMAL(10, 2) AS coupon_match_disc,
            week, transaction_timestamp
        FROM {raw}
    """


@data_product(inputs={"lines": "sales/transactions"})
def household_baskets(lines: Table) -> str:
    return f"""
        SELECT
            basket_id, household_id, store_id,
            transaction_timestamp AS purchased_at,
            count(*) AS line_count,
            sum(sales_value) AS basket_value,
            sum(retail_disc + coupon_disc + coupon_match_disc) AS discount_value
        FROM {lines}
        GROUP BY basket_id, household_id, store_id, transaction_timestamp
    """
