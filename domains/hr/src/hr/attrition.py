"""Attrition by groups that are too large to identify a person."""

from platform_core import Table, data_product

SMALLEST = 5
"""The least people of a group; the least leavers that are shown, apart from zero."""


@data_product(inputs={"employees": "hr/employees"})
def attrition_by_department(employees: Table) -> str:
    # Roles with too few people or leavers are merged, even with the next role, since a hidden number
    # could be computed by subtraction from the staff in service. If they remain too few, they are left out.
    # The mean is rounded, since all its digits would reveal the number of people.
    return f"""
        WITH roles AS (
            SELECT
                department,
                job_role,
                count(*) AS people,
                count(*) FILTER (has_left) AS leavers,
                people < {SMALLEST} OR leavers BETWEEN 1 AND {SMALLEST - 1} AS few
            FROM {employees}
            GROUP BY department, job_role
        ),
        joining AS (
            SELECT
                *,
                coalesce(sum(people) OVER before, 0) BETWEEN 1 AND {SMALLEST - 1}
                    OR coalesce(sum(leavers) OVER before, 0) BETWEEN 1 AND {SMALLEST - 1} AS needed
            FROM roles
            WINDOW before AS (
                PARTITION BY department ORDER BY few DESC, leavers = 0, leavers, job_role
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            )
        ),
        people AS (
            SELECT
                department,
                CASE WHEN few OR needed THEN '(other)' ELSE job_role END AS job_role,
                has_left,
                years_at_company
            FROM {employees} JOIN joining USING (department, job_role)
        )
        SELECT
            department,
            job_role,
            count(*) AS employee_count,
            count(*) FILTER (has_left) AS leaver_count,
            leaver_count / employee_count AS attrition_rate,
            round(avg(years_at_company), 1) AS average_years_at_company
        FROM people
        GROUP BY department, job_role
        HAVING count(*) >= {SMALLEST} AND count(*) FILTER (has_left) NOT BETWEEN 1 AND {SMALLEST - 1}
    """
