"""A query's syntax tree as DuckDB itself parses it.

DuckDB's ``json_serialize_sql`` returns the tree, so the checked query is exactly the query that runs. With
a second parser, every difference between the two would be a gap in the access rules and a fault in the
lineage. The distribution pins DuckDB, and ``tests/pins`` pins the shapes of the tree.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from platform_core.sql.engine import trial
from platform_core.sql.quoting import literal

Node = dict[str, Any]

QUERY_NODES: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})


def parse(sql: str) -> tuple[Node, ...] | None:
    """One tree per statement; None for valid SQL that is not a plain query (PIVOT, COPY, SET, ...) or nests
    hundreds of levels deep. Raises duckdb.Error, with the line and a caret, for text that is not SQL."""
    connection = trial()
    # A literal, because DuckDB imports pandas to bind a parameter, which takes 0.4 s.
    row = connection.execute(f"SELECT json_serialize_sql({literal(sql)})").fetchone()
    try:
        answer: Node = json.loads(row[0]) if row else {"error": True}
    except RecursionError:
        return None
    if answer["error"]:
        # This raises an error with line and caret, unless the text is valid and only not a query.
        connection.extract_statements(sql)
        return None
    return tuple(statement["node"] for statement in answer["statements"])


def written(query: Node) -> str:
    """The SQL of one tree. Raises duckdb.Error."""
    document = json.dumps({"error": False, "statements": [{"node": query, "named_param_map": []}]})
    row = trial().execute(f"SELECT json_deserialize_sql({literal(document)})").fetchone()
    return str(row[0]) if row else ""


def kinds_of(sql: str) -> list[str]:
    """The kind of each statement of a text, such as ``SELECT``. Raises duckdb.Error."""
    return [statement.type.name for statement in trial().extract_statements(sql)]


def nodes(tree: Any) -> Iterator[Node]:
    """Every object of a tree. It is a loop, because a long chain of operators exceeds Python's recursion."""
    left = [tree]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            yield value
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def outermost(tree: object) -> Iterator[Node]:
    """The outermost objects of a part of a tree: itself, or those in its lists."""
    if isinstance(tree, dict):
        yield tree
    elif isinstance(tree, list):
        for item in tree:
            yield from outermost(item)


def common_tables(query: Node) -> list[tuple[str, Node]]:
    """The WITH clause of a query in order: name and definition (``query``, ``aliases``)."""
    return [(entry["key"], entry["value"]) for entry in query["cte_map"]["map"]]


def line_of(sql: str, node: Node) -> int | None:
    """The line of a node in the SQL text, from 1; None if DuckDB has no position."""
    location = node.get("query_location")
    # DuckDB counts bytes; the largest 64-bit number means no position.
    if location is None or location > len(sql.encode()):
        return None
    return sql.encode()[:location].count(b"\n") + 1
