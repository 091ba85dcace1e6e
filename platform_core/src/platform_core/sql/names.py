"""Names in a query, resolved to columns of known tables, and the columns that are used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NoReturn

from platform_core.diagnostics import DefinitionError, Diagnostic, Place
from platform_core.sql.parser import Node, line_of
from platform_core.sql.quoting import fold
from platform_core.sql.scope import Relation, Scope, Use
from platform_core.words import did_you_mean, listed

WITHOUT_PARENTHESES: Final = frozenset(
    {"current_catalog", "current_date", "current_role", "current_schema", "current_time"}
    | {"current_timestamp", "current_user", "localtime", "localtimestamp", "session_user", "user"}
)
"""Functions that SQL calls without parentheses, unless a column has that name."""

DEFAULT_SCHEMAS: Final = frozenset({"", "main", "temp", "memory"})


class UnknownColumn(DefinitionError):
    """D020; ``column`` is the unknown name."""

    def __init__(self, column: str, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.column = column


class Names:
    """The names of one SQL text. ``used`` has the columns of each known table that it reads."""

    def __init__(self, sql: str, tables: Mapping[str, Sequence[str]], place: Place | None) -> None:
        self.tables = tables
        self.used: dict[str, set[str]] = {table: set() for table in tables}
        self._sql = sql
        self._place = place

    def known(self, schema: str, name: str) -> str | None:
        wanted = {fold(f"{schema}.{name}")} if schema else set()
        if fold(schema) in DEFAULT_SCHEMAS:
            wanted.add(fold(name))
        return next((table for table in self.tables if fold(table) in wanted), None)

    def use_tables_named_in(self, text: str) -> None:
        """Use every column of each table whose name is anywhere in the text."""
        for table in self.tables:
            name = re.escape(table.rpartition(".")[2])
            if re.search(rf"(?<!\w){name}(?!\w)", text, re.IGNORECASE):
                self.use_table(table)

    def resolve(self, path: Sequence[str], scope: Scope, node: Node) -> None:
        """Use the column of a dotted name: of this SELECT, else of the queries around it."""
        if fold(path[0]) in scope.parameters:
            return
        candidates: list[Relation] = []
        for level in scope.levels():
            # A qualified name first, ``table.column`` or ``schema.table.column``; then a struct's field.
            for table, column in pairwise(path):
                relation = level.source(table)
                if relation is not None and (found := relation.find(column)):
                    return _mark(found)
                if relation is not None and relation.open:
                    return
                if relation is not None and not level.find(path[0]):
                    self.missing(column, [relation], node)
            if found := level.find(path[0]):
                return _mark(found)
            if (row := level.source(path[0])) is not None:
                return row.use_all()
            if fold(path[0]) in level.aliases or fold(path[0]) in level.parameters:
                return
            candidates += [relation for _, relation in level.sources]
        if len(path) == 1 and fold(path[0]) in WITHOUT_PARENTHESES:
            return
        if not any(level.open for level in scope.levels()):
            self.missing(".".join(path), candidates, node)

    def use_or_miss(self, side: Scope, name: str, node: Node) -> None:
        if found := side.find(name):
            _mark(found)
        elif not side.open:
            self.missing(name, [relation for _, relation in side.sources], node)

    def missing(self, name: str, relations: Sequence[Relation], node: Node) -> NoReturn:
        known = list(dict.fromkeys(column for relation in relations for column in relation.names if column))
        line = line_of(self._sql, node)
        labels = [relation.label for relation in relations]
        column, where = name.rpartition(".")[2], f" in its line {line}" if line else ""
        why = f"which {listed(labels, 4)} does not have" if labels else "but names no table"
        message, expected = f'the SQL reads "{name}"{where}, {why}', f"one of {listed(known)}"
        fix = did_you_mean(column, known) or "Name a column that the input has."
        fault = Diagnostic("D020", message, self._place, expected if known else None, fix)
        raise UnknownColumn(column, fault)

    def use(self, table: str, column: str) -> None:
        self.used[table].add(column)

    def use_table(self, table: str) -> None:
        self.used[table].update(self.tables[table])


def _mark(found: Iterable[Use]) -> None:
    for use in found:
        use()
