"""What a query over granted products may contain: products, common table expressions, plain functions.

DuckDB's own switches are not enough: with ``enable_external_access`` off, ``sqlite_scan`` still opens
a lake's catalog, and files of a permitted folder can be read past the views. So nothing runs before
its syntax tree, as DuckDB parses it, was found to name products and nothing else. What is not known
to be harmless is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from platform_core.errors import AccessDenied, Diagnostic, UsageError
from platform_core.sql.parser import QUERY_NODES, Node, common_tables, line_of, parse

TABLE_FUNCTIONS: Final = frozenset({"unnest", "range", "generate_series", "json_each", "json_tree"})
"""Table functions that compute from their arguments alone."""

REFUSED_FUNCTIONS: Final = frozenset(
    # Read the engine's state, its settings, variables and plans, or change them.
    {"current_connection_id", "current_query", "current_query_id", "current_setting"}
    | {"current_transaction_id", "txid_current", "getenv", "getvariable", "nextval", "currval"}
    | {"json_serialize_plan", "json_serialize_sql", "json_deserialize_sql", "parse_duckdb_log_message"}
    | {"write_log", "setseed", "sleep_ms", "stats", "in_search_path", "which_secret"}
    # Describe the catalog, in which the tables of other products stand.
    | {"col_description", "obj_description", "shobj_description", "format_type", "format_pg_type"}
    | {"map_to_pg_oid", "current_catalog", "current_database", "current_schema", "current_schemas"}
    # Open files and databases, should a later version of DuckDB have them outside of FROM.
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


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table as the query names it; ``schema`` is empty for a name of one part."""

    schema: str
    name: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


def tables_of(sql: str) -> tuple[TableName, ...]:
    """The tables that a permitted query names, its own common table expressions left out.

    Raises:
        UsageError: U040 text that is no SQL.
        AccessDenied: A010 anything but one query, A011 a table that cannot be a product, A012 a
            function that reaches beyond the data, A013 a construct that is not known to be harmless.
    """
    import duckdb

    try:
        queries = parse(sql)
    except duckdb.Error as error:
        raise UsageError(Diagnostic("U040", f"the query does not run: {str(error).strip()}")) from None
    if queries is None or len(queries) != 1:
        raise AccessDenied(
            Diagnostic(
                "A010",
                "only a single query is run here",
                expected="one SELECT (or FROM, WITH, VALUES, DESCRIBE, SUMMARIZE) over data products",
                fix="take away what stands before, behind or instead of it; for PIVOT write "
                "SELECT ... FROM ... PIVOT (...)",
            )
        )
    found = _Tables(sql)
    try:
        found.visit(queries[0], frozenset())
    except RecursionError:
        raise AccessDenied(
            Diagnostic("A013", "the query nests too deeply to be judged", fix="write it with fewer levels")
        ) from None
    return tuple(sorted(found.names))


class _Tables:
    def __init__(self, sql: str) -> None:
        self.names: set[TableName] = set()
        self._sql = sql

    def visit(self, tree: object, common: frozenset[str]) -> None:
        """Judge a part of the tree; ``common`` are the CTEs in sight, in lower case."""
        if isinstance(tree, list):
            for item in tree:
                self.visit(item, common)
        elif isinstance(tree, dict):
            self._node(tree, common)

    def _node(self, node: Node, common: frozenset[str]) -> None:
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

    def _query(self, node: Node, common: frozenset[str]) -> None:
        for name, definition in common_tables(node):
            # As DuckDB has it: a CTE sees those before it, and itself only where it is recursive.
            self.visit({k: v for k, v in definition.items() if k != "aliases"}, common)
            common |= {name.lower()}
        for key, value in node.items():
            if key == "cte_map":
                continue
            inside = {node["cte_name"].lower()} if key == "right" and "cte_name" in node else set()
            self.visit(value, common | inside)

    def _from_item(self, kind: str, node: Node, common: frozenset[str]) -> None:
        match kind:
            case "BASE_TABLE":
                self._table(node, common)
            case "TABLE_FUNCTION":
                name = str(node["function"].get("function_name", "")).lower()
                if name not in TABLE_FUNCTIONS:
                    raise self._refusal("A012", f'the table function "{name}" is not available here', node)
            case "SHOW_REF" if node.get("query") is None or node["show_type"] not in ("DESCRIBE", "SUMMARY"):
                raise self._refusal("A013", "SHOW is not available here", node)
            case _ if kind not in _FROM_ITEMS | _PARTS and not kind.endswith("_TYPE_INFO"):
                raise self._refusal("A013", f"{kind} is not available here", node)

    def _table(self, node: Node, common: frozenset[str]) -> None:
        catalog, schema, name = node["catalog_name"], node["schema_name"], node["table_name"]
        # ``recurring.<name>`` is the collected result of a recursive CTE.
        if not catalog and schema.lower() in ("", "recurring") and name.lower() in common:
            return
        if catalog:
            raise self._refusal("A011", f'"{catalog}.{schema}.{name}" is not a data product', node)
        self.names.add(TableName(schema, name, line_of(self._sql, node)))

    def _function(self, node: Node) -> None:
        name = str(node["function_name"]).lower()
        if name in REFUSED_FUNCTIONS or (name.startswith(REFUSED_PREFIXES) and name not in ALLOWED_IN_SPITE):
            raise self._refusal("A012", f'the function "{name}" is not available here', node)

    def _refusal(self, code: str, message: str, node: Node) -> AccessDenied:
        line = line_of(self._sql, node)
        where = f" (line {line} of the query)" if line else ""
        return AccessDenied(
            Diagnostic(
                code,
                message + where,
                expected="data products by name, as in FROM sales.transactions, and plain functions",
                fix="`mesh products` lists the products that can be read",
            )
        )
