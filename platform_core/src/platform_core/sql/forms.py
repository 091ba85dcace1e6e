"""Statements around a SELECT: EXPLAIN, PIVOT over the values of a column, SHOW TABLES.

DuckDB does not serialize these statements, so their SELECT is judged as a statement of its own, and what
stands around it is written here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from platform_core.sql.parser import Node, parse, written
from platform_core.sql.quoting import fold, quoted

EXPLAIN: Final = "EXPLAIN "  # before the query whose plan is the answer
GRANTED: Final = "@information_schema"
"""The schema that stands for ``information_schema``: with tables of what the reader may read."""
VALUES_OF: Final = "@values of pivot "
"""The start of the name of a type with the values of a pivoted column."""

_ENDS_A_PIVOT: Final = frozenset(
    {b"using", b"group", b"order", b"limit", b"union", b"except", b"intersect", b",", b")", b";", b""}
)
_SHOWN: Final = {
    '"tables"': "SELECT table_schema || '.' || table_name AS name"
    " FROM information_schema.tables ORDER BY name",
    "__show_tables_expanded": "FROM information_schema.tables ORDER BY ALL",
}


def explained(sql: str) -> tuple[str, str]:
    """``EXPLAIN`` if a text begins with it, and the rest."""
    tokens = _tokens(sql)
    if len(tokens) < 2 or tokens[0][1] != b"explain" or tokens[1][1] == b"analyze":
        return "", sql
    return EXPLAIN, sql.encode()[tokens[1][0] :].decode()


def with_named_values(sql: str) -> str:
    """A text in which each pivoted column without IN has its values in a type, ``VALUES_OF`` and a number."""
    text, inserted = sql.encode(), list[int]()
    depth, missing = 0, dict[int, bool]()  # by depth of a pivot: whether a column still misses its IN
    for offset, word in (*_tokens(sql), (len(text), b"")):
        if depth in missing and word in _ENDS_A_PIVOT:
            inserted += [offset] * missing[depth]
            missing[depth] = True
            if word != b",":
                del missing[depth]
        elif word == b"pivot" or (depth in missing and word in (b"on", b"in")):
            missing[depth] = word == b"on"
        depth += (word == b"(") - (word == b")")
    for number, offset in reversed(list(enumerate(inserted))):
        text = text[:offset] + f'\nIN "{VALUES_OF}{number}" '.encode() + text[offset:]
    return text.decode()


def of_information_schema(schema: str, name: str) -> bool:
    """Whether a table is one of those that ``GRANTED`` has."""
    return fold(schema) == "information_schema" and fold(name) in ("tables", "columns")


def values_of(pivot: Node, source: Node, common: Mapping[str, Node]) -> str:
    """A statement that creates the type of a pivoted column, from the pivot's source and the common table
    expressions that it sees."""
    [column] = pivot["pivot_expressions"]
    [query] = parse("SELECT NULL FROM t") or ()
    query |= {"from_table": source, "select_list": [column | {"alias": "x"}]}
    query["cte_map"] = {"map": [{"key": name, "value": each} for name, each in common.items()]}
    values = f"SELECT DISTINCT CAST(x AS VARCHAR) AS v FROM ({written(query)}) WHERE x IS NOT NULL ORDER BY v"
    return f"CREATE TEMP TYPE {quoted(pivot['pivot_enum'])} AS ENUM ({values})"


def shown(table: str) -> Node | None:
    """The part of FROM that SHOW stands for, by DuckDB's name of what it shows."""
    queries = parse(f"FROM ({_SHOWN[table]})") if table in _SHOWN else None
    found: Node | None = queries[0]["from_table"] if queries else None
    return found


def _tokens(sql: str) -> list[tuple[int, bytes]]:
    """The offset in bytes of each token, and the word or the operator in lower case."""
    import duckdb

    text, found = sql.encode(), []
    for offset, kind in duckdb.tokenize(sql):
        plain = kind in (duckdb.token_type.keyword, duckdb.token_type.identifier)
        word = re.match(rb"[a-z]+" if plain else rb"[(),;]?", text[offset:].lower())
        found.append((offset, (word and word[0]) or b" "))
    return found
