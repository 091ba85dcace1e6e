"""A query's syntax tree as DuckDB itself parses it.

The tree comes from DuckDB's ``json_serialize_sql``, so what is judged is exactly what would run: with
a second parser, every difference between the two would be a hole in the access rules and a fault in
the lineage. The distribution pins DuckDB, and ``tests/access`` pins the shapes that are relied on.
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
    """One tree per statement; None where there is none to judge: SQL that is valid but no plain query
    (PIVOT, COPY, SET, ...), or one that nests hundreds of levels deep.

    Raises:
        duckdb.Error: the text is no SQL; its message shows the line and a caret.
    """
    connection = trial()
    # Written into the statement: to bind a parameter, DuckDB imports pandas first, which takes 0.4 s.
    row = connection.execute(f"SELECT json_serialize_sql({literal(sql)})").fetchone()
    try:
        answer: Node = json.loads(row[0]) if row else {"error": True}
    except RecursionError:
        return None
    if answer["error"]:
        # Asked again for its complaint with line and caret; silent where it is merely no query.
        connection.extract_statements(sql)
        return None
    return tuple(statement["node"] for statement in answer["statements"])


def written(query: Node) -> str:
    """The SQL of one tree. Raises duckdb.Error."""
    document = json.dumps({"error": False, "statements": [{"node": query, "named_param_map": []}]})
    row = trial().execute(f"SELECT json_deserialize_sql({literal(document)})").fetchone()
    return str(row[0]) if row else ""


def kinds_of(sql: str) -> list[str]:
    """The kind of each statement of a text, ``SELECT``, as DuckDB parses it. Raises duckdb.Error."""
    return [statement.type.name for statement in trial().extract_statements(sql)]


def nodes(tree: Any) -> Iterator[Node]:
    """Every object of a tree; a loop, since a long chain of operators nests deeper than Python does."""
    left = [tree]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            yield value
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def outermost(tree: object) -> Iterator[Node]:
    """The objects of a part of a tree that are in no other object: itself, or those in its lists."""
    if isinstance(tree, dict):
        yield tree
    elif isinstance(tree, list):
        for item in tree:
            yield from outermost(item)


def common_tables(query: Node) -> list[tuple[str, Node]]:
    """The WITH clause of a query: name and definition (``query``, ``aliases``), in their order."""
    return [(entry["key"], entry["value"]) for entry in query["cte_map"]["map"]]


def line_of(sql: str, node: Node) -> int | None:
    """The line of the SQL text, from 1, where a node stands; None where DuckDB does not say."""
    location = node.get("query_location")
    # DuckDB counts bytes, and marks "nowhere" with the largest 64-bit number.
    if location is None or location > len(sql.encode()):
        return None
    return sql.encode()[:location].count(b"\n") + 1
