"""The personnel file."""

import re
from pathlib import Path

import pandas as pd

from hr.sources import ATTRITION
from platform_core import data_product

# Clearer names than those of the source; all others are the source's in snake_case.
NAMES = {
    "rownames": "employee_id",
    "Attrition": "has_left",
    "OverTime": "works_overtime",
    "NumCompaniesWorked": "companies_worked",
    "TrainingTimesLastYear": "trainings_last_year",
    "YearsWithCurrManager": "years_with_current_manager",
}


@data_product(inputs={"attrition": ATTRITION})
def employees(attrition: Path) -> pd.DataFrame:
    # Reading a pickle runs code. This one is part of a package that the lock pins by its hash.
    people = pd.read_pickle(attrition, compression="xz").rename(columns=column_name)
    for answer in ("has_left", "works_overtime"):
        people[answer] = people[answer].map({"Yes": True, "No": False}).astype("bool")
    return people


def column_name(name: str) -> str:
    """The contract's name of a source column: ``MonthlyIncome`` is ``monthly_income``."""
    return NAMES.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
