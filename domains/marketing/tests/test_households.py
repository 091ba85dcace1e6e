from typing import Any

import pytest

from marketing.households import households
from platform_core.testing import evaluate


def answer(**values: Any) -> dict[str, Any]:
    usual = {
        "household_id": 1,
        "age": "45-54",
        "income": "Under 15K",
        "home_ownership": "Probable Renter",
        "marital_status": "Unmarried",
        "household_size": "2",
        "household_comp": "1 Adult Kids",
        "kids_count": "1",
    }
    return usual | values


def test_answers_become_values_of_the_contract() -> None:
    result = evaluate(households, raw=[answer()])
    assert result.failed == []
    assert result.rows == [
        {
            "household_id": 1,
            "age": "45-54",
            "income": "0-14K",
            "home_ownership": "probable_renter",
            "marital_status": "unmarried",
            "household_size": "2",
            "household_comp": "one_adult_with_kids",
            "kids_count": "1",
        }
    ]


def test_missing_answers_stay_missing() -> None:
    [row] = evaluate(households, raw=[answer(home_ownership=None, marital_status=None)]).rows
    assert (row["home_ownership"], row["marital_status"]) == (None, None)


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("age", "18", "accepted_values__age"),
        ("household_comp", "3 Adults", "accepted_values__household_comp"),
        ("kids_count", None, "not_null__kids_count"),
    ],
)
def test_an_unknown_answer_is_refused(column: str, value: Any, rule: str) -> None:
    assert evaluate(households, raw=[answer(**{column: value})]).failed == [rule]
