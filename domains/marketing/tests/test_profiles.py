"""The masked twin of the households: classes are joined, and none is forgotten."""

import pytest

from platform_core.testing import contract


@pytest.mark.parametrize("column", ["age", "income", "household_comp"])
def test_every_class_has_a_group(column: str) -> None:
    households = contract("marketing/households")
    [classes] = [r.values for r in households.rules if r.kind == "accepted_values" and r.columns == (column,)]
    found = households.column(column)
    assert found is not None
    assert found.mask is not None
    assert {text for text, _ in found.mask.groups} == set(classes)


def test_sales_and_analysts_read_the_twin_alone() -> None:
    profiles, households = contract("marketing/household_profiles"), contract("marketing/households")
    for reader in ("domain:sales", "analysts"):
        assert profiles.granted_to(reader)
        assert not households.granted_to(reader)
    assert not [column.name for column in profiles.columns if column.personal]
    assert profiles.lake == "marketing"
