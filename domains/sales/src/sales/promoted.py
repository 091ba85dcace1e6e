"""Sales with their marketing: placements of the week and campaigns."""

from platform_core import Table, data_product


@data_product(
    inputs={
        "lines": "sales/transactions",
        "articles": "sales/products",
        "promotions": "marketing/promotions",
        "attribution": "marketing/campaign_attribution",
    }
)
def promoted_sales(lines: Table, articles: Table, promotions: Table, attribution: Table) -> str:
    # A product may have several placements in a week, and a line several campaigns: both become one row
    # before the join, or sales would multiply. Stores that never report a placement are unknown.
    return f"""
        WITH
        placements AS (
            SELECT
                product_id, store_id, week,
                bool_or(display_location <> '0') AS displayed,
                bool_or(mailer_location <> '0') AS mailed
            FROM {promotions}
            SEMI JOIN (SELECT DISTINCT product_id, store_id, week FROM {lines})
                USING (product_id, store_id, week)
            GROUP BY ALL
        ),
        reporting AS (SELECT DISTINCT store_id FROM {promotions}),
        attributed AS (
            SELECT basket_id, product_id, sum(attributed_sales) AS attributed_sales
            FROM {attribution}
            GROUP BY ALL
        )
        SELECT
            lines.week,
            lines.store_id,
            coalesce(articles.department, '(unknown)') AS department,
            CASE
                WHEN reporting.store_id IS NULL THEN 'unknown'
                WHEN displayed AND mailed THEN 'display_and_mailer'
                WHEN displayed THEN 'display'
                WHEN mailed THEN 'mailer'
                ELSE 'none'
            END AS placement,
            count(*) AS line_count,
            sum(lines.sales_value) AS sales_value,
            sum(lines.retail_disc) AS loyalty_discount,
            count(attributed.basket_id) AS attributed_line_count,
            coalesce(sum(attributed.attributed_sales), 0)::DECIMAL(38, 4) AS attributed_sales
        FROM {lines} AS lines
        LEFT JOIN {articles} AS articles ON articles.product_id = lines.product_id
        LEFT JOIN reporting ON reporting.store_id = lines.store_id
        LEFT JOIN placements
            ON placements.product_id = lines.product_id
            AND placements.store_id = lines.store_id
            AND placements.week = lines.week
        LEFT JOIN attributed
            ON attributed.basket_id = lines.basket_id AND attributed.product_id = lines.product_id
        GROUP BY ALL
    """
