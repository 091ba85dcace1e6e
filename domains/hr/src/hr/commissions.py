"""Commissions of the sales staff: a share of the sales of its store in the month."""

from platform_core import Table, data_product


@data_product(
    inputs={
        "sales": "sales/net_sales_by_department",
        "stores": "sales/store_performance",
        "staffing": "hr/store_staffing",
    }
)
def sales_commissions(sales: Table, stores: Table, staffing: Table) -> str:
    # Petrol earns no commission, in any department, and neither do sales without a department.
    return f"""
        WITH
        sold AS (
            SELECT month, store_id, sum(net_sales - fuel_sales) AS commissionable_sales
            FROM {sales}
            WHERE department NOT IN ('FUEL', '(unknown)')
            GROUP BY ALL
        ),
        whole AS (SELECT sum(sales_value)::DOUBLE / sum(basket_count) AS average_basket_value FROM {stores}),
        rates AS (
            SELECT
                store_id,
                CASE WHEN stores.average_basket_value >= whole.average_basket_value
                    THEN 0.015 ELSE 0.010 END::DECIMAL(4, 3) AS rate
            FROM {stores} AS stores, whole
        ),
        staff AS (
            SELECT employee_id, store_id, count(*) OVER (PARTITION BY store_id) AS colleague_count
            FROM {staffing}
            WHERE department = 'Sales'
        )
        SELECT
            month,
            employee_id,
            store_id,
            commissionable_sales,
            rate,
            colleague_count,
            round(commissionable_sales::DOUBLE * rate / colleague_count, 2)::DECIMAL(10, 2) AS commission
        FROM staff
        JOIN sold USING (store_id)
        JOIN rates USING (store_id)
    """
