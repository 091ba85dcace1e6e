from datetime import date, datetime
from typing import Any

import pytest

from marketing.products import campaign_targets, campaigns, coupons, promotions
from platform_core.testing import evaluate


def placement(**values: Any) -> dict[str, Any]:
    usual = {"product_id": 1000, "store_id": 10, "display_location": "0", "mailer_location": "A", "week": 1}
    return usual | values


def test_a_product_may_be_placed_twice_in_a_week() -> None:
    result = evaluate(promotions, raw=[placement(), placement(display_location="7")])
    assert result.failed == []
    assert len(result.rows) == 2


def test_the_same_placement_twice_is_refused() -> None:
    result = evaluate(promotions, raw=[placement(), placement()])
    assert result.failed == ["unique__product_id__store_id__week__display_location__mailer_location"]


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("display_location", "8", "accepted_values__display_location"),
        ("mailer_location", "B", "accepted_values__mailer_location"),
        ("week", 54, "range__week"),
    ],
)
def test_an_unknown_placement_is_refused(column: str, value: Any, rule: str) -> None:
    assert evaluate(promotions, raw=[placement(**{column: value})]).failed == [rule]


def campaign(**values: Any) -> dict[str, Any]:
    usual = {
        "campaign_id": 1,
        "campaign_type": "Type B",
        "start_date": datetime(2017, 3, 3),
        "end_date": datetime(2017, 4, 9),
    }
    return usual | values


def test_a_campaign_counts_its_targets() -> None:
    result = evaluate(
        campaigns,
        descriptions=[campaign()],
        targets=[{"campaign_id": 1, "household_id": household} for household in (5, 6)],
    )
    assert result.failed == []
    assert result.rows == [
        {
            "campaign_id": 1,
            "campaign_type": "B",
            "starts_on": date(2017, 3, 3),
            "ends_on": date(2017, 4, 9),
            "targeted_households": 2,
        }
    ]


def test_a_campaign_that_reached_nobody_is_kept_and_refused() -> None:
    result = evaluate(campaigns, descriptions=[campaign()], targets=[])
    assert [row["targeted_households"] for row in result.rows] == [0]
    assert result.failed == ["range__targeted_households"]


def test_a_campaign_of_an_unknown_type_is_refused() -> None:
    result = evaluate(
        campaigns,
        descriptions=[campaign(campaign_type="Type D")],
        targets=[{"campaign_id": 1, "household_id": 5}],
    )
    assert result.failed == ["accepted_values__campaign_type"]


def test_a_household_receives_a_campaign_once() -> None:
    pair = {"campaign_id": 1, "household_id": 5}
    assert evaluate(campaign_targets, raw=[pair, pair | {"household_id": 6}]).failed == []
    assert evaluate(campaign_targets, raw=[pair, pair]).failed == ["unique__campaign_id__household_id"]


def test_a_coupon_that_the_source_repeats_is_there_once() -> None:
    coupon = {"campaign_id": 26, "coupon_upc": 10000085207, "product_id": 9676830}
    elsewhere = coupon | {"campaign_id": 8}
    result = evaluate(coupons, raw=[coupon, coupon, elsewhere])
    assert result.failed == []
    assert sorted(row["campaign_id"] for row in result.rows) == [8, 26]
