from datetime import date, datetime
from typing import Any

from platform_core.testing import evaluate
from sales.redeemed import redeemed_baskets

REDEMPTION = {
    "household_id": 7,
    "coupon_upc": 51380041013,
    "campaign_id": 26,
    "redeemed_on": date(2017, 5, 1),
}


def line(bought: datetime, **values: Any) -> dict[str, Any]:
    usual = {
        "household_id": 7,
        "basket_id": 1,
        "store_id": 3,
        "sales_value": 2.50,
        "coupon_disc": 0,
        "transaction_timestamp": bought,
    }
    return usual | values


def test_a_redemption_has_the_baskets_of_its_local_day() -> None:
    lines = [
        line(datetime(2017, 5, 1, 15)),
        line(datetime(2017, 5, 1, 15), coupon_disc=1.25),
        # Half past nine in the evening in New York, but the next day in UTC.
        line(datetime(2017, 5, 2, 1, 30), basket_id=2),
        line(datetime(2017, 5, 2, 15), basket_id=3),
        line(datetime(2017, 5, 1, 15), basket_id=4, household_id=8),
    ]
    result = evaluate(redeemed_baskets, redemptions=[REDEMPTION], lines=lines)
    found = sorted((row["basket_id"], row["basket_value"], row["coupon_discount"]) for row in result.rows)
    assert found == [(1, 5, 1.25), (2, 2.5, 0)]
    assert result.failed == []


def test_two_coupons_of_a_day_share_its_baskets() -> None:
    coupons = [REDEMPTION, REDEMPTION | {"coupon_upc": 51380041313}]
    result = evaluate(redeemed_baskets, redemptions=coupons, lines=[line(datetime(2017, 5, 1, 15))])
    assert [row["basket_id"] for row in result.rows] == [1, 1]
    assert result.failed == []


def test_nothing_new_makes_nothing() -> None:
    result = evaluate(redeemed_baskets, redemptions=[], lines=[line(datetime(2017, 5, 1, 15))])
    assert result.rows == []
    assert result.failed == []
