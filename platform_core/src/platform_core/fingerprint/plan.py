"""An optimized plan of DuckDB in a normal form, and the columns that it reads.

Names, positions in the text and numbers that the engine gives out do not count; projections over projections
are one. ``tests/fingerprint/test_pins.py`` pins the shape of the plan.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from pathlib import PurePath
from typing import Any, Final

from platform_core.fingerprint.made_from import digest

Plan = Any
"""JSON."""
_DROPPED: Final = frozenset(
    {"catalog", "catalog_name", "cte_name", "estimated_cardinality", "has_estimated_cardinality"}
    | {"has_serialize", "is_create_index", "is_index_scan", "op_name", "original_count", "query_location"}
)
_NUMBERS: Final = frozenset(
    {"aggregate_index", "cte_index", "delim_index", "group_index", "groupings_index", "mark_index"}
    | {"table_idx", "table_index", "unnest_index", "window_index"}
)
_OF_SCANS: Final = frozenset(
    {"column_ids", "column_indexes", "extra_info", "function_data", "names", "returned_types"}
    | {"table_filters", "virtual_columns"}
)
_OF_EXPRESSIONS: Final = frozenset({"alias", "function_data"})
_CHILDREN: Final = frozenset({"children"})
_PROJECTION: Final = "LOGICAL_PROJECTION"
_OVER_PROJECTIONS: Final = frozenset({_PROJECTION, "LOGICAL_AGGREGATE_AND_GROUP_BY"})
"""The nodes that compute from what is below a projection."""


def normalized(plan: Plan, tables: Mapping[str, str]) -> tuple[Plan, dict[str, tuple[str, ...]]]:
    """A plan in the normal form, where a digest stands for each expression, and the columns of each table
    that it reads. ``tables`` has the tables by the names of their files. Raises LookupError for a file that
    is not one of them."""
    reader = _Normal(tables)
    found = reader.value(plan)
    return found, {table: tuple(sorted(columns)) for table, columns in sorted(reader.uses.items())}


class _Normal:
    def __init__(self, tables: Mapping[str, str]) -> None:
        self._tables = tables
        self._numbers: dict[int, int] = {}
        self.uses: dict[str, set[str]] = {}

    def value(self, value: Plan, below: list[str] | None = None) -> Plan:
        """A part in the normal form. ``below``: the expressions to which its references point."""
        if isinstance(value, list):
            return [self.value(each, below) for each in value]
        if not isinstance(value, dict):
            return value
        kind = str(value.get("type"))
        if "expression_class" in value:
            if below is not None and value["expression_class"] == "BOUND_REF":
                return below[value["index"]]
            found = self._members(value, below, _OF_EXPRESSIONS)
            # References in the body of a lambda are to its own parameters.
            found["function_data"] = self.value(value.get("function_data"))
            return digest(json.dumps(found, sort_keys=True))
        if not kind.startswith("LOGICAL_"):
            return self._members(value, below)
        if kind == "LOGICAL_GET":
            return self._scan(value)
        children = self.value(value["children"])
        if kind in _OVER_PROJECTIONS and children[0]["type"] == _PROJECTION:
            below, children = children[0]["expressions"], children[0]["children"]
        return {**self._members(value, below, _CHILDREN), "children": children}

    def _members(self, node: Plan, below: list[str] | None, without: Set[str] = frozenset()) -> Plan:
        # References are positions: the number of a table counts only where a CTE is named by it, and then in
        # the order of appearance, since the engine counts over the whole statement.
        numbered = "CTE" in str(node.get("type"))
        found = {}
        for key, value in node.items():
            if key in _NUMBERS and isinstance(value, int):
                if numbered:
                    found[key] = self._numbers.setdefault(value, len(self._numbers))
            elif key not in _DROPPED and key not in without:
                found[key] = self.value(value, below)
        return found

    def _scan(self, node: Plan) -> Plan:
        names, types = node["names"], node["returned_types"]
        found = self._members(node, None, _OF_SCANS)
        found["shown"] = shown = [
            # A number after the columns is that of the row.
            (names[n], types[n], each["child_indexes"], each["field"]) if n < len(names) else ("",)
            for each in node["column_indexes"]
            for n in (each["index"],)
        ]
        filters = [(names[each["key"]], each["value"]) for each in node["table_filters"]["filters"]]
        found["filters"] = sorted(json.dumps(self.value(each), sort_keys=True) for each in filters)
        data = node.get("function_data") or {}
        if "files" in data:
            (file,) = data["files"]
            found["source"] = source = self._tables[PurePath(file).stem]
            columns = {name for name, *_ in (*shown, *filters) if name}
            self.uses.setdefault(source, set()).update(columns)
        else:  # a function that computes its rows
            found["function_data"] = self.value(data)
        return found
