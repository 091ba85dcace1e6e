"""What a statement really reads, by DuckDB's own plan of it: through views, macros and whatever names hide.

To plan binds the statement, which opens files: so its names are judged before (``allowed``).
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
"""The function that scans, and of what in JSON: a table at its snapshot, files, a pointer to a data frame."""


def sources(connection: duckdb.DuckDBPyConnection, query: str) -> frozenset[Source]:
    """What one SELECT scans; nothing of the table functions that compute from their arguments alone.

    Raises:
        NotAllowed: ``construct`` where DuckDB cannot write the plan out, as of files of CSV.
        duckdb.Error: the query does not bind.
    """
    # Not optimized: a branch that is never taken is read by nobody, but it was bound.
    row = connection.execute(f"SELECT json_serialize_plan({literal(query)}, optimize := false)").fetchone()
    answer: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    if answer["error"]:
        connection.execute(f"EXPLAIN {query}")  # whatever is wrong with the query is told here, by DuckDB
        raise NotAllowed("construct", "what the query reads cannot be told")
    return frozenset(
        (scan["name"], json.dumps(scan.get("function_data") or scan.get("parameters"), sort_keys=True))
        for scan in nodes(answer["plans"])
        if scan.get("type") == "LOGICAL_GET" and scan["name"] not in TABLE_FUNCTIONS
    )


def require_reads(connection: duckdb.DuckDBPyConnection, query: str, relations: Iterable[str]) -> None:
    """Refuse a query that reads more than some relations do, such as ``"lines"``.

    Raises:
        NotAllowed: ``construct``.
        duckdb.Error: the query does not bind.
    """
    allowed = frozenset[Source]().union(*(sources(connection, f"SELECT * FROM {name}") for name in relations))
    if foreign := sources(connection, query) - allowed:
        raise NotAllowed("construct", f"by {min(foreign)[0]}, it reads what is not its input")
