"""The masked twin of the households: classes are joined, and none is forgotten."""

from pathlib import Path

import pytest

from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_root


@pytest.mark.parametrize("column", ["age", "income", "household_comp"])
def test_every_class_has_a_group(column: str) -> None:
    registry = Registry.open(mesh_root(Path(__file__).parent))
    households = registry.get("marketing/households")
    [classes] = [r.values for r in households.rules if r.kind == "accepted_values" and r.columns == (column,)]
    found = households.column(column)
    assert found is not None
    assert found.mask is not None
    assert {text for text, _ in found.mask.groups} == set(classes)


def test_sales_and_analysts_read_the_twin_alone() -> None:
    registry = Registry.open(mesh_root(Path(__file__).parent))
    profiles, households = registry.get("marketing/household_profiles"), registry.get("marketing/households")
    for reader in ("domain:sales", "analysts"):
        assert profiles.granted_to(reader)
        assert not households.granted_to(reader)
    assert not [column.name for column in profiles.columns if column.personal]
    assert profiles.lake == "marketing"
