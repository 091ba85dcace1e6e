"""The monthly sales of each department of each store, which other domains use for plans and pay."""

from platform_core import Table, data_product


@data_product(inputs={"lines": "sales/transactions", "articles": "sales/products"})
def net_sales_by_department(lines: Table, articles: Table) -> str:
    # The local month is looked up by hour, since converting each line costs twenty times as much. Lines of
    # products without an article stay, under a name of their own, so that totals are complete.
    return f"""
        WITH hours AS (
            SELECT
                hour,
                date_trunc('month', timezone('America/New_York', timezone('UTC', hour)))::DATE AS month
            FROM (SELECT DISTINCT date_trunc('hour', transaction_timestamp) AS hour FROM {lines})
        )
        SELECT
            month,
            store_id,
            coalesce(articles.department, '(unknown)') AS department,
            count(DISTINCT basket_id) AS basket_count,
            count(*) AS line_count,
            count(*) FILTER (quantity = 0) AS empty_line_count,
            sum(sales_value + retail_disc + coupon_match_disc) AS gross_sales,
            sum(retail_disc) AS loyalty_discount,
            sum(coupon_match_disc) AS matched_coupons,
            sum(sales_value) AS net_sales,
            coalesce(sum(sales_value) FILTER (articles.product_type LIKE 'GASOLINE%'), 0) AS fuel_sales,
            sum(coupon_disc) AS maker_coupons
        FROM {lines} AS lines
        JOIN hours ON date_trunc('hour', transaction_timestamp) = hours.hour
        LEFT JOIN {articles} AS articles USING (product_id)
        GROUP BY ALL
    """
