"""The sources that a statement reads by DuckDB's own plan, through views and macros.

DuckDB opens files to plan a statement, so ``allowed`` checks its names first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from platform_core.sql.allowed import TABLE_FUNCTIONS, NotAllowed
from platform_core.sql.parser import nodes
from platform_core.sql.quoting import literal

if TYPE_CHECKING:
    import duckdb

Source = tuple[str, str]
"""The scan function, and its data in JSON: a table at its snapshot, files, a pointer to a data frame."""


def sources(connection: duckdb.DuckDBPyConnection, query: str) -> frozenset[Source]:
    """The sources that one SELECT scans, without table functions that only compute.

    Raises NotAllowed ``construct`` if DuckDB cannot serialize the plan, as for CSV files, and duckdb.Error if
    the query does not bind.
    """
    # Not optimized, so that a branch that never runs counts as a source.
    row = connection.execute(f"SELECT json_serialize_plan({literal(query)}, optimize := false)").fetchone()
    answer: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    if answer["error"]:
        connection.execute(f"EXPLAIN {query}")  # raises DuckDB's own error for a wrong query
        raise NotAllowed("construct", "the sources of the query cannot be determined")
    return frozenset(
        (scan["name"], json.dumps(scan.get("function_data") or scan.get("parameters"), sort_keys=True))
        for scan in nodes(answer["plans"])
        if scan.get("type") == "LOGICAL_GET" and scan["name"] not in TABLE_FUNCTIONS
    )


def require_reads(connection: duckdb.DuckDBPyConnection, query: str, relations: Iterable[str]) -> None:
    """Refuse a query that reads more than the given relations, such as ``"lines"``. Raises NotAllowed
    ``construct``, and duckdb.Error if the query does not bind."""
    allowed = frozenset[Source]().union(*(sources(connection, f"SELECT * FROM {name}") for name in relations))
    if foreign := sources(connection, query) - allowed:
        raise NotAllowed("construct", f"with {min(foreign)[0]} it reads data that is not its input")
