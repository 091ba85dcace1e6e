from datetime import date, datetime
from decimal import Decimal
from typing import Any

from platform_core.testing import evaluate
from sales.departments import net_sales_by_department

ARTICLES = [
    {"product_id": 1000, "department": "GROCERY", "product_type": "BANANAS"},
    {"product_id": 2000, "department": "FUEL", "product_type": "GASOLINE-REG UNLEADED"},
    {"product_id": 3000, "department": "MISCELLANEOUS", "product_type": "GASOLINE-REG UNLEADED"},
]


def line(product: int, basket: int, moment: datetime, **values: Any) -> dict[str, Any]:
    usual = {
        "store_id": 10,
        "product_id": product,
        "basket_id": basket,
        "transaction_timestamp": moment,
        "quantity": 1,
        "sales_value": "2.50",
        "retail_disc": "0.50",
        "coupon_disc": "0.00",
        "coupon_match_disc": "0.25",
    }
    return usual | values


def test_a_department_adds_up_what_it_sold() -> None:
    noon = datetime(2017, 3, 2, 17, 0)
    result = evaluate(
        net_sales_by_department,
        lines=[line(1000, 1, noon), line(1000, 2, noon, coupon_disc="0.40"), line(2000, 2, noon)],
        articles=ARTICLES,
    )
    assert result.failed == []
    grocery = next(row for row in result.rows if row["department"] == "GROCERY")
    assert grocery == {
        "month": date(2017, 3, 1),
        "store_id": 10,
        "department": "GROCERY",
        "basket_count": 2,
        "line_count": 2,
        "empty_line_count": 0,
        "gross_sales": Decimal("6.50"),
        "loyalty_discount": Decimal("1.00"),
        "matched_coupons": Decimal("0.50"),
        "net_sales": Decimal("5.00"),
        "fuel_sales": Decimal("0.00"),
        "maker_coupons": Decimal("0.40"),
    }


def test_petrol_is_counted_in_every_department() -> None:
    lines = [line(2000, 1, datetime(2017, 3, 2)), line(3000, 1, datetime(2017, 3, 2))]
    result = evaluate(net_sales_by_department, lines=lines, articles=ARTICLES)
    assert result.failed == []
    told = {row["department"]: row["fuel_sales"] for row in result.rows}
    assert told == {"FUEL": Decimal("2.50"), "MISCELLANEOUS": Decimal("2.50")}


def test_the_month_is_that_of_the_shop() -> None:
    # Eleven at night on 31 March in New York, and an hour later.
    lines = [line(1000, 1, datetime(2017, 4, 1, 3, 59)), line(1000, 2, datetime(2017, 4, 1, 4, 0))]
    months = [row["month"] for row in evaluate(net_sales_by_department, lines=lines, articles=ARTICLES).rows]
    assert sorted(months) == [date(2017, 3, 1), date(2017, 4, 1)]


def test_unknown_products_and_empty_lines_are_kept_and_counted() -> None:
    coupon = line(9, 1, datetime(2017, 3, 2), quantity=0, sales_value="0.00", coupon_disc="1.00")
    result = evaluate(net_sales_by_department, lines=[coupon], articles=ARTICLES)
    assert result.failed == []
    [row] = result.rows
    assert (row["department"], row["line_count"], row["empty_line_count"]) == ("(unknown)", 1, 1)
    assert row["maker_coupons"] == Decimal("1.00")
