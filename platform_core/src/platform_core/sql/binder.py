"""The binding of a query, clause by clause as in DuckDB, with the names that each clause sees."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any, Final

from platform_core.sql.names import Names
from platform_core.sql.parser import QUERY_NODES, Node, common_tables, nodes, outermost
from platform_core.sql.quoting import fold
from platform_core.sql.scope import Relation, Scope, Use, unused_name

NAMES_TABLES_IN_STRINGS: Final = frozenset(
    {"query", "query_table", "histogram", "histogram_values", "json_execute_serialized_sql"}
)


class Binder:
    """Walks a statement clause by clause and marks, through ``names``, the columns that it reads."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def query(self, node: Node, scope: Scope | None = None) -> Relation:
        """Bind a query inside ``scope``. Call ``use`` on the columns of its relation that the caller
        takes."""
        around = self._with_clause(node, scope)
        match node["type"]:
            case "SELECT_NODE":
                return self._select(node, around)
            case "SET_OPERATION_NODE":
                return self._set_operation(node, around)
            case "RECURSIVE_CTE_NODE":
                return self._recursive(node, around)
            case _:
                return self._opaque(node)

    def _with_clause(self, node: Node, scope: Scope | None) -> Scope:
        around = Scope(scope.common if scope else {}, scope)
        for name, definition in common_tables(node):
            # A CTE sees those before it; its own name means an earlier CTE or table.
            before = Scope(around.common, scope)
            bind = cache(partial(self._common_table, name, definition, before))
            around.common = {**around.common, fold(name): bind}
        return around

    def _common_table(self, name: str, definition: Node, scope: Scope) -> Relation:
        relation = self.query(definition["query"]["node"], scope)
        relation = Relation(name, relation.columns, relation.open)
        return relation.renamed(definition["aliases"])

    def _recursive(self, node: Node, scope: Scope) -> Relation:
        anchor = self.query(node["left"], scope)
        anchor.use_all()
        names = node.get("aliases") or anchor.names
        relation = Relation(node["cte_name"], tuple((name, unused_name) for name in names), anchor.open)
        common = {**scope.common, fold(node["cte_name"]): lambda: relation}
        self.query(node["right"], Scope(common, scope)).use_all()
        return relation

    def _set_operation(self, node: Node, scope: Scope) -> Relation:
        # Columns match by position or decide duplicates, so every column is used.
        sides = [self.query(side, scope) for side in node.get("children") or (node["left"], node["right"])]
        for side in sides:
            side.use_all()
        shown = sides if node["setop_type"] == "UNION_BY_NAME" else sides[:1]
        names = dict.fromkeys(name for side in shown for name in side.names)
        relation = Relation(
            "the set operation",
            tuple((name, unused_name) for name in names),
            any(side.open for side in shown),
        )
        result = Scope(scope.common, scope, [("", Relation("", relation.columns, open=True))])
        self._walk(node["modifiers"], result)
        return relation

    def _select(self, node: Node, scope: Scope) -> Relation:
        self._from(node["from_table"], scope)
        select_list: list[Node] = node["select_list"]
        scope.aliases = frozenset(fold(name) for item in select_list for name in _aliases(item))
        columns: list[tuple[str, Use]] = []
        is_open = False
        for item in select_list:
            if item["class"] == "STAR" and not item["columns"]:
                expanded = self._star(item, scope)
                columns += expanded.columns
                is_open |= expanded.open
                continue
            self._walk(item, scope)
            name = item.get("alias") or (item["column_names"][-1] if item["class"] == "COLUMN_REF" else "")
            columns.append((name, unused_name))
            # DuckDB names an expression after its text, or expands it into several columns.
            is_open |= not name or item.get("function_name") == "unnest"
        self._clauses(node, scope)
        relation = Relation("the subquery", tuple(columns), is_open)
        if _by_position(node):
            relation.use_all()
        return relation

    def _clauses(self, node: Node, scope: Scope) -> None:
        done = {"from_table", "select_list", "cte_map", "modifiers"}
        self._walk([value for key, value in node.items() if key not in done], scope)
        for modifier in node["modifiers"]:
            if modifier["type"] != "ORDER_MODIFIER":
                self._walk(modifier, scope)
                continue
            for expression in (order["expression"] for order in modifier["orders"]):
                # In ORDER BY an alias hides a column, and ALL adds nothing to the select list.
                names = expression.get("column_names", ())
                alias = len(names) == 1 and fold(names[0]) in scope.aliases
                if not alias and not _is_position(expression):
                    self._walk(expression, scope)

    def _from(self, node: Node, scope: Scope) -> None:
        """Add the columns of a FROM item to the scope. Later items see earlier ones, as in LATERAL."""
        match node["type"]:
            case "EMPTY":
                return
            case "BASE_TABLE":
                alias, relation = node["alias"] or node["table_name"], self._table(node, scope)
            case "SUBQUERY":
                alias, relation = node["alias"], self.query(node["subquery"]["node"], scope)
            case "JOIN":
                return self._join(node, scope)
            case "EXPRESSION_LIST":
                self._walk(node["values"], scope)
                alias, relation = node["alias"], Relation("the list of values", open=True)
            case "TABLE_FUNCTION":
                alias, relation = node["alias"], self._table_function(node, scope)
            case _:
                alias, relation = node["alias"], self._opaque(node)
        relation = Relation(relation.label if not node["alias"] else alias, relation.columns, relation.open)
        scope.sources.append((alias, relation.renamed(node.get("column_name_alias") or ())))

    def _table(self, node: Node, scope: Scope) -> Relation:
        name, schema = node["table_name"], node["schema_name"]
        if not schema and (bind := scope.common.get(fold(name))) is not None:
            return bind()
        table = self._names.known(schema, name)
        if table is None:
            return Relation(name, open=True)
        return Relation(
            table,
            tuple((column, partial(self._names.use, table, column)) for column in self._names.tables[table]),
        )

    def _table_function(self, node: Node, scope: Scope) -> Relation:
        function = node["function"]
        if fold(function.get("function_name", "")) in NAMES_TABLES_IN_STRINGS:
            for table in self._names.tables:
                self._names.use_table(table)
        for argument in function.get("children", ()):
            self._walk(argument, scope)
        return Relation(function.get("function_name", "the table function"), open=True)

    def _join(self, node: Node, scope: Scope) -> None:
        start = len(scope.sources)
        self._from(node["left"], scope)
        middle = len(scope.sources)
        self._from(node["right"], scope)
        left = Scope(scope.common, None, scope.sources[start:middle])
        right = Scope(scope.common, None, scope.sources[middle:])
        using = node.get("using_columns") or ()
        if node["ref_type"] == "NATURAL":
            ours, theirs = (
                {fold(name) for _, relation in side.sources for name in relation.names}
                for side in (left, right)
            )
            using = sorted(ours & theirs)
        for name in using:
            for side in (left, right):
                self._names.use_or_miss(side, name, node)
        if node.get("condition"):
            self._walk(node["condition"], scope)
        if node["join_type"] in ("SEMI", "ANTI"):
            del scope.sources[middle:]

    def _opaque(self, node: Node) -> Relation:
        """A construct whose columns depend on the data: it uses every column of its tables."""
        for inner in nodes(node):
            if inner.get("type") == "BASE_TABLE":
                table = self._names.known(inner["schema_name"], inner["table_name"])
                if table is not None:
                    self._names.use_table(table)
        return Relation("the result", open=True)

    def _star(self, node: Node, scope: Scope) -> Relation:
        """``*`` or ``t.*`` of a select list. It passes columns on and uses none."""
        relations = self._starred(node, scope)
        if relations is None:
            return Relation("the struct", open=True)
        named = [("", name) for name in node["exclude_list"]]
        named += [(item.get("table", ""), item["column"]) for item in node["qualified_exclude_list"]]
        named += [("", item["key"]) for item in node["replace_list"]]
        named += [(item["key"].get("table", ""), item["key"]["column"]) for item in node["rename_list"]]
        for table, name in named:
            # DuckDB requires each of these names, so their columns are used.
            relation = scope.source(table) if table else None
            narrowed = Scope(scope.common, None, [(table, relation)] if relation else scope.sources)
            self._names.use_or_miss(narrowed, name, node)
        self._walk([item["value"] for item in node["replace_list"]], scope)
        hidden = {fold(name) for _, name in named}
        shown = [c for relation in relations for c in relation.columns if fold(c[0]) not in hidden]
        shown += [(item["key"], unused_name) for item in node["replace_list"]]
        shown += [(item["value"], unused_name) for item in node["rename_list"]]
        return Relation("*", tuple(shown), any(relation.open for relation in relations))

    def _starred(self, node: Node, scope: Scope) -> list[Relation] | None:
        """The relations of a star; None for the fields of a struct column."""
        if not node["relation_name"]:
            return [relation for _, relation in scope.sources]
        for level in scope.levels():
            if (relation := level.source(node["relation_name"])) is not None:
                return [relation]
        self._names.resolve([node["relation_name"]], scope, node)
        return None

    def _walk(self, tree: Any, scope: Scope) -> None:
        for node in outermost(tree):
            self._expression(node, scope)

    def _expression(self, node: Node, scope: Scope) -> None:
        kind = node.get("class")
        if kind == "COLUMN_REF":
            self._names.resolve(node["column_names"], scope, node)
        elif kind == "STAR":
            for relation in self._starred(node, scope) or ():
                relation.use_all()
        elif node.get("type") == "POSITIONAL_REFERENCE":
            for _, relation in scope.sources:
                relation.use_all()
        elif kind == "LAMBDA":
            named = [inner["column_names"][0] for inner in nodes(node["lhs"]) if "column_names" in inner]
            parameters = scope.parameters | {fold(name) for name in named}
            self._walk(node["expr"], replace(scope, parameters=parameters))
        elif kind == "SUBQUERY":
            relation = self.query(node["subquery"]["node"], scope)
            if node["subquery_type"] not in ("EXISTS", "NOT_EXISTS"):
                relation.use_all()
            self._walk(node.get("child"), scope)
        elif str(node.get("type")) in QUERY_NODES:
            self.query(node, scope).use_all()
        else:
            if kind == "FUNCTION" and node["schema"]:
                self._dot_function(node, scope)
            for value in node.values():
                self._walk(value, scope)

    def _dot_function(self, node: Node, scope: Scope) -> None:
        """``name.upper()``: the parser reads the column as a schema."""
        path = [part for part in (node["catalog"], node["schema"]) if part]
        if any(level.find(path[0]) or level.source(path[0]) for level in scope.levels()):
            self._names.resolve(path, scope, node)


def _aliases(item: Node) -> list[str]:
    named = [item["alias"]] if item.get("alias") else []
    return named + [renamed["value"] for renamed in item.get("rename_list") or ()]


def _is_position(key: Node) -> bool:
    """Whether a key of ORDER BY or GROUP BY is a position: ``1``, ``#1``, ``ALL``."""
    return key["class"] in ("CONSTANT", "STAR") or key["type"] == "POSITIONAL_REFERENCE"


def _by_position(node: Node) -> bool:
    if node["aggregate_handling"] == "FORCE_AGGREGATES":
        return True
    keyed: list[Node] = list(node["group_expressions"])
    for modifier in node["modifiers"]:
        if modifier["type"] == "DISTINCT_MODIFIER":
            return True
        keyed += [order["expression"] for order in modifier.get("orders", ())]
    return any(_is_position(key) for key in keyed)
