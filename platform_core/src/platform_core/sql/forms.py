"""Statements around a SELECT: EXPLAIN and SHOW TABLES.

DuckDB does not serialize these statements, so their SELECT is judged as a statement of its own, and what
stands around it is written here.
"""

from __future__ import annotations

import re
from typing import Final

from platform_core.sql.parser import Node, parse
from platform_core.sql.quoting import fold

EXPLAIN: Final = "EXPLAIN "  # before the query whose plan is the answer
GRANTED: Final = "@information_schema"
"""The schema that stands for ``information_schema``: with tables of what the reader may read."""

_SHOWN: Final = {
    '"tables"': "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables ORDER BY 1",
    "__show_tables_expanded": "FROM information_schema.tables ORDER BY ALL",
}


def explained(sql: str) -> tuple[str, str]:
    """``EXPLAIN`` if a text begins with it, and the rest."""
    import duckdb

    text = sql.encode()
    first, second = [offset for offset, _ in (*duckdb.tokenize(sql), (0, None), (0, None))][:2]
    if not re.match(rb"(?i)explain\b", text[first:]) or re.match(rb"(?i)analyze\b", text[second:]):
        return "", sql
    return EXPLAIN, text[second:].decode()


def of_information_schema(schema: str, name: str) -> bool:
    """Whether a table is one of those that ``GRANTED`` has."""
    return fold(schema) == "information_schema" and fold(name) in ("tables", "columns")


def shown(table: str) -> Node | None:
    """The part of FROM that SHOW stands for, by DuckDB's name of what it shows."""
    queries = parse(f"FROM ({_SHOWN[table]})") if table in _SHOWN else None
    found: Node | None = queries[0]["from_table"] if queries else None
    return found
