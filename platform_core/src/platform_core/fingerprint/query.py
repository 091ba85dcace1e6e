"""Fingerprints of a query, one for each output column and one for its rows, from DuckDB's optimized plan.

A column's fingerprint is that of ``SELECT column FROM (query)``, so that only what the column needs counts.
Two equal fingerprints mean equal data from equal inputs; the reverse does not hold.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Final, Self

import duckdb

from platform_core.fingerprint.made_from import MadeFrom, QueryPrint, Slice, TableShape, Uses, digest
from platform_core.fingerprint.plan import normalized
from platform_core.fingerprint.stability import mentioned, order_dependent, unstable
from platform_core.fingerprint.values import UnknownOperator, origins
from platform_core.sql.engine import lock_down
from platform_core.sql.parser import Node, nodes, parse, written
from platform_core.sql.quoting import fold, literal, quoted
from platform_core.sql.types import describe

_OPTIMIZERS: Final = frozenset(
    {"cte_filter_pusher", "cte_inlining", "deliminator", "expression_rewriter", "filter_pullup"}
    | {"filter_pushdown", "in_clause", "regex_range", "statistics_propagation", "unnest_rewriter"}
    | {"unused_columns"}
)
"""The optimizers whose result depends on the query alone, and not on the size of its inputs."""


@dataclass
class PlanEngine:
    """DuckDB with tables that have types and no rows; for a ``with`` block."""

    _files: dict[TableShape, str] = field(default_factory=dict)
    """The names of the empty files by the tables with their columns."""
    _sources: dict[str, str] = field(default_factory=dict)
    """The source behind each file."""
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="mesh-")))
        config: dict[str, Any] = {"threads": "1", "temp_directory": ""}
        self._connection = self._stack.enter_context(closing(duckdb.connect(":memory:", config=config)))
        every = [name for (name,) in self._connection.execute("FROM duckdb_optimizers()").fetchall()]
        off = ",".join(name for name in every if name not in _OPTIMIZERS)
        self._connection.execute(f"SET disabled_optimizers = '{off}'; SET TimeZone = 'UTC'")
        self._connection.execute("SET parquet_metadata_cache = true")
        lock_down(self._connection, folders=[self._folder])
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def fingerprints(self, made_from: MadeFrom) -> QueryPrint:
        """The fingerprints of a maker. The names of tables do not count. A query that does not bind, and
        Python, count by their whole text."""
        if not made_from.query:
            return QueryPrint.whole("", made_from, "it is Python")
        found: tuple[tuple[str, ...], tuple[str, ...]] = mentioned(made_from.query), ()
        try:
            trees = parse(made_from.query)
            if trees is None or len(trees) != 1:
                raise _Unread("it is not a plain SELECT")
            found = unstable(trees[0], {each.name for each in made_from.tables}), order_dependent(trees[0])
            if found[0]:
                # The optimizer replaces them by their value, which would move the fingerprint at each call.
                raise _Unread(f"{', '.join(found[0])} may have another value at each run")
            with self._views(made_from.tables):
                rows, columns = self._slices(made_from, trees[0])
        # The engine's JSON has faults, such as constants of the type BIT without quotes.
        except (_Unread, duckdb.Error, LookupError, RecursionError, ValueError) as error:
            whole = QueryPrint.whole(duckdb.__version__, made_from, str(error).partition("\n")[0])
            return replace(whole, unstable=found[0], ordered=found[1])
        return QueryPrint(duckdb.__version__, rows, columns, "", *found)

    @contextmanager
    def _views(self, tables: Sequence[TableShape]) -> Iterator[None]:
        shown = []
        try:
            for table in tables:
                schema, _, last = table.name.rpartition(".")
                if schema:
                    self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
                shown.append(f"{quoted(schema)}.{quoted(last)}" if schema else quoted(last))
                self._connection.execute(f"CREATE OR REPLACE VIEW {shown[-1]} AS {self._empty(table)}")
            yield
        finally:
            for name in shown:
                self._connection.execute(f"DROP VIEW IF EXISTS {name}")

    def _empty(self, table: TableShape) -> str:
        # A file without row groups: the statistics of a table in memory would show that it is empty, and
        # parts of the plan would vanish.
        known = replace(table, name="")
        if known not in self._files:
            self._files[known] = stem = str(len(self._files))
            self._sources[stem] = f"{table.source}#{table.how}"
            empty = ", ".join(f"NULL::{kind} AS {quoted(column)}" for column, kind in table.columns)
            file = literal(str(self._folder / f"{stem}.parquet"))
            self._connection.execute(f"COPY (SELECT {empty} LIMIT 0) TO {file} (FORMAT parquet)")
        file = literal(str(self._folder / f"{self._files[known]}.parquet"))
        held = describe(self._connection, f"FROM read_parquet({file})")
        columns = ", ".join(
            quoted(column) if held[column] == kind else f"{quoted(column)}::{kind} AS {quoted(column)}"
            for column, kind in table.columns
        )
        return f"SELECT {columns} FROM read_parquet({file})"

    def _slices(self, made_from: MadeFrom, tree: Node) -> tuple[Slice, dict[str, Slice]]:
        query = made_from.query.strip().rstrip(";")
        described = self._connection.execute(f"DESCRIBE ({query}\n)").fetchall()
        types = {name: kind for name, kind, *_ in described}
        if len({*map(fold, types)}) < len(described):
            raise _Unread("two columns have one name")
        inlined = written(_never_materialized(tree)).rstrip(";")
        # Names that differ only in case are one, as in SQL.
        known = {fold(name): name for name in made_from.columns}
        columns = {
            known.get(fold(column), column): self._slice(
                f"SELECT {quoted(column)} FROM ({inlined}) AS x", kind
            )
            for column, kind in types.items()
        }
        return self._slice(f"SELECT 1 FROM ({inlined}) AS x"), columns

    def _slice(self, query: str, kind: str = "") -> Slice:
        asked = f"SELECT json_serialize_plan({literal(query)}, optimize := true, skip_null := true)"
        row = self._connection.execute(asked).fetchone()
        answer: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
        if answer["error"]:
            raise _Unread(answer.get("error_message", "the engine does not show its plan"))
        plan, uses = normalized(answer["plans"], self._sources)
        read: dict[str, set[str]] = {}
        for source, columns in uses.items():
            read.setdefault(source.partition("#")[0], set()).update(columns)
        used = {source: tuple(sorted(columns)) for source, columns in sorted(read.items())}
        values = self._values(answer["plans"][0], used)
        return Slice(digest(json.dumps(plan, sort_keys=True), kind), used, values)

    def _values(self, plan: Any, used: Uses) -> Uses:
        try:
            [found] = origins(plan, self._source)
        except (UnknownOperator, ValueError, LookupError):
            return used
        names = sorted({source for source, _ in found if source})
        return {name: tuple(sorted(column for source, column in found if source == name)) for name in names}

    def _source(self, scan: Any) -> str:
        """The source of a scan; empty for a function that computes its rows."""
        files = (scan.get("function_data") or {}).get("files") or []
        return self._sources[PurePath(files[0]).stem].partition("#")[0] if len(files) == 1 else ""


class _Unread(Exception):
    """A plan that the engine does not show."""


def _never_materialized(tree: Node) -> Node:
    """The tree with its WITH clauses inlined, so that each use needs only its own columns."""
    for node in nodes(tree):
        for entry in node["cte_map"]["map"] if "cte_map" in node else ():
            entry["value"]["materialized"] = "CTE_MATERIALIZE_NEVER"
    return tree
