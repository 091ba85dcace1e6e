"""The one check of SQL from other people: exactly one SELECT, which reads tables by name and nothing else.

It checks queries over products, quality rules and the SQL that functions return. DuckDB's own switches are
not enough: with ``enable_external_access`` off, ``sqlite_scan`` still opens a lake's catalog, and files of
a permitted folder can be read without the views. So no SQL runs before its syntax tree, as DuckDB parses it,
names only tables. Constructs that are not known to be harmless are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from platform_core.diagnostics import UsageError
from platform_core.sql.forms import (
    GRANTED,
    VALUES_OF,
    explained,
    of_information_schema,
    shown,
    values_of,
    with_named_values,
)
from platform_core.sql.parser import (
    QUERY_NODES,
    Node,
    common_tables,
    kinds_of,
    line_of,
    outermost,
    parse,
    written,
)
from platform_core.sql.quoting import fold

TABLE_FUNCTIONS: Final = frozenset({"unnest", "range", "generate_series", "json_each", "json_tree"})
"""Table functions that compute from their arguments alone."""

REFUSED_FUNCTIONS: Final = frozenset(
    # These read or change the engine's state, settings, variables and plans.
    {"current_connection_id", "current_query", "current_query_id", "current_setting"}
    | {"current_transaction_id", "txid_current", "getenv", "getvariable", "nextval", "currval"}
    | {"json_serialize_plan", "json_serialize_sql", "json_deserialize_sql", "parse_duckdb_log_message"}
    | {"write_log", "setseed", "sleep_ms", "stats", "in_search_path", "which_secret"}
    # These describe the catalog, which has the tables of other products.
    | {"col_description", "obj_description", "shobj_description", "format_type", "format_pg_type"}
    | {"map_to_pg_oid", "current_catalog", "current_database", "current_schema", "current_schemas"}
    # These open files and databases, if a later version of DuckDB allows them outside of FROM.
    | {"query", "query_table", "glob", "add_parquet_key"}
)
REFUSED_PREFIXES: Final = (
    *("pg_", "has_", "inet_", "read_", "parquet_", "duckdb_", "ducklake_", "sqlite_", "pragma_"),
    *("json_execute_", "enable_", "disable_", "icu_sort_key"),
)
ALLOWED_IN_SPITE: Final = frozenset({"pg_typeof", "pg_size_pretty"})

_FROM_ITEMS: Final = frozenset(
    {"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT", "SHOW_REF"}
)
_PARTS: Final = frozenset(
    {"ORDER_MODIFIER", "DISTINCT_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"}
    | {"ORDER_DEFAULT", "ASCENDING", "DESCENDING"}
)

What = Literal["syntax", "statement", "function", "construct"]


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table as the query names it. ``schema`` and ``catalog`` are empty if the name does not have them."""

    schema: str
    name: str
    line: int | None = None
    catalog: str = ""
    at: str = ""
    """The version or time after AT, for ``moment``; empty for the published version."""

    def __str__(self) -> str:
        return ".".join(part for part in (self.catalog, self.schema, self.name) if part)


class NotAllowed(Exception):
    """A statement with a forbidden part. ``what`` is the rule that it breaks, ``line`` the line of the
    part."""

    def __init__(self, what: What, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.what = what
        self.reason = reason + (f" (line {line} of the query)" if line else "")


def require_one_select(sql: str) -> None:
    """Raise NotAllowed unless a text is one SELECT (or FROM, WITH, VALUES, DESCRIBE, SUMMARIZE): ``syntax``
    for text that DuckDB cannot parse, ``statement`` for any other statement."""
    if _kinds(sql) != ["SELECT"]:
        raise NotAllowed("statement", "the query is not one single SELECT")


def tables_read(sql: str) -> tuple[TableName, ...]:
    """The tables that one SELECT names, without its common table expressions. The caller decides whether it
    may read these tables. Raises NotAllowed for everything else that reads data or the engine's state."""
    require_one_select(sql)
    tables = sorted(_judged(sql)[0].names)
    for table in tables:
        if table.at:
            raise NotAllowed("construct", "AT (...) is not available here", table.line)
    return tuple(tables)


def statements_read_at(sql: str) -> tuple[tuple[TableName, ...], tuple[str, ...]]:
    """As ``tables_read``, with tables at a version or time, and with the forms of ``forms``; and the
    statements to run, the query last. It names a table at a version without AT, in the schema of
    ``schema_at``. Only a literal may follow AT."""
    explain, query = explained(sql)
    if "CREATE" in _kinds(query):
        with suppress(NotAllowed):  # else the fault would be in a text that its author did not write
            require_one_select(named := with_named_values(query))
            query = named
    require_one_select(query)
    found, tree = _judged(query, forms=True)
    # Its author's text, where it is all that runs.
    rewritten = found.values or any(
        table.at or of_information_schema(table.schema, table.name) for table in found.names
    )
    return tuple(sorted(found.names)), (*found.values, explain + (written(tree) if rewritten else query))


def _judged(sql: str, *, forms: bool = False) -> tuple[_Tables, Node]:
    queries = parse(sql)
    if queries is None:
        raise NotAllowed("statement", "the query is not one single SELECT")
    found = _Tables(sql, forms)
    try:
        found.visit(queries[0], {})
    except RecursionError:
        raise NotAllowed("construct", "the query nests too deeply to be checked") from None
    return found, queries[0]


def _kinds(sql: str) -> list[str]:
    import duckdb

    try:
        return kinds_of(sql)
    except duckdb.Error as error:
        raise NotAllowed("syntax", str(error).strip()) from None


def schema_at(schema: str, at: str) -> str:
    """The name of a schema for the tables of ``schema`` at a version or time."""
    return f"{schema}@{at}" if at else schema


def moment(text: str) -> int | datetime:
    """A version, such as 12, or a time in ISO 8601, in UTC if it has no zone. Raises ValueError."""
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def moment_text(name: str, value: int | str | datetime) -> str:
    """A version or time as text for ``moment``. Raises UsageError U094 for anything else."""
    try:
        return str(moment(value.isoformat() if isinstance(value, datetime) else str(value)))
    except (ValueError, OverflowError):
        expected = "a version, such as 12, or a time, such as 2026-01-31T12:00"
        raise UsageError.of("U094", f'{name} cannot be "{value}"', expected=expected) from None


class _Tables:
    def __init__(self, sql: str, forms: bool) -> None:
        self.names: set[TableName] = set()
        self.values: list[str] = []
        """Statements that create the values of pivoted columns."""
        self._sql = sql
        self._forms = forms

    def visit(self, tree: object, common: Mapping[str, Node | None]) -> None:
        """Check a part of the tree; ``common`` are the visible CTEs by name, in lower case. One without a
        definition is the recursive one."""
        for node in outermost(tree):
            self._node(node, common)

    def _node(self, node: Node, common: Mapping[str, Node | None]) -> None:
        kind = node.get("type")
        if node.get("class") == "CONSTANT" or node.keys() <= {"type", "is_null", "value"}:
            return
        if str(kind) in QUERY_NODES:
            return self._query(node, common)
        if isinstance(kind, str) and "class" not in node:
            self._from_item(kind, node, common)
        if "function_name" in node and node.get("class") in ("FUNCTION", "WINDOW"):
            self._function(node)
        for value in node.values():
            self.visit(value, common)
        for pivot in node["pivots"] if kind == "PIVOT" else ():
            if str(pivot.get("pivot_enum")).startswith(VALUES_OF):
                known = {name: each for name, each in common.items() if each is not None}
                self.values.append(values_of(pivot, node["source"], known))

    def _query(self, node: Node, common: Mapping[str, Node | None]) -> None:
        for name, definition in common_tables(node):
            # As in DuckDB, a CTE sees those before it, and itself only if it is recursive.
            self.visit({k: v for k, v in definition.items() if k != "aliases"}, common)
            common = {**common, fold(name): definition}
        for key, value in node.items():
            if key == "cte_map":
                continue
            inside = {fold(node["cte_name"]): None} if key == "right" and "cte_name" in node else {}
            self.visit(value, {**common, **inside})

    def _from_item(self, kind: str, node: Node, common: Mapping[str, Node | None]) -> None:
        match kind:
            case "BASE_TABLE":
                self._table(node, common)
            case "TABLE_FUNCTION":
                name = fold(str(node["function"].get("function_name", "")))
                if name not in TABLE_FUNCTIONS:
                    reason = f'the table function "{name}" is not available here'
                    raise self._refusal("function", reason, node)
            case "SHOW_REF" if node.get("query") is None or node["show_type"] not in ("DESCRIBE", "SUMMARY"):
                stands_for = shown(node["table_name"]) if self._forms else None
                if stands_for is None:
                    raise self._refusal("construct", "SHOW is not available here", node)
                node.clear()
                node |= stands_for
            case _ if kind not in _FROM_ITEMS | _PARTS and not kind.endswith("_TYPE_INFO"):
                raise self._refusal("construct", f"{kind} is not available here", node)

    def _table(self, node: Node, common: Mapping[str, Node | None]) -> None:
        catalog, schema, name = node["catalog_name"], node["schema_name"], node["table_name"]
        # ``recurring.<name>`` is the collected result of a recursive CTE.
        at = self._at(node)
        if not catalog and fold(schema) in ("", "recurring") and fold(name) in common:
            if at:  # DuckDB accepts AT here and ignores it
                raise self._refusal("construct", f"AT (...) needs a product, and {name} is not one", node)
            return
        granted = self._forms and not catalog and not at and of_information_schema(schema, name)
        node |= {"schema_name": GRANTED if granted else schema_at(schema, at), "at_clause": None}
        self.names.add(TableName(schema, name, line_of(self._sql, node), catalog, at))

    def _at(self, node: Node) -> str:
        if not (clause := node["at_clause"]):
            return ""
        unit, literal = clause["unit"], clause["expr"]
        if unit == "TIMESTAMP" and literal["type"] == "OPERATOR_CAST":  # TIMESTAMP '...' is a cast
            literal = literal["child"]
        value = literal.get("value") or {"type": {"id": None}}
        if value["type"]["id"] in ("INTEGER", "BIGINT", "VARCHAR"):  # a DECIMAL's value has no point
            try:
                asked = moment(str(value.get("value")))
            except (ValueError, OverflowError):
                asked = None
            if isinstance(asked, int if unit == "VERSION" else datetime):
                return str(asked)
        example = "12" if unit == "VERSION" else "TIMESTAMP '2026-01-31 12:00:00'"
        raise self._refusal("construct", f"AT ({unit} => ...) takes a literal, such as {example}", node)

    def _function(self, node: Node) -> None:
        name = fold(str(node["function_name"]))
        if name in REFUSED_FUNCTIONS or (name.startswith(REFUSED_PREFIXES) and name not in ALLOWED_IN_SPITE):
            raise self._refusal("function", f'the function "{name}" is not available here', node)

    def _refusal(self, what: What, reason: str, node: Node) -> NotAllowed:
        return NotAllowed(what, reason, line_of(self._sql, node))
