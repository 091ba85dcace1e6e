"""The disclosure of a product with restricted or personal inputs: why its values may appear in messages."""

from __future__ import annotations

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import Column, Rule
from platform_core.odcs.custom_properties import find_property
from platform_core.source.cursor import Node

_EXPECTED = "{reason: <why>, minGroup: 5, count: <column>}"
_KEYS = ("reason", "minGroup", "count")


def disclosure_rules(table: Node, columns: tuple[Column, ...]) -> tuple[Rule, ...]:
    """The rule of the custom property ``disclosure`` of a schema object; none without it.

    Faults: C095 for a disclosure without a reason, without a smallest group of two or more, without a column
    that counts the people of each row, or of a product with hidden columns.
    """
    node = find_property(table, "disclosure")
    if node is None or not node.is_mapping("C095", "disclosure", _EXPECTED, only=_KEYS):
        return ()
    reason, minimum, name = (node.get(key) for key in _KEYS)
    counts = [column.name for column in columns if column.logical_type == "integer"]
    hidden = next((column.name for column in columns if not column.shown_in_samples), None)
    if hidden is not None:
        node.error("C095", f'disclosure is declared, but the column "{hidden}" is restricted or personal')
    elif not isinstance(reason, str) or not reason.strip():
        node["reason"].error("C095", "disclosure has no reason", _EXPECTED)
    elif not isinstance(minimum, int) or minimum < 2:  # true is 1
        message = "disclosure has no smallest number of people per row"
        node["minGroup"].error("C095", message, "a whole number of 2 or more")
    elif name not in counts:
        node["count"].error("C095", f'"{name}" is not a column of whole numbers', _EXPECTED, known=counts)
    else:
        limits = Bounds(minimum=minimum)
        return (Rule("disclosure", "disclosure", node.place(), (name,), limits=limits, description=reason),)
    return ()
