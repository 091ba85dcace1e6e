"""The assignment of employees to stores."""

from platform_core import Table, data_product


@data_product(inputs={"employees": "hr/employees", "stores": "sales/stores"})
def store_staffing(employees: Table, stores: Table) -> str:
    # Each store covers a range as wide as its number of baskets. Employees are spread evenly over all ranges.
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
