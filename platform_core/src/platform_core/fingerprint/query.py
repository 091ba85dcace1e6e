"""Fingerprints of a query, one for each output column and one for its rows, from DuckDB's optimized plan.

A column's fingerprint is that of ``SELECT column FROM (query)``, so that only what the column needs counts.
Two equal fingerprints mean equal data from equal inputs; the reverse does not hold.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self

import duckdb

from platform_core.fingerprint.plan import normalized
from platform_core.fingerprint.stability import order_dependent, unstable
from platform_core.sql.engine import lock_down
from platform_core.sql.parser import Node, nodes, parse, written
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.types import describe

Uses = Mapping[str, tuple[str, ...]]
"""The columns used of each table; a table without columns counts by its rows."""
_OPTIMIZERS: Final = frozenset(
    {"cte_filter_pusher", "cte_inlining", "deliminator", "expression_rewriter", "filter_pullup"}
    | {"filter_pushdown", "in_clause", "regex_range", "statistics_propagation", "unnest_rewriter"}
    | {"unused_columns"}
)
"""The optimizers whose result depends on the query alone, and not on the size of its inputs."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The fingerprint of an output column, or of the rows, and what it depends on."""

    fingerprint: str
    uses: Uses


@dataclass(frozen=True, slots=True)
class QueryPrint:
    """The fingerprints of a query.

    With ``unread``, a reason in words, the plan could not be read: every slice then depends on the whole text
    and on all columns of all tables.
    """

    engine: str
    """The version of DuckDB; fingerprints of other versions are not comparable."""
    rows: Slice
    columns: Mapping[str, Slice]
    unread: str = ""
    unstable: tuple[str, ...] = ()
    """The parts that return other values at each run, such as ``now()``."""
    ordered: tuple[str, ...] = ()
    """The parts whose result depends on the order of rows, such as ``LIMIT``."""


@dataclass
class PlanEngine:
    """DuckDB with tables that have types and no rows; for a ``with`` block."""

    _tables: dict[str, str] = field(default_factory=dict)
    """The identity of the table in each file."""
    _columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="mesh-")))
        config: dict[str, Any] = {"threads": "1", "temp_directory": ""}
        self._connection = self._stack.enter_context(closing(duckdb.connect(":memory:", config=config)))
        every = [name for (name,) in self._connection.execute("FROM duckdb_optimizers()").fetchall()]
        off = ",".join(name for name in every if name not in _OPTIMIZERS)
        self._connection.execute(f"SET disabled_optimizers = '{off}'; SET TimeZone = 'UTC'")
        lock_down(self._connection, folders=[self._folder])
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def table(self, name: str, types: Mapping[str, str], identity: str) -> None:
        """Define a table by its name in the queries that follow. ``identity`` stands for it in fingerprints
        and uses, so that renaming an argument changes nothing."""
        schema, _, last = name.rpartition(".")
        shown = f"{quoted(schema)}.{quoted(last)}" if schema else quoted(last)
        if schema:
            self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
        path = self._folder / f"{len(self._tables)}.parquet"
        self._tables[path.stem], self._columns[identity] = identity, tuple(types)
        # A view of a file without row groups: the statistics of a table in memory would show that it is
        # empty, and parts of the plan would vanish.
        empty = ", ".join(f"NULL::{kind} AS {quoted(column)}" for column, kind in types.items())
        file = literal(str(path))
        self._connection.execute(f"COPY (SELECT {empty} LIMIT 0) TO {file} (FORMAT parquet)")
        held = describe(self._connection, f"FROM read_parquet({file})")
        columns = ", ".join(
            quoted(column) if held[column] == kind else f"{quoted(column)}::{kind} AS {quoted(column)}"
            for column, kind in types.items()
        )
        view = f"CREATE OR REPLACE VIEW {shown} AS SELECT {columns} FROM read_parquet({file})"
        self._connection.execute(view)

    def fingerprints(self, query: str) -> QueryPrint:
        """The fingerprints of one SELECT over the tables. Raises duckdb.Error for one that does not bind."""
        query = query.strip().rstrip(";")
        trees = parse(query)
        types = describe(self._connection, f"({query}\n)")
        if trees is None or len(trees) != 1:
            return self._whole(query, types, "it is not a plain SELECT")
        found = (unstable(trees[0]), order_dependent(trees[0]))
        try:
            inlined = written(_never_materialized(trees[0])).rstrip(";")
            rows = self._slice(f"SELECT 1 FROM ({inlined}) AS x")
            columns = {
                column: self._slice(f"SELECT {quoted(column)} FROM ({inlined}) AS x", kind)
                for column, kind in types.items()
            }
        except (_Unread, duckdb.Error, RecursionError) as error:
            return self._whole(query, types, str(error).partition("\n")[0], *found)
        return QueryPrint(duckdb.__version__, rows, columns, "", *found)

    def _slice(self, query: str, kind: str = "") -> Slice:
        asked = f"SELECT json_serialize_plan({literal(query)}, optimize := true, skip_null := true)"
        row = self._connection.execute(asked).fetchone()
        answer: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
        if answer["error"]:
            raise _Unread(answer.get("error_message", "the engine does not show its plan"))
        plan, uses = normalized(answer["plans"], self._tables)
        return Slice(digest(json.dumps(plan, sort_keys=True), kind), uses)

    def _whole(
        self, query: str, types: Mapping[str, str], reason: str, *found: tuple[str, ...]
    ) -> QueryPrint:
        rows = Slice(digest(query), dict(self._columns))
        columns = {column: Slice(digest(query, kind), rows.uses) for column, kind in types.items()}
        return QueryPrint(duckdb.__version__, rows, columns, reason, *found)


class _Unread(Exception):
    """A plan that the engine does not show."""


def digest(*parts: str) -> str:
    """24 letters for texts."""
    return blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()


def _never_materialized(tree: Node) -> Node:
    """The tree with its WITH clauses inlined, so that each use needs only its own columns."""
    for node in nodes(tree):
        for entry in node["cte_map"]["map"] if "cte_map" in node else ():
            entry["value"]["materialized"] = "CTE_MATERIALIZE_NEVER"
    return tree
