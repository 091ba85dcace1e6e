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


@pytest.mark.parametrize(("leavers", "told"), [(0, 0), (1, None), (4, None), (5, 5)])
def test_few_leavers_are_not_told(leavers: int, told: int | None) -> None:
    [row] = evaluate(attrition_by_department, employees=people(10, "Manager", leavers)).rows
    assert row["leaver_count"] == told
    assert (row["attrition_rate"] is None) == (told is None)


def test_small_roles_are_put_together() -> None:
    staff = people(6, "Manager") + people(3, "Sales_Executive") + people(2, "Sales_Representative")
    result = evaluate(attrition_by_department, employees=staff)
    assert result.failed == []
    assert {row["job_role"]: row["employee_count"] for row in result.rows} == {"Manager": 6, "(other)": 5}


def test_what_is_too_small_even_together_is_left_out() -> None:
    staff = people(6, "Manager") + people(4, "Sales_Executive")
    assert [row["job_role"] for row in evaluate(attrition_by_department, employees=staff).rows] == ["Manager"]
