"""What a contract says so that a product of restricted or personal input may be spoken of."""

from __future__ import annotations

from collections.abc import Iterator

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import Column, Disclosure, Rule
from platform_core.contracts.node import Node
from platform_core.contracts.properties import find_property

_EXPECTED = "{reason: <why>, minGroup: 5, count: <column>}"


def read_disclosure(table: Node, columns: tuple[Column, ...]) -> Disclosure | None:
    """The custom property ``disclosure`` of a schema object. Faults: C095 for one that cannot be proven:
    without a reason, a smallest group of two or more, or a column of whole numbers that counts the people
    behind each row; or of a product that has restricted or personal columns itself."""
    node = find_property(table, "disclosure")
    if node is None or not node.is_mapping("C095", "disclosure", _EXPECTED):
        return None
    if not node.has_only(("reason", "minGroup", "count"), "C095", "disclosure"):
        return None
    hidden = [column.name for column in columns if not column.shown_in_samples]
    if hidden:
        message = f'disclosure of a product whose own column "{hidden[0]}" is restricted or personal'
        node.error("C095", message, "a product whose own columns everybody may see", "Remove disclosure.")
        return None
    reason, minimum, name = (node[key].value for key in ("reason", "minGroup", "count"))
    counted = next((column for column in columns if column.name == name), None)
    if not isinstance(reason, str) or not reason.strip():
        node["reason"].error("C095", "disclosure gives no reason", _EXPECTED)
    elif not isinstance(minimum, int) or isinstance(minimum, bool) or minimum < 2:
        message = "disclosure does not say how many people stand behind each row"
        node["minGroup"].error("C095", message, "a whole number of 2 or more")
    elif counted is None:
        known = [column.name for column in columns]
        node["count"].error("C095", f'the count of disclosure "{name}" is no column', known=known)
    elif counted.logical_type != "integer":
        message = f'the count of disclosure "{name}" is a {counted.logical_type}, not a whole number'
        node["count"].error("C095", message, "a column of logicalType integer")
    else:
        return Disclosure(reason.strip(), minimum, counted.name, node.place())
    return None


def disclosure_rule(disclosure: Disclosure | None) -> Iterator[Rule]:
    """The rule that proves it."""
    if disclosure is not None:
        yield Rule(
            "disclosure",
            "disclosure",
            disclosure.place,
            (disclosure.count,),
            limits=Bounds(minimum=disclosure.minimum),
        )
