"""The terms by which a product is operated: its service level target and its budget."""

from __future__ import annotations

from platform_core.contracts.budget import Budget
from platform_core.odcs.custom_properties import find_property
from platform_core.source.budget import read_budget as budget_at
from platform_core.source.cursor import Node


def read_target(contract: Node) -> float | None:
    """The percentage of deliveries to keep; None where none is declared. Faults: C031."""
    found = find_property(contract, "serviceLevelTarget")
    if found is None:
        return None
    value = found.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        found.error("C031", f'serviceLevelTarget is "{value}"', "a percentage above 0, such as 99.5")
        return None
    return float(value)


def read_budget(contract: Node) -> Budget | None:
    """The product's own budget; None where none is declared. Faults: C031."""
    found = find_property(contract, "budget")
    return Budget(**budget_at(found, "C031")) if found is not None else None
