"""The policies of hr."""

from dataclasses import replace
from datetime import timedelta

from hr.policies import short_retention
from platform_core.testing import contract


def test_personnel_data_is_kept_for_a_month() -> None:
    employees = contract("hr/employees")
    assert not list(short_retention.check(employees))
    longer = replace(employees, retention=timedelta(days=31))
    (violation,) = short_retention.check(longer)
    assert violation.product == "hr/employees"
    anonymous = replace(longer, columns=())
    assert not list(short_retention.check(anonymous))
