"""Who works in which store."""

from platform_core import Table, data_product


@data_product(inputs={"employees": "hr/employees", "stores": "sales/stores"})
def store_staffing(employees: Table, stores: Table) -> str:
    # Stores stand in line, each as wide as its baskets; employees are spaced evenly along it, each in
    # the middle of an equal share.
    return f"""
        WITH
        line AS (
            SELECT
                store_id,
                sum(basket_count) OVER (ORDER BY store_id) - basket_count AS begins,
                sum(basket_count) OVER () AS width
            FROM {stores}
        ),
        places AS (
            SELECT
                employee_id, department, job_role,
                (row_number() OVER (ORDER BY employee_id) - 0.5) / count(*) OVER () AS share
            FROM {employees}
            WHERE NOT has_left
        ),
        spots AS (
            SELECT employee_id, department, job_role, share * (SELECT max(width) FROM line) AS spot
            FROM places
        )
        SELECT employee_id, store_id, department, job_role
        FROM spots ASOF JOIN line ON spot >= begins
    """
