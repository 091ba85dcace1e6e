"""What a contract says so that a product of restricted or personal input may be spoken of."""

from __future__ import annotations

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import Column, Rule
from platform_core.odcs.custom_properties import find_property
from platform_core.source.cursor import Node

_EXPECTED = "{reason: <why>, minGroup: 5, count: <column>}"
_KEYS = ("reason", "minGroup", "count")


def disclosure_rules(table: Node, columns: tuple[Column, ...]) -> tuple[Rule, ...]:
    """The rule that proves the custom property ``disclosure`` of a schema object: none without one.

    Faults: C095 for one that cannot be proven: without a reason, a smallest group of two or more, or a
    column that counts the people behind each row; or of a product with hidden columns of its own.
    """
    node = find_property(table, "disclosure")
    if node is None or not node.is_mapping("C095", "disclosure", _EXPECTED, only=_KEYS):
        return ()
    reason, minimum, name = (node.get(key) for key in _KEYS)
    counts = [column.name for column in columns if column.logical_type == "integer"]
    hidden = next((column.name for column in columns if not column.shown_in_samples), None)
    if hidden is not None:
        node.error("C095", f'disclosure, but the own column "{hidden}" is restricted or personal')
    elif not isinstance(reason, str) or not reason.strip():
        node["reason"].error("C095", "disclosure gives no reason", _EXPECTED)
    elif not isinstance(minimum, int) or minimum < 2:  # true is 1
        message = "disclosure does not say how many people stand behind each row"
        node["minGroup"].error("C095", message, "a whole number of 2 or more")
    elif name not in counts:
        node["count"].error("C095", f'"{name}" is no column of whole numbers', _EXPECTED, known=counts)
    else:
        limits = Bounds(minimum=minimum)
        return (Rule("disclosure", "disclosure", node.place(), (name,), limits=limits, description=reason),)
    return ()
