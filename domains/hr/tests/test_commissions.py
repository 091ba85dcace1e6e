from datetime import date
from decimal import Decimal
from typing import Any

from hr.commissions import sales_commissions
from platform_core.testing import Evaluation, evaluate

MARCH = date(2017, 3, 1)


def sold(store: int, department: str, net_sales: str, fuel_sales: str = "0.00") -> dict[str, Any]:
    sales = {"net_sales": net_sales, "fuel_sales": fuel_sales}
    return {"month": MARCH, "store_id": store, "department": department, **sales}


def staff(employee: int, store: int, department: str = "Sales") -> dict[str, Any]:
    return {"employee_id": employee, "store_id": store, "department": department}


def performance(store: int, sales: str, baskets: int) -> dict[str, Any]:
    average = float(sales) / baskets
    return {
        "store_id": store,
        "sales_value": sales,
        "basket_count": baskets,
        "average_basket_value": average,
    }


def commissions(*staffing: dict[str, Any]) -> Evaluation:
    return evaluate(
        sales_commissions,
        sales=[
            sold(10, "GROCERY", "1000.00"),
            sold(10, "MEAT", "500.00"),
            sold(10, "FUEL", "9000.00", "9000.00"),
            sold(10, "MISCELLANEOUS", "80.00", "80.00"),
            sold(10, "(unknown)", "7.00"),
            sold(20, "GROCERY", "100.00"),
        ],
        stores=[performance(10, "300.00", 10), performance(20, "100.00", 10)],
        staffing=list(staffing),
    )


def test_sales_staff_shares_the_sales_of_its_store_without_fuel() -> None:
    result = commissions(staff(1, 10), staff(2, 10), staff(3, 10, department="Human_Resources"))
    assert result.failed == []
    assert sorted(row["employee_id"] for row in result.rows) == [1, 2]
    assert {row["commissionable_sales"] for row in result.rows} == {Decimal("1500.00")}
    assert {row["commission"] for row in result.rows} == {Decimal("11.25")}
    assert {row["month"] for row in result.rows} == {MARCH}


def test_the_rate_follows_the_average_basket_of_the_store() -> None:
    result = commissions(staff(1, 10), staff(2, 20))
    assert {row["store_id"]: row["rate"] for row in result.rows} == {
        10: Decimal("0.015"),
        20: Decimal("0.010"),
    }


def test_a_store_that_sold_nothing_pays_nothing() -> None:
    assert commissions(staff(1, 30)).rows == []
