from typing import Any

import pytest

from hr.attrition import attrition_by_department
from platform_core.testing import evaluate


def people(count: int, role: str, leavers: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "employee_id": number,
            "department": "Sales",
            "job_role": role,
            "has_left": number < leavers,
            "years_at_company": 4,
        }
        for number in range(count)
    ]


def test_a_group_is_counted_with_its_leavers() -> None:
    result = evaluate(attrition_by_department, employees=people(20, "Manager", leavers=5))
    assert result.failed == []
    assert result.rows == [
        {
            "department": "Sales",
            "job_role": "Manager",
            "employee_count": 20,
            "leaver_count": 5,
            "attrition_rate": 0.25,
            "average_years_at_company": 4.0,
        }
    ]


@pytest.mark.parametrize(("leavers", "told"), [(0, [0]), (1, []), (4, []), (5, [5])])
def test_few_leavers_are_hidden(leavers: int, told: list[int]) -> None:
    rows = evaluate(attrition_by_department, employees=people(10, "Manager", leavers)).rows
    assert [row["leaver_count"] for row in rows] == told


def test_few_leavers_are_merged_until_they_are_enough() -> None:
    staff = [
        *people(20, "Manager", 2),
        *people(30, "Sales_Executive", 7),
        *people(40, "Sales_Representative", 9),
        *people(50, "Research_Scientist"),
    ]
    result = evaluate(attrition_by_department, employees=staff)
    assert result.failed == []
    assert {row["job_role"]: (row["employee_count"], row["leaver_count"]) for row in result.rows} == {
        "(other)": (50, 9),
        "Sales_Representative": (40, 9),
        "Research_Scientist": (50, 0),
    }


def test_small_roles_are_merged() -> None:
    staff = people(6, "Manager") + people(3, "Sales_Executive") + people(2, "Sales_Representative")
    result = evaluate(attrition_by_department, employees=staff)
    assert result.failed == []
    assert {row["job_role"]: row["employee_count"] for row in result.rows} == {"Manager": 6, "(other)": 5}


def test_roles_that_are_too_small_together_are_merged_with_the_next() -> None:
    staff = people(6, "Manager") + people(4, "Sales_Executive")
    [row] = evaluate(attrition_by_department, employees=staff).rows
    assert (row["job_role"], row["employee_count"]) == ("(other)", 10)


def test_a_department_that_is_too_small_is_left_out() -> None:
    assert evaluate(attrition_by_department, employees=people(4, "Sales_Executive")).rows == []
