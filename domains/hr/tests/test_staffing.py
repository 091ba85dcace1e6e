from collections import Counter
from typing import Any

from hr.staffing import store_staffing
from platform_core.testing import evaluate


def people(count: int, **values: Any) -> list[dict[str, Any]]:
    usual = {"department": "Sales", "job_role": "Manager", "has_left": False}
    return [usual | {"employee_id": number} | values for number in range(1, count + 1)]


def shop(store: int, baskets: int) -> dict[str, Any]:
    return {"store_id": store, "basket_count": baskets}


def test_stores_get_staff_in_proportion_to_their_baskets() -> None:
    result = evaluate(
        store_staffing, employees=people(10), stores=[shop(30, 100), shop(10, 300), shop(20, 600)]
    )
    assert result.failed == []
    assert Counter(row["store_id"] for row in result.rows) == {10: 3, 20: 6, 30: 1}


def test_the_assignment_does_not_depend_on_the_order_of_the_inputs() -> None:
    staff, shops = people(50), [shop(store, 10 * store) for store in range(1, 9)]

    def assigned(staff: list[dict[str, Any]], shops: list[dict[str, Any]]) -> dict[int, int]:
        rows = evaluate(store_staffing, employees=staff, stores=shops).rows
        return {row["employee_id"]: row["store_id"] for row in rows}

    assert assigned(staff, shops) == assigned(staff[::-1], shops[::-1])


def test_former_employees_are_not_assigned() -> None:
    staff = people(3)
    staff[1]["has_left"] = True
    result = evaluate(store_staffing, employees=staff, stores=[shop(10, 100)])
    assert sorted(row["employee_id"] for row in result.rows) == [1, 3]


def test_an_unknown_role_is_refused() -> None:
    result = evaluate(store_staffing, employees=people(1, job_role="Astronaut"), stores=[shop(10, 100)])
    assert result.failed == ["accepted_values__job_role"]
