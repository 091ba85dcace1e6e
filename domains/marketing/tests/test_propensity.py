import random
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from marketing.propensity import FEATURES, redemption_propensity
from platform_core.testing import contract, evaluate

Rows = dict[str, list[dict[str, Any]]]
TRAINING = (1, date(2017, 5, 1))
HELD_OUT = (2, date(2017, 10, 10))
LATE = (3, date(2017, 12, 20))


def panel(households: int = 60) -> Rows:
    """Households, every other of which shops with coupons and nearly always redeems those of campaigns."""
    chance = random.Random(7)
    rows: Rows = {"targets": [], "campaigns": [], "redemptions": [], "lines": []}
    for campaign, begins in (TRAINING, HELD_OUT, LATE):
        rows["campaigns"].append(
            {
                "campaign_id": campaign,
                "campaign_type": "A",
                "starts_on": begins,
                "ends_on": begins + timedelta(days=40),
            }
        )
        for household in range(1, households + 1):
            rows["targets"].append({"campaign_id": campaign, "household_id": household})
            keen = household % 2 == 0
            rows["lines"].append(shopped(household, begins - timedelta(days=7), 2.0 if keen else 0.0))
            if keen == (chance.random() < 0.9):
                rows["redemptions"].append(redeemed(household, campaign, begins + timedelta(days=5)))
    return rows


def shopped(household: int, day: date, coupon: float) -> dict[str, Any]:
    return {
        "household_id": household,
        "basket_id": household * 1000 + day.toordinal(),
        "transaction_timestamp": datetime.combine(day, datetime.min.time()),
        "sales_value": 20 + household,
        "coupon_disc": coupon,
    }


def redeemed(household: int, campaign: int, day: date) -> dict[str, Any]:
    return {"household_id": household, "campaign_id": campaign, "redeemed_on": day}


def scores(rows: Rows) -> dict[tuple[int, int], float]:
    result = evaluate(redemption_propensity, **rows)
    assert result.failed == []
    return {(row["campaign_id"], row["household_id"]): row["propensity"] for row in result.rows}


def test_every_later_campaign_is_scored_and_none_that_it_was_trained_on() -> None:
    found = evaluate(redemption_propensity, **panel()).rows
    assert {(row["campaign_id"], row["in_holdout"]) for row in found} == {(2, True), (3, False)}
    assert len(found) == 120
    assert sorted(row["rank"] for row in found if row["campaign_id"] == 2) == list(range(1, 61))


def test_events_after_the_start_of_a_campaign_do_not_change_its_scores() -> None:
    """No leak: neither shopping nor redeeming from the first day on is among the features."""
    rows = panel()
    before = scores(rows)
    campaign, begins = LATE
    for household in range(1, 61, 2):
        rows["lines"].append(shopped(household, begins, 99.0))
        rows["redemptions"].append(redeemed(household, campaign, begins))
        rows["redemptions"].append(redeemed(household, HELD_OUT[0], begins))
    after = scores(rows)
    assert {pair: p for pair, p in after.items() if pair[0] == campaign} == pytest.approx(
        {pair: p for pair, p in before.items() if pair[0] == campaign}
    )


def test_events_before_the_start_change_the_scores() -> None:
    rows = panel()
    before = scores(rows)
    campaign, begins = LATE
    rows["lines"].append(shopped(1, begins - timedelta(days=1), 50.0))
    assert scores(rows)[campaign, 1] > before[campaign, 1]


def test_outcomes_of_the_holdout_do_not_train_the_model() -> None:
    rows = panel()
    before = scores(rows)
    began = HELD_OUT[1]
    late = [row for row in rows["redemptions"] if row["redeemed_on"] >= began]
    rows["redemptions"] = [row for row in rows["redemptions"] if row not in late]
    rows["redemptions"] += [redeemed(row["household_id"] % 60 + 1, 2, began) for row in late]
    after = scores(rows)
    assert {pair: p for pair, p in after.items() if pair[0] == 2} == pytest.approx(
        {pair: p for pair, p in before.items() if pair[0] == 2}
    )


def test_the_features_are_those_of_the_contract() -> None:
    signature = contract("marketing/redemption_propensity").signature
    assert signature is not None
    assert tuple(feature.name for feature in signature.features) == FEATURES
