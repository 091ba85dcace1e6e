from datetime import date
from decimal import Decimal
from typing import Any

from hr.headcount import headcount_extract
from platform_core.testing import evaluate


def staff(count: int, store: int, first: int = 1, **values: Any) -> list[dict[str, Any]]:
    usual = {"department": "Sales", "job_role": "Manager", "store_id": store}
    return [usual | {"employee_id": number} | values for number in range(first, first + count)]


def sold(store: int, net_sales: str, department: str = "GROCERY") -> dict[str, Any]:
    return {
        "store_id": store,
        "net_sales": Decimal(net_sales),
        "department": department,
        "month": date(2017, 12, 1),
    }


def test_a_store_counts_once_for_each_role_in_it() -> None:
    people = [*staff(8, 10), *staff(4, 20, first=9), *staff(10, 10, first=13, job_role="Sales_Executive")]
    sales = [sold(10, "100.00"), sold(10, "11.00", "MEAT"), sold(20, "5.50"), sold(30, "1000.00")]
    result = evaluate(headcount_extract, staffing=people, sales=sales)
    assert result.failed == []
    found = {
        row["job_role"]: (row["employee_count"], row["store_count"], row["store_net_sales"])
        for row in result.rows
    }
    assert found == {"Manager": (12, 2, Decimal("116.50")), "Sales_Executive": (10, 1, Decimal("111.00"))}
    assert {row["sales_month"] for row in result.rows} == {date(2017, 12, 1)}


def test_a_store_without_sales_keeps_its_staff() -> None:
    result = evaluate(headcount_extract, staffing=staff(10, 10), sales=[sold(20, "1.00")])
    assert [(row["employee_count"], row["store_net_sales"]) for row in result.rows] == [(10, Decimal(0))]


def test_a_group_that_points_at_a_few_people_is_refused() -> None:
    result = evaluate(headcount_extract, staffing=staff(9, 10), sales=[sold(10, "1.00")])
    assert result.failed == ["range__employee_count"]
