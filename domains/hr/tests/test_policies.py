"""What hr asks of itself beyond the federation."""

from dataclasses import replace
from datetime import timedelta

from hr.policies import short_retention
from platform_core.governance.facts import LocationFacts, MeshFacts
from platform_core.source.federation import Federation
from platform_core.testing import contract


def test_personnel_data_is_kept_for_a_month() -> None:
    employees = contract("hr/employees")
    location = LocationFacts("hr", "hr", (employees,))
    mesh = MeshFacts((location,), Federation())
    assert not list(short_retention.check(employees, location, mesh))
    longer = replace(employees, retention=timedelta(days=31))
    (violation,) = short_retention.check(longer, location, mesh)
    assert violation.product == "hr/employees"
    anonymous = replace(longer, columns=())
    assert not list(short_retention.check(anonymous, location, mesh))
