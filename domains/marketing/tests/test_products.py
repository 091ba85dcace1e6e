from datetime import date, datetime
from typing import Any

import pytest

from marketing.products import campaigns, promotions
from platform_core.testing import evaluate


def placement(**values: Any) -> dict[str, Any]:
    usual = {"product_id": 1000, "store_id": 10, "display_location": "0", "mailer_location": "A", "week": 1}
    return usual | values


def test_a_product_may_be_placed_twice_in_a_week() -> None:
    result = evaluate(promotions, raw=[placement(), placement(display_location="7")])
    assert result.failed == []
    assert len(result.rows) == 2


def test_the_same_placement_twice_is_refused() -> None:
    assert len(evaluate(promotions, raw=[placement(), placement()]).failed) == 1


@pytest.mark.parametrize(
    ("column", "value"), [("display_location", "8"), ("mailer_location", "B"), ("week", 54)]
)
def test_a_placement_that_nobody_knows_is_refused(column: str, value: Any) -> None:
    failed = evaluate(promotions, raw=[placement(**{column: value})]).failed
    assert len(failed) == 1
    assert column in failed[0]


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
    assert len(result.failed) == 1
    assert "targeted_households" in result.failed[0]


def test_a_campaign_of_an_unknown_type_is_refused() -> None:
    result = evaluate(
        campaigns,
        descriptions=[campaign(campaign_type="Type D")],
        targets=[{"campaign_id": 1, "household_id": 5}],
    )
    assert len(result.failed) == 1
    assert "campaign_type" in result.failed[0]
