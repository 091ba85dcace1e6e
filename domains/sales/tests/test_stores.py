from datetime import date, datetime
from typing import Any

import pandas as pd

from platform_core.testing import evaluate
from sales.stores import stores


def visit(store: int, basket: int, moment: datetime, household: int = 1) -> dict[str, Any]:
    return {
        "store_id": store,
        "basket_id": basket,
        "household_id": household,
        "product_id": 1000,
        "transaction_timestamp": moment,
    }


def test_the_domain_runs_on_pandas_2() -> None:
    assert pd.__version__.startswith("2.")


def test_days_and_months_are_local() -> None:
    # Four in the morning UTC on the first of May is still April in the shop.
    result = evaluate(
        stores, lines=[visit(10, 1, datetime(2017, 5, 1, 3, 59)), visit(10, 2, datetime(2017, 5, 1, 4, 1))]
    )
    assert result.failed == []
    assert result.rows == [
        {
            "store_id": 10,
            "first_sale_on": date(2017, 4, 30),
            "last_sale_on": date(2017, 5, 1),
            "active_months": 2,
            "trading_pattern": "intermittent",
            "basket_count": 2,
            "household_count": 1,
        }
    ]


def test_the_lines_of_a_basket_are_one_visit() -> None:
    moment = datetime(2017, 3, 2, 17, 0)
    result = evaluate(stores, lines=[visit(10, 1, moment), visit(10, 1, moment) | {"product_id": 1001}])
    assert [row["basket_count"] for row in result.rows] == [1]


def test_trading_patterns_by_active_months() -> None:
    baskets = iter(range(1, 100))
    lines = [
        visit(store, next(baskets), datetime(2017, month, 15, 17, 0))
        for store, months in ((10, 1), (20, 2), (30, 11), (40, 12))
        for month in range(1, months + 1)
    ]
    patterns = {row["store_id"]: row["trading_pattern"] for row in evaluate(stores, lines=lines).rows}
    assert patterns == {10: "single_month", 20: "intermittent", 30: "intermittent", 40: "year_round"}


def test_a_sale_outside_of_the_year_is_refused() -> None:
    result = evaluate(stores, lines=[visit(10, 1, datetime(2018, 1, 1, 5, 0))])
    assert result.failed == ["range__first_sale_on", "range__last_sale_on"]
