"""An optimized plan of DuckDB in a normal form, and the columns that it reads.

Names, positions in the text and numbers that the engine gives out do not count; projections over projections
are one. ``tests/pins`` pins the shape of the plan.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from platform_core.fingerprint.stability import VOLATILE
from platform_core.sql.parser import nodes

Plan = Any
"""JSON."""
_DROPPED: Final = frozenset(
    {"alias", "catalog", "catalog_name", "cte_name", "estimated_cardinality", "has_estimated_cardinality"}
    | {"has_serialize", "is_create_index", "is_index_scan", "op_name", "original_count", "query_location"}
)
_NUMBERS: Final = frozenset(
    {"aggregate_index", "cte_index", "delim_index", "group_index", "groupings_index", "mark_index"}
    | {"table_idx", "table_index", "unnest_index", "window_index"}
)
_KEPT_IN_CTES: Final = frozenset({"cte_index", "table_idx"})
_SCAN: Final = frozenset(
    {"column_ids", "column_indexes", "estimated_cardinality", "extra_info", "names", "returned_types"}
    | {"table_index", "virtual_columns"}
)


def normalized(plan: Plan, tables: Mapping[str, str]) -> tuple[Plan, dict[str, tuple[str, ...]]]:
    """A plan in the normal form, and the columns of each table that it reads. ``tables`` has the tables by
    the names of their files."""
    reader = _Normal(tables)
    found = reader.value(_collapsed(plan))
    return found, {table: tuple(sorted(columns)) for table, columns in sorted(reader.uses.items())}


class _Normal:
    def __init__(self, tables: Mapping[str, str]) -> None:
        self._tables = tables
        self._numbers: dict[int, int] = {}
        self.uses: dict[str, set[str]] = {}

    def value(self, value: Plan, key: str = "") -> Plan:
        if isinstance(value, list):
            return [self.value(each, key) for each in value]
        if not isinstance(value, dict):
            # In the order of appearance, since the engine counts over the whole statement.
            renumbered = key in _NUMBERS and isinstance(value, int)
            return self._numbers.setdefault(value, len(self._numbers)) if renumbered else value
        if value.get("type") == "LOGICAL_GET" and "names" in value:
            return self._members(self._scan(value))
        return self._members(value)

    def _members(self, node: Plan) -> Plan:
        # References are positions: the number of a table counts only where a CTE is named by it.
        numbered = "CTE" in str(node.get("type"))
        return {
            key: self.value(value, key)
            for key, value in node.items()
            if key not in _DROPPED and (numbered or key not in _NUMBERS)
        }

    def _scan(self, node: Plan) -> Plan:
        names, types = node["names"], node["returned_types"]
        read = node.get("column_indexes") or node.get("column_ids") or []
        columns = [each.get("index", 0) if isinstance(each, dict) else each for each in read]
        # A number after the columns is that of the row.
        shown = [(names[n], types[n]) if n < len(names) else ("", None) for n in columns]
        source = source_of(node, self._tables)
        self.uses.setdefault(source, set()).update(name for name, _ in shown if name)
        inner = [
            [each.get("child_indexes"), each.get("field")] if isinstance(each, dict) else None
            for each in read
        ]
        found = {key: value for key, value in node.items() if key not in _SCAN}
        found |= {"function_data": source, "shown": shown, "inner": inner}
        if "table_filters" in found:
            filters = found["table_filters"].get("filters", [])
            found["table_filters"] = sorted(
                json.dumps([names[each.get("key", 0)], self.value(each.get("value"))], sort_keys=True)
                for each in filters
            )
        return found


def source_of(scan: Plan, tables: Mapping[str, str]) -> str:
    """The source of a scan, by the name of its file; of a function that computes its rows, its name."""
    files: list[str] = (scan.get("function_data") or {}).get("files") or []
    name = PurePath(files[0]).stem if len(files) == 1 else ""
    return tables.get(name, str(scan.get("name")))


def _collapsed(plan: Plan) -> Plan:
    """A projection over a projection is one; an aggregate over a projection computes from what is below."""
    if isinstance(plan, list):
        return [_collapsed(each) for each in plan]
    if not isinstance(plan, dict):
        return plan
    node = {key: _collapsed(value) for key, value in plan.items()}
    children = node.get("children")
    below = children[0] if isinstance(children, list) and len(children) == 1 else None
    if not isinstance(below, dict) or below.get("type") != "LOGICAL_PROJECTION" or _volatile(below):
        return node
    written = below["expressions"]
    if node.get("type") == "LOGICAL_PROJECTION":
        return _collapsed(
            {**node, "expressions": _inlined(node["expressions"], written), "children": below["children"]}
        )
    if node.get("type") == "LOGICAL_AGGREGATE_AND_GROUP_BY":
        parts = {key: _inlined(node.get(key, []), written) for key in ("expressions", "groups")}
        return _collapsed({**node, **parts, "children": below["children"]})
    return node


def _inlined(expression: Plan, below: Plan) -> Plan:
    if isinstance(expression, list):
        return [_inlined(each, below) for each in expression]
    if isinstance(expression, dict):
        if expression.get("expression_class") == "BOUND_REF" and "index" in expression:
            return below[expression["index"]]
        return {key: _inlined(value, below) for key, value in expression.items()}
    return expression


def _volatile(projection: Plan) -> bool:
    return any(node.get("name") in VOLATILE for node in nodes(projection["expressions"]))
