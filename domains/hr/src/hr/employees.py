"""The personnel file."""

import re
from pathlib import Path

import pandas as pd

from hr.sources import ATTRITION
from platform_core import data_product

# Names that say more than the source's; all others are its own in snake_case.
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
    # Reading a pickle runs what is in it: this one comes with a package that the lock pins by its hash.
    people = pd.read_pickle(attrition, compression="xz").rename(columns=column_name)
    for answer in ("has_left", "works_overtime"):
        people[answer] = people[answer].map({"Yes": True, "No": False}).astype("bool")
    return people


def column_name(name: str) -> str:
    """A column of the source as the contract calls it: ``MonthlyIncome`` is ``monthly_income``."""
    return NAMES.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
