"""The parts of a query that return other values at each run, or that depend on the order of rows.

They are found in the syntax tree: the optimizer replaces ``now()`` by its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from platform_core.sql.parser import Node, nodes

VOLATILE: Final = frozenset(
    {"current_date", "current_localtime", "current_localtimestamp", "current_time", "current_timestamp"}
    | {"gen_random_uuid", "get_current_time", "get_current_timestamp", "localtime", "localtimestamp", "now"}
    | {"nextval", "random", "setseed", "today", "transaction_timestamp", "uuid", "uuidv4", "uuidv7"}
)
_ORDERED: Final = frozenset(
    {"any_value", "arbitrary", "array_agg", "first", "group_concat", "last", "list", "listagg", "string_agg"}
)
_NUMBERED: Final = frozenset(
    {"first_value", "lag", "last_value", "lead", "nth_value", "ntile", "row_number"} | _ORDERED
)


def unstable(tree: Node) -> tuple[str, ...]:
    """The parts that return other values at each run, sorted: ``now()``, ``USING SAMPLE``."""
    found = set()
    for node in nodes(tree):
        name = str(node.get("function_name", "")).lower()
        if name in VOLATILE or (name == "age" and len(node.get("children", ())) == 1):
            found.add(f"{name}()")
        if node.get("sample"):
            found.add("USING SAMPLE")
    return tuple(sorted(found))


def order_dependent(tree: Node) -> tuple[str, ...]:
    """The parts that take rows in an order that the query does not state, sorted: ``LIMIT``, ``list()``."""
    return tuple(sorted({part for node in nodes(tree) for part in _ordered(node)}))


def _ordered(node: Node) -> Iterator[str]:
    name = str(node.get("function_name", "")).lower()
    if node.get("class") == "WINDOW":
        if name in _NUMBERED and not node.get("orders"):
            yield f"{name}() OVER"
    elif name in _ORDERED and not (node.get("order_bys") or {}).get("orders"):
        yield f"{name}()"
    if node.get("ref_type") == "POSITIONAL":
        yield "POSITIONAL JOIN"
    kinds = [modifier.get("type") for modifier in node.get("modifiers") or ()]
    if not {"LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"}.isdisjoint(kinds) and "ORDER_MODIFIER" not in kinds:
        yield "LIMIT"
    if "DISTINCT_MODIFIER" in kinds and "ORDER_MODIFIER" not in kinds:
        modifiers = (each for each in node["modifiers"] if each.get("type") == "DISTINCT_MODIFIER")
        if any(each.get("distinct_on_targets") for each in modifiers):
            yield "DISTINCT ON"
