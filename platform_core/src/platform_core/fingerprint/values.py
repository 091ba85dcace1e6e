"""The columns of tables whose values flow into the output of a plan, without those that only filter or sort.

References in a serialized plan are positions in the output of the operators below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

Plan = Any
"""JSON."""
Origin = frozenset[tuple[str, str]]
"""Sources and their columns."""
_NONE: Final[Origin] = frozenset()
_SAME: Final = frozenset({"LOGICAL_DISTINCT", "LOGICAL_FILTER", "LOGICAL_LIMIT", "LOGICAL_ORDER_BY"})
_JOINS: Final = frozenset(
    {"LOGICAL_ANY_JOIN", "LOGICAL_ASOF_JOIN", "LOGICAL_COMPARISON_JOIN", "LOGICAL_CROSS_PRODUCT"}
    | {"LOGICAL_POSITIONAL_JOIN"}
)
_SETS: Final = frozenset({"LOGICAL_EXCEPT", "LOGICAL_INTERSECT", "LOGICAL_UNION"})
_COUNTS: Final = frozenset({"count", "count_star"})


class UnknownOperator(Exception):
    """A plan has an operator whose output is not known here."""


def origins(plan: Plan, source_of: Callable[[Plan], str]) -> list[Origin]:
    """The origins of each output column. ``source_of`` names the source of a scan. Raises
    UnknownOperator."""
    kind, below = plan.get("type"), plan.get("children") or []
    inputs = [origins(each, source_of) for each in below]
    if kind == "LOGICAL_GET" and "names" in plan:
        return _of_scan(plan, source_of(plan))
    if kind == "LOGICAL_PROJECTION":
        return [_of(each, inputs[0]) for each in plan["expressions"]]
    if kind in _SAME:
        return _mapped(inputs[0], plan.get("projection_map"))
    if kind in _JOINS:
        return _of_join(plan, *inputs)
    if kind in _SETS:
        return [frozenset().union(*each) for each in zip(*inputs, strict=True)]
    if kind == "LOGICAL_AGGREGATE_AND_GROUP_BY":
        parts = (*plan.get("groups", ()), *plan.get("expressions", ()))
        return [
            *(_of(each, inputs[0]) for each in parts),
            *(_NONE for _ in plan.get("grouping_functions", ())),
        ]
    if kind in ("LOGICAL_WINDOW", "LOGICAL_UNNEST"):
        return [*inputs[0], *(_of(each, inputs[0]) for each in plan["expressions"])]
    if kind == "LOGICAL_DUMMY_SCAN":
        return [_NONE]
    if kind == "LOGICAL_EMPTY_RESULT":
        return [_NONE] * len(plan.get("return_types", ()))
    raise UnknownOperator(str(kind))


def _of_scan(scan: Plan, source: str) -> list[Origin]:
    names = scan["names"]
    read = scan.get("column_indexes") or scan.get("column_ids") or []
    numbers = [each.get("index", 0) if isinstance(each, dict) else each for each in read]
    if shown := scan.get("projection_ids"):
        numbers = [numbers[position] for position in shown]
    return [frozenset({(source, names[n])}) if n < len(names) else _NONE for n in numbers]


def _of_join(join: Plan, left: list[Origin], right: list[Origin]) -> list[Origin]:
    kind = join.get("join_type", "INNER")
    left = _mapped(left, join.get("left_projection_map"))
    right = _mapped(right, join.get("right_projection_map"))
    if kind in ("SEMI", "ANTI"):
        return left
    if kind in ("RIGHT_SEMI", "RIGHT_ANTI"):
        return right
    if kind == "MARK":
        return [*left, _NONE]
    if kind in ("INNER", "LEFT", "RIGHT", "OUTER", "SINGLE"):
        return [*left, *right]
    raise UnknownOperator(f"join {kind}")


def _mapped(columns: list[Origin], shown: list[int] | None) -> list[Origin]:
    return [columns[position] for position in shown] if shown else columns


def _of(expression: Plan, below: list[Origin]) -> Origin:
    return frozenset().union(*(below[each["index"]] for each in _references(expression)))


def _references(expression: Plan) -> Iterator[Plan]:
    if isinstance(expression, list):
        for each in expression:
            yield from _references(each)
    elif isinstance(expression, dict):
        # The number of rows does not show a value.
        if expression.get("name") in _COUNTS and "aggregate_type" in expression:
            return
        if expression.get("expression_class") == "BOUND_REF" and "index" in expression:
            yield expression
        for key, value in expression.items():
            # The body of a lambda refers to its own parameters.
            if key != "function_data":
                yield from _references(value)
