"""The number of employees by place, as a file for planning without a database."""

from platform_core import Input, Table, data_product


@data_product(
    inputs={
        "staffing": "hr/store_staffing",
        "sales": Input("sales/net_sales_by_department", partitions="last"),
    }
)
def headcount_extract(staffing: Table, sales: Table) -> str:
    return f"""
        WITH
        sold AS (
            SELECT store_id, sum(net_sales) AS net_sales FROM {sales} GROUP BY store_id
        ),
        staffed AS (
            SELECT department, job_role, store_id, count(*) AS employees FROM {staffing} GROUP BY ALL
        )
        SELECT
            department,
            job_role,
            sum(employees)::BIGINT AS employee_count,
            count(*) AS store_count,
            (SELECT max(month) FROM {sales}) AS sales_month,
            coalesce(sum(net_sales), 0)::DECIMAL(38, 2) AS store_net_sales
        FROM staffed LEFT JOIN sold USING (store_id)
        GROUP BY ALL
    """
