"""The parts of a query that return other values at each run, or that depend on the order of rows.

They are found in the syntax tree: the optimizer replaces ``now()`` by its value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from platform_core.sql.allowed import (
    ALLOWED_IN_SPITE,
    REFUSED_FUNCTIONS,
    REFUSED_PREFIXES,
    TABLE_FUNCTIONS,
)
from platform_core.sql.parser import Node, nodes
from platform_core.sql.quoting import fold

_WITHOUT_BRACKETS: Final = frozenset(
    {"current_catalog", "current_date", "current_schema", "current_time", "current_timestamp"}
    | {"localtime", "localtimestamp"}
)
VOLATILE: Final = (
    frozenset(
        {"ago", "current_localtime", "current_localtimestamp", "gen_random_uuid", "get_current_time"}
        | {"get_current_timestamp", "now", "random", "reservoir_quantile", "today", "transaction_timestamp"}
        | {"uuid", "uuidv4", "uuidv7"}
    )
    | _WITHOUT_BRACKETS
    | REFUSED_FUNCTIONS
)
"""Functions of the clock, of chance, and of the engine's state."""
_ORDERED: Final = frozenset(
    {"any_value", "approx_quantile", "approx_top_k", "arbitrary", "array_agg", "first", "group_concat"}
    | {"json_group_array", "json_group_object", "last", "list", "listagg", "mode", "string_agg"}
)
_NUMBERED: Final = frozenset(
    {"first_value", "lag", "last_value", "lead", "nth_value", "ntile", "row_number"} | _ORDERED
)
_SORTING: Final = frozenset({"array_reverse_sort", "array_sort", "list_reverse_sort", "list_sort"})


def unstable(tree: Node, tables: Collection[str] = ()) -> tuple[str, ...]:
    """The parts that return other values at each run, sorted: ``now()``, ``USING SAMPLE``. Also those that
    read something else than ``tables``, such as ``read_csv()`` and ``information_schema.tables``."""
    known = {fold(name) for name in tables}
    for node in nodes(tree):
        known |= {fold(entry["key"]) for entry in node["cte_map"]["map"]} if "cte_map" in node else set()
    return tuple(sorted({part for node in nodes(tree) for part in _unstable(node, known)}))


def mentioned(text: str) -> tuple[str, ...]:
    """The parts that ``unstable`` might find in a text without a tree."""
    words = {*re.findall(r"(\w+)\s*\(", fold(text))} & VOLATILE
    words |= {*re.findall(r"\w+", fold(text))} & _WITHOUT_BRACKETS
    return tuple(sorted(f"{word}()" for word in words))


def order_dependent(tree: Node) -> tuple[str, ...]:
    """The parts that take rows in an order that the query does not state, sorted: ``LIMIT``, ``list()``."""
    sorts = (node for node in nodes(tree) if _name(node) in _SORTING)
    later = {id(child) for node in sorts for child in node.get("children", ())[:1]}
    return tuple(sorted({part for node in nodes(tree) if id(node) not in later for part in _ordered(node)}))


def _name(node: Node) -> str:
    return fold(str(node.get("function_name", "")))


def _unstable(node: Node, known: Collection[str]) -> Iterator[str]:
    name, kind = _name(node), node.get("type")
    refused = name in VOLATILE or (name.startswith(REFUSED_PREFIXES) and name not in ALLOWED_IN_SPITE)
    if refused or (name == "age" and len(node.get("children", ())) == 1):
        yield f"{name}()"
    if kind == "COLUMN_REF" and (column := fold(node["column_names"][-1])) in _WITHOUT_BRACKETS:
        yield f"{column}()"
    if kind == "TABLE_FUNCTION" and _name(node["function"]) not in TABLE_FUNCTIONS:
        yield f"{_name(node['function'])}()"
    if kind == "BASE_TABLE":
        schema, table = fold(node["schema_name"]), fold(node["table_name"])
        # ``recurring.<name>`` is the collected result of a recursive CTE.
        plain = schema in ("", "main", "recurring") and table in known
        if not plain and f"{schema}.{table}" not in known:
            yield f"{schema}.{table}".lstrip(".")
    if kind == "SHOW_REF" and node.get("query") is None:
        yield "SHOW"
    if node.get("sample"):
        yield "USING SAMPLE"


def _ordered(node: Node) -> Iterator[str]:
    name = _name(node)
    if node.get("class") == "WINDOW":
        if name in _NUMBERED and not node.get("orders") and not node.get("arg_orders"):
            yield f"{name}() OVER"
    elif name in _ORDERED and not (node.get("order_bys") or {}).get("orders"):
        yield f"{name}()"
    if node.get("ref_type") == "POSITIONAL":
        yield "POSITIONAL JOIN"
    if node.get("show_type") == "SUMMARY":
        yield "SUMMARIZE"
    kinds = [modifier.get("type") for modifier in node.get("modifiers") or ()]
    if not {"LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"}.isdisjoint(kinds) and "ORDER_MODIFIER" not in kinds:
        yield "LIMIT"
    if "DISTINCT_MODIFIER" in kinds and "ORDER_MODIFIER" not in kinds:
        modifiers = (each for each in node["modifiers"] if each.get("type") == "DISTINCT_MODIFIER")
        if any(each.get("distinct_on_targets") for each in modifiers):
            yield "DISTINCT ON"
