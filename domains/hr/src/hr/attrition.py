"""Who leaves, told by groups that are too large to point at a person."""

from platform_core import Table, data_product

SMALLEST = 5
"""Fewer people than this are no group, and fewer leavers than this are not counted."""


@data_product(inputs={"employees": "hr/employees"})
def attrition_by_department(employees: Table) -> str:
    # Roles with too few people are put together; where even that is too small, the group is left out.
    return f"""
        WITH people AS (
            SELECT
                department,
                CASE WHEN count(*) OVER (PARTITION BY department, job_role) >= {SMALLEST} THEN job_role
                    ELSE '(other)' END AS job_role,
                has_left,
                years_at_company
            FROM {employees}
        )
        SELECT
            department,
            job_role,
            count(*) AS employee_count,
            CASE WHEN count(*) FILTER (has_left) NOT BETWEEN 1 AND {SMALLEST - 1}
                THEN count(*) FILTER (has_left) END AS leaver_count,
            leaver_count / count(*) AS attrition_rate,
            avg(years_at_company) AS average_years_at_company
        FROM people
        GROUP BY department, job_role
        HAVING count(*) >= {SMALLEST}
    """
