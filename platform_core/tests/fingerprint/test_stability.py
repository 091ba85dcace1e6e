# ruff: noqa: E501 - queries in one line
"""The parts of a query that have another value at each run, or that depend on the order of rows."""

from __future__ import annotations

import re

import duckdb
import pytest

from platform_core.fingerprint.stability import VOLATILE, mentioned, order_dependent, unstable
from platform_core.sql.parser import Node, parse


def tree(query: str) -> Node:
    found = parse(query)
    assert found is not None
    return found[0]


ORDERED = {
    "SELECT list(a) FROM t": ("list()",),
    "SELECT LIST(a) FROM t": ("list()",),
    "SELECT string_agg(c, ',') FROM t": ("string_agg()",),
    "SELECT list(a ORDER BY b) FROM t": (),
    "SELECT list(DISTINCT a ORDER BY a) FROM t": (),
    "SELECT list(DISTINCT a) FROM t": ("list()",),
    "SELECT list_sort(list(a)) FROM t": (),
    "SELECT array_sort(array_agg(a)) FROM t": (),
    "SELECT list_reverse_sort(list(a) FILTER (a > 1)) FROM t": (),
    "SELECT list_sort(list(a)), list(b) FROM t": ("list()",),
    "SELECT list_sort(list_transform(list(a), lambda x: x)) FROM t": ("list()",),
    "SELECT min(a), max(a), sum(a), count(*), avg(a), bool_or(a > 1), median(a) FROM t": (),
    "SELECT min(a) OVER (), rank() OVER (), percent_rank() OVER (PARTITION BY b) FROM t": (),
    "SELECT first(a), any_value(b), arbitrary(c), last(d) FROM t": ("any_value()", "arbitrary()", "first()", "last()"),
    "SELECT mode(a), approx_quantile(a, 0.5) FROM t": ("approx_quantile()", "mode()"),
    "SELECT row_number() OVER () FROM t": ("row_number() OVER",),
    "SELECT row_number() OVER (ORDER BY a) FROM t": (),
    "SELECT first_value(a) OVER (PARTITION BY b) FROM t": ("first_value() OVER",),
    "SELECT first_value(a ORDER BY c) OVER (PARTITION BY b) FROM t": (),
    "SELECT lag(a) OVER (PARTITION BY b), sum(a) OVER () FROM t": ("lag() OVER",),
    "SELECT a FROM t LIMIT 3": ("LIMIT",),
    "SELECT a FROM t LIMIT 3%": ("LIMIT",),
    "SELECT a FROM t OFFSET 3": ("LIMIT",),
    "SELECT a FROM t ORDER BY b LIMIT 3": (),
    "SELECT * FROM (SELECT a FROM t ORDER BY a) LIMIT 3": ("LIMIT",),
    "SELECT a FROM t ORDER BY a": (),
    "SELECT DISTINCT a FROM t": (),
    "SELECT DISTINCT ON (a) a, b FROM t": ("DISTINCT ON",),
    "SELECT DISTINCT ON (a) a, b FROM t ORDER BY b": (),
    "SELECT * FROM t POSITIONAL JOIN u": ("POSITIONAL JOIN",),
    "FROM (SUMMARIZE t)": ("SUMMARIZE",),
    "WITH x AS (SELECT list(a) AS l FROM t) SELECT * FROM x": ("list()",),
}  # fmt: skip
UNSTABLE = {
    "SELECT now()": ("now()",),
    "SELECT NOW() - INTERVAL 1 DAY": ("now()",),
    "SELECT current_date": ("current_date()",),
    "SELECT CURRENT_TIMESTAMP": ("current_timestamp()",),
    "SELECT localtimestamp": ("localtimestamp()",),
    "SELECT system.main.random()": ("random()",),
    "SELECT age(d) FROM t": ("age()",),
    "SELECT age(d, DATE '2020-01-01') FROM t": (),
    "SELECT ago(INTERVAL 1 DAY)": ("ago()",),
    "SELECT getvariable('x'), getenv('y'), current_setting('z')": ("current_setting()", "getenv()", "getvariable()"),
    "SELECT uuid(), uuidv7(), gen_random_uuid()": ("gen_random_uuid()", "uuid()", "uuidv7()"),
    "SELECT a FROM t USING SAMPLE 10%": ("USING SAMPLE",),
    "SELECT a FROM t TABLESAMPLE 10%": ("USING SAMPLE",),
    "SELECT a FROM t WHERE a IN (SELECT e FROM u WHERE d < today())": ("today()",),
    "SELECT * FROM read_parquet('x')": ("read_parquet()",),
    "SELECT * FROM 'x.csv'": ("x.csv",),
    "SELECT * FROM duckdb_settings()": ("duckdb_settings()",),
    "SELECT * FROM information_schema.columns": ("information_schema.columns",),
    "SELECT * FROM query('SELECT now()')": ("query()",),
    "SELECT * FROM glob('*')": ("glob()",),
    "SHOW TABLES": ("SHOW",),
    "FROM (DESCRIBE t)": (),
    "SELECT i FROM t, unnest(l) x(i), range(3), generate_series(1, 2), json_each('[]')": (),
    "WITH x AS (FROM t) SELECT * FROM x, s.v": (),
    "SELECT * FROM s.t": ("s.t",),
    "WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r WHERE n < (SELECT count(*) FROM recurring.r)) FROM r": (),
}  # fmt: skip


@pytest.mark.parametrize("query", ORDERED)
def test_parts_that_depend_on_the_order(query: str) -> None:
    assert order_dependent(tree(query)) == ORDERED[query]


@pytest.mark.parametrize("query", UNSTABLE)
def test_unstable_parts(query: str) -> None:
    assert unstable(tree(query), {"t", "u", "s.v"}) == UNSTABLE[query]


def test_text_without_a_tree() -> None:
    assert mentioned("PIVOT (SELECT Now (), current_DATE, today FROM t) ON c") == ("current_date()", "now()")


def test_every_volatile_function_of_this_duckdb_is_known() -> None:
    asked = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
    found = {name for (name,) in duckdb.sql(asked).fetchall()}
    assert "now" in found
    # An error has one value: none.
    assert found - VOLATILE == {"error"}


def test_macros_of_this_duckdb_over_volatile_functions_are_known() -> None:
    asked = (
        "SELECT function_name, macro_definition FROM duckdb_functions() WHERE macro_definition IS NOT NULL"
    )
    found = {
        name for name, text in duckdb.sql(asked).fetchall() if VOLATILE & {*re.findall(r"\w+", text.lower())}
    }
    assert "ago" in found
    for name in found:
        assert unstable(tree(f"SELECT {name}(1)")) or unstable(tree(f"FROM {name}(1)"), {"t"}), name
