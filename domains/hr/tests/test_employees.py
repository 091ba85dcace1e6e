from pathlib import Path

import pandas as pd
import pytest

from hr.employees import column_name, employees
from hr.sources import ATTRITION
from platform_core.testing import evaluate


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    """The first people of the study, as its file has them."""
    return pd.read_pickle(ATTRITION.locate(), compression="xz").head(5)


def saved(people: pd.DataFrame, folder: Path) -> Path:
    file = folder / "attrition.pkl.compress"
    people.to_pickle(file, compression="xz")
    return file


def test_the_domain_runs_on_pandas_3() -> None:
    assert pd.__version__.startswith("3.")


def test_yes_and_no_are_booleans(study: pd.DataFrame, tmp_path: Path) -> None:
    result = evaluate(employees, attrition=saved(study, tmp_path))
    assert result.failed == []
    assert [row["has_left"] for row in result.rows] == [True, False, True, False, False]
    assert {row["employee_id"] for row in result.rows} == {1, 2, 4, 5, 7}


def test_an_employee_listed_twice_is_refused(study: pd.DataFrame, tmp_path: Path) -> None:
    result = evaluate(employees, attrition=saved(pd.concat([study, study.head(1)]), tmp_path))
    assert result.failed == ["unique__employee_id"]


def test_an_answer_that_the_survey_does_not_offer_is_refused(study: pd.DataFrame, tmp_path: Path) -> None:
    result = evaluate(employees, attrition=saved(study.assign(JobSatisfaction="Extreme"), tmp_path))
    assert result.failed == ["accepted_values__job_satisfaction"]


@pytest.mark.parametrize(
    ("source", "column"),
    [("MonthlyIncome", "monthly_income"), ("Age", "age"), ("rownames", "employee_id")],
)
def test_columns_are_named_as_in_the_contract(source: str, column: str) -> None:
    assert column_name(source) == column
