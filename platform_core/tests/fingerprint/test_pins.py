"""The shape of DuckDB's plans, as the fingerprints read it; another version may change it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from fingerprint.forms import TABLES

from platform_core.fingerprint.query import PlanEngine
from platform_core.sql.parser import nodes
from platform_core.sql.quoting import literal

PINNED = {
    "SELECT a, s.x AS x FROM t WHERE b > 1": ["PROJECTION", "GET"],
    "SELECT c, sum(b) AS sb FROM t GROUP BY c": ["PROJECTION", "AGGREGATE_AND_GROUP_BY", "PROJECTION", "GET"],
    "SELECT t.a FROM t JOIN u ON t.a = u.a ORDER BY t.b LIMIT 3": [
        *("PROJECTION", "LIMIT", "ORDER_BY", "PROJECTION", "COMPARISON_JOIN"),
        *("PROJECTION", "GET", "PROJECTION", "GET"),
    ],
    "SELECT a, (SELECT max(e) FROM u WHERE u.a = t.a) AS me FROM t": [
        *("PROJECTION", "COMPARISON_JOIN", "PROJECTION", "GET"),
        *("PROJECTION", "AGGREGATE_AND_GROUP_BY", "PROJECTION", "FILTER", "GET"),
    ],
    "WITH RECURSIVE r(n) AS (SELECT a FROM t UNION ALL SELECT n + 1 FROM r WHERE n < 5) FROM r": [
        *("PROJECTION", "RECURSIVE_CTE", "PROJECTION", "GET", "PROJECTION", "FILTER", "CTE_REF")
    ],
    "SELECT rank() OVER (ORDER BY d) AS r FROM t": ["PROJECTION", "WINDOW", "PROJECTION", "GET"],
}
SCAN = {
    *("arguments", "catalog_name", "children", "column_indexes", "extra_info", "function_data"),
    *("has_serialize", "input_table_names", "input_table_types", "name", "named_parameters", "names"),
    *("ordinality_idx", "original_arguments", "parameters", "projected_input", "projection_ids"),
    *("returned_types", "schema_name", "table_filters", "table_index", "type", "virtual_columns"),
}


@pytest.fixture(scope="module")
def engine() -> Iterator[PlanEngine]:
    with PlanEngine() as engine:
        yield engine


def plan(engine: PlanEngine, query: str) -> Any:
    with engine._views(TABLES):
        asked = f"SELECT json_serialize_plan({literal(query)}, optimize := true, skip_null := true)"
        row = engine._connection.execute(asked).fetchone()
    assert row is not None
    return json.loads(row[0])["plans"][0]


def types(node: Any) -> Iterator[str]:
    yield node["type"].removeprefix("LOGICAL_")
    for child in node["children"]:
        yield from types(child)


def without_repeated(names: Iterator[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        if name != "PROJECTION" or found[-1:] != ["PROJECTION"]:
            found.append(name)
    return found


@pytest.mark.parametrize("query", PINNED)
def test_nodes(query: str, engine: PlanEngine) -> None:
    assert without_repeated(types(plan(engine, query))) == PINNED[query], duckdb.__version__


def test_a_scan(engine: PlanEngine) -> None:
    (scan,) = (
        node
        for node in nodes(plan(engine, "SELECT a, s.x AS x FROM t WHERE b > 1"))
        if node.get("type") == "LOGICAL_GET"
    )
    assert scan.keys() <= SCAN
    assert scan["names"] == [name for name, _ in TABLES[0].columns]
    assert len(scan["function_data"]["files"]) == 1
    assert [each["index"] for each in scan["column_indexes"]][:2] == [0, 1]
    assert scan["column_indexes"][0].keys() >= {"index", "child_indexes", "field"}
    assert [each["key"] for each in scan["table_filters"]["filters"]] == [1]


def test_references_are_positions(engine: PlanEngine) -> None:
    found = plan(engine, "SELECT t.a + u.e AS w FROM t JOIN u ON t.b = u.a")
    classes = {node.get("expression_class") for node in nodes(found)} - {None}
    assert "BOUND_REF" in classes
    assert "BOUND_COLUMN_REF" not in classes


def test_a_table_without_rows_is_not_known_to_be_empty(engine: PlanEngine) -> None:
    for query in ("SELECT count(*) AS n, min(a) AS m FROM t", "SELECT a FROM t WHERE b > 1 AND d IS NULL"):
        assert "GET" in [*types(plan(engine, query))]


def test_optimizers(engine: PlanEngine) -> None:
    """A new optimizer is off until it is known to depend on the query alone."""
    row = engine._connection.execute("SELECT current_setting('disabled_optimizers')").fetchone()
    every = engine._connection.execute("FROM duckdb_optimizers()").fetchall()
    assert row is not None
    assert len(every) - len(row[0].split(",")) == 11
