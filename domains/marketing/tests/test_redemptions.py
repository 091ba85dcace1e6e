from datetime import datetime
from typing import Any

import pytest

from marketing.redemptions import coupon_redemptions
from platform_core.testing import evaluate


def redemption(day: datetime, **values: Any) -> dict[str, Any]:
    usual = {"household_id": 7, "coupon_upc": 51380041013, "campaign_id": 26, "redemption_date": day}
    return usual | values


def test_each_month_of_the_study_is_in_one_batch() -> None:
    days = [datetime(2017, month, day) for month in (1, 6, 12) for day in (1, 28)]
    result = evaluate(coupon_redemptions, raw=[redemption(day) for day in days])
    assert [row["redeemed_on"] for row in result.rows] == [day.date() for day in days]
    assert result.failed == []


def test_a_coupon_may_be_used_again_on_another_day_but_not_on_the_same() -> None:
    used = redemption(datetime(2017, 5, 1))
    assert evaluate(coupon_redemptions, raw=[used, redemption(datetime(2017, 5, 2))]).failed == []
    broken = evaluate(coupon_redemptions, raw=[used, used]).failed
    assert broken == ["unique__household_id__coupon_upc__campaign_id__redeemed_on"]


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [("household_id", 2501, "range__household_id"), ("coupon_upc", None, "not_null__coupon_upc")],
)
def test_a_redemption_that_cannot_be_is_refused(column: str, value: Any, rule: str) -> None:
    row = redemption(datetime(2017, 5, 1), **{column: value})
    assert evaluate(coupon_redemptions, raw=[row]).failed == [rule]
