from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from marketing.segments import fifth, household_segments, segment
from platform_core.testing import evaluate


def line(household: int | None, basket: int, moment: datetime, value: str = "1.00") -> dict[str, Any]:
    return {
        "household_id": household,
        "basket_id": basket,
        "transaction_timestamp": moment,
        "sales_value": value,
    }


def test_one_row_per_household() -> None:
    result = evaluate(
        household_segments,
        lines=[
            line(1, 11, datetime(2017, 12, 30, 12), "2.50"),
            line(1, 11, datetime(2017, 12, 30, 12), "0.25"),
            line(1, 12, datetime(2017, 6, 1, 12)),
            # Eleven at night on the last day of the year in the shop.
            line(2, 21, datetime(2018, 1, 1, 4, 0)),
        ],
    )
    assert result.failed == []
    first, second = result.rows
    assert (first["last_purchase_on"], first["recency_days"]) == (date(2017, 12, 30), 1)
    assert (first["basket_count"], first["sales_value"]) == (2, Decimal("3.75"))
    assert (second["last_purchase_on"], second["recency_days"]) == (date(2017, 12, 31), 0)


def test_a_line_without_household_is_refused() -> None:
    result = evaluate(household_segments, lines=[line(None, 11, datetime(2017, 6, 1))])
    assert result.failed == ["not_null__household_id"]


@pytest.mark.parametrize(
    ("values", "scores"),
    [
        (list(range(10)), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        ([7, 7, 7, 7, 7], [1, 1, 1, 1, 1]),
        ([1, 1, 1, 2, 3], [1, 1, 1, 4, 5]),
    ],
)
def test_fifths_are_even_and_equal_for_equals(values: list[int], scores: list[int]) -> None:
    assert pl.DataFrame({"v": values}).select(fifth(pl.col("v")))["v"].to_list() == scores


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((5, 4, 4), "champion"),
        ((4, 5, 3), "loyal"),
        ((3, 4, 1), "loyal"),
        ((2, 3, 5), "at_risk"),
        ((4, 2, 5), "newcomer"),
        ((1, 2, 1), "dormant"),
        ((3, 3, 3), "regular"),
        ((5, 3, 5), "regular"),
    ],
)
def test_segments_are_those_of_the_contract(scores: tuple[int, int, int], expected: str) -> None:
    recency, frequency, monetary = scores
    household = pl.DataFrame(
        {"recency_score": [recency], "frequency_score": [frequency], "monetary_score": [monetary]}
    )
    assert household.select(segment().alias("segment"))["segment"].to_list() == [expected]
