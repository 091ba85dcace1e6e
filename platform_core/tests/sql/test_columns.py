"""The result of ``columns_used`` checked with DuckDB: each query is equal on the reduced tables."""

from __future__ import annotations

import duckdb
import pytest

from platform_core.diagnostics import DefinitionError
from platform_core.sql.columns import columns_used

TABLES = {
    "t": ("a", "b", "c", "d", "l", "s", "Mixed Case"),
    "u": ("a", "b", "e", "f"),
    "v": ("a", "g"),
}
TYPES = {"l": "INTEGER[]", "s": "STRUCT(k INTEGER, n STRUCT(m VARCHAR))", "Mixed Case": "VARCHAR"}
VALUES = {
    "l": "[i, i + 1]",
    "s": "{'k': i, 'n': {'m': 'x' || i}}",
    "Mixed Case": "'m' || i % 2",
}

EXACT = {
    "SELECT a FROM t": {"t": "a"},
    "select A, T.B from T": {"t": "a b"},
    'SELECT "mixed case" FROM t': {"t": "Mixed Case"},
    'SELECT x."A" FROM "T" AS "X"': {"t": "a"},
    "FROM v": {"v": "a g"},
    "TABLE v": {"v": "a g"},
    "SELECT * FROM v": {"v": "a g"},
    "SELECT t.* FROM t JOIN u ON t.a = u.a": {"t": "a b c d l s Mixed Case", "u": "a"},
    "SELECT v.* REPLACE (g + 1 AS g) FROM v, t": {"v": "a g"},
    "SELECT * RENAME (g AS h) FROM v": {"v": "a g"},
    "SELECT * RENAME (g AS h), h + 1 AS i FROM v ORDER BY h": {"v": "a g"},
    # What EXCLUDE names has to exist, so it is shown, though its values are not read.
    "SELECT * EXCLUDE (g) FROM v": {"v": "a g"},
    "SELECT count(*) FROM t": {},
    "SELECT count() FROM t, u": {},
    "SELECT 1 FROM t LIMIT 1": {},
    "SELECT count(*), sum(a) FILTER (WHERE b > 0) FROM t": {"t": "a b"},
    "SELECT a, count(*) FROM t GROUP BY ALL": {"t": "a"},
    "SELECT a, sum(b) AS total FROM t GROUP BY a HAVING max(c) > 0 ORDER BY total, min(d)": {"t": "a b c d"},
    "SELECT a FROM t GROUP BY a, ROLLUP (a, b)": {"t": "a b"},
    'SELECT upper("Mixed Case") AS a FROM t ORDER BY a': {"t": "Mixed Case"},
    "SELECT a + 1 AS x, x * 2 AS y FROM t WHERE y > 2": {"t": "a"},
    "SELECT a AS b, b + 1 AS x FROM t": {"t": "a b"},
    "SELECT x: a FROM t": {"t": "a"},
    "SELECT a FROM t ORDER BY ALL": {"t": "a"},
    "SELECT a, b FROM t ORDER BY 1": {"t": "a b"},
    "SELECT DISTINCT ON (b) a FROM t ORDER BY b, a": {"t": "a b"},
    "SELECT a FROM t QUALIFY row_number() OVER (PARTITION BY b ORDER BY c) = 1": {"t": "a b c"},
    "SELECT sum(a) OVER w FROM t WINDOW w AS (PARTITION BY b ORDER BY a)": {"t": "a b"},
    "SELECT arg_max(a, b ORDER BY c) FROM t": {"t": "a b c"},
    "SELECT t.c, u.e FROM t JOIN u USING (a)": {"t": "a c", "u": "a e"},
    "SELECT a FROM t FULL JOIN u USING (a)": {"t": "a", "u": "a"},
    "SELECT * FROM v JOIN (SELECT a, e FROM u) USING (a)": {"v": "a g", "u": "a e"},
    "SELECT c FROM t NATURAL JOIN u": {"t": "a b c", "u": "a b"},
    "SELECT c FROM t SEMI JOIN u USING (a)": {"t": "a c", "u": "a"},
    "SELECT t.c FROM t ANTI JOIN v ON t.b = v.g": {"t": "b c", "v": "g"},
    "SELECT t.a, e FROM t ASOF JOIN u ON t.a >= u.a": {"t": "a", "u": "a e"},
    "SELECT t.a, e FROM t POSITIONAL JOIN u": {"t": "a", "u": "e"},
    "SELECT x.c, y.e FROM t x, u y WHERE x.a = y.a": {"t": "a c", "u": "a e"},
    "SELECT x.c, y.d FROM t x JOIN t y USING (a)": {"t": "a c d"},
    "WITH t AS (SELECT e AS a FROM u) SELECT a FROM t": {"u": "e"},
    "WITH t AS (SELECT * FROM t) SELECT a FROM t": {"t": "a"},
    "WITH x AS (SELECT * FROM t), y AS (SELECT * FROM x WHERE b > 0) SELECT c FROM y": {"t": "b c"},
    "WITH x AS (SELECT nope FROM t) SELECT g FROM v": {"v": "g"},
    "WITH x(p, q) AS (SELECT a, b FROM t) SELECT q FROM x": {"t": "a b"},
    "WITH RECURSIVE r AS (SELECT a FROM v UNION SELECT r.a + e FROM r JOIN u ON r.a = u.b WHERE r.a < 5) "
    "SELECT a FROM r": {"v": "a", "u": "b e"},
    "SELECT a FROM (SELECT * FROM t)": {"t": "a"},
    "SELECT x.a FROM (SELECT * EXCLUDE (b) FROM t) x": {"t": "a b"},
    "SELECT z FROM (SELECT a, b FROM t) AS x(y, z)": {"t": "a b"},
    "SELECT y FROM t AS x(y)": {"t": "a"},
    "SELECT a FROM t WHERE EXISTS (FROM u WHERE u.a = t.b)": {"t": "a b", "u": "a"},
    "SELECT a FROM t WHERE EXISTS (SELECT e FROM u WHERE u.a = c)": {"t": "a c", "u": "a e"},
    "SELECT a FROM t WHERE b IN (SELECT e FROM u)": {"t": "a b", "u": "e"},
    "SELECT a, (SELECT max(f) FROM u WHERE u.a = t.a AND d > 0) FROM t": {"t": "a d", "u": "a f"},
    "SELECT t.a, m FROM t, LATERAL (SELECT max(e) AS m FROM u WHERE u.a = t.b)": {"t": "a b", "u": "a e"},
    "SELECT t.a, m FROM t, (SELECT max(e) AS m FROM u WHERE u.a = c)": {"t": "a c", "u": "a e"},
    "SELECT a FROM t UNION ALL BY NAME SELECT g FROM v ORDER BY a, g": {"t": "a", "v": "g"},
    "SELECT a FROM t UNION SELECT e FROM u": {"t": "a", "u": "e"},
    "SELECT a FROM (SELECT * FROM v UNION ALL SELECT a, e FROM u)": {"v": "a g", "u": "a e"},
    "SELECT a FROM (SELECT DISTINCT * FROM v)": {"v": "a g"},
    "SELECT a FROM (SELECT * FROM v ORDER BY 2)": {"v": "a g"},
    "SELECT s.k, s.n.m, t.s.k FROM t": {"t": "s"},
    "SELECT (s).k, s['k'], s.* FROM t": {"t": "s"},
    'SELECT "Mixed Case".upper().lower() FROM t': {"t": "Mixed Case"},
    "SELECT {'a': b}, struct_pack(d := c) FROM t": {"t": "b c"},
    "SELECT list_transform(l, a -> a + d) FROM t": {"t": "d l"},
    "SELECT list_transform(l, lambda a, i: a + i + b) FROM t": {"t": "b l"},
    "SELECT [a + c for a in l if a > d] FROM t": {"t": "c d l"},
    "SELECT unnest(l) FROM t": {"t": "l"},
    "SELECT n FROM t, unnest(t.l) AS x(n) WHERE a > 0": {"t": "a l"},
    "SELECT a FROM t, range(3) r(i) WHERE i = b": {"t": "a b"},
    "SELECT CASE WHEN a THEN b ELSE c END, d BETWEEN a AND 3, d::VARCHAR FROM t": {"t": "a b c d"},
    "SELECT a, current_date FROM t": {"t": "a"},
    "SELECT a FROM t TABLESAMPLE 100%": {"t": "a"},
    "SELECT a FROM main.t": {"t": "a"},
    "SELECT t FROM v AS t": {"v": "a g"},
    "SELECT columns('a|g') FROM v": {"v": "a g"},
    "SELECT count(columns(*)) FROM v": {"v": "a g"},
    "SELECT #1 FROM v": {"v": "a g"},
    "SELECT a FROM query_table('v')": {"t": "a b c d l s Mixed Case", "u": "a b e f", "v": "a g"},
    "SELECT * FROM v PIVOT (sum(g) FOR a IN (1, 2))": {"v": "a g"},
    "PIVOT v ON a USING sum(g)": {"v": "a g"},
    "SELECT a FROM t -- b, c\n WHERE /* d */ c > 0": {"t": "a c"},
    "SELECT 'b', a FROM t WHERE \"Mixed Case\" != 'c'": {"t": "a Mixed Case"},
}


def database(reduced_to: dict[str, tuple[str, ...]]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for table, columns in reduced_to.items():
        shown = ", ".join(
            f'({VALUES.get(column, f"(i + {TABLES[table].index(column)}) % 3")}) AS "{column}"'
            for column in columns
        )
        # A table without columns does not exist in SQL; nothing may look at this one.
        connection.execute(f"CREATE TABLE {table} AS SELECT {shown or '0 AS unseen'} FROM range(6) r(i)")
    return connection


def answer(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[str], list[str]]:
    result = connection.execute(sql)
    names = [column[0] for column in result.description or ()]
    return names, sorted(map(repr, result.fetchall()))


@pytest.mark.parametrize("sql", EXACT)
def test_reported_columns(sql: str) -> None:
    expected = {
        table: set(EXACT[sql].get(table, "").replace("Mixed Case", "Mixed_Case").split()) for table in TABLES
    }
    reported = columns_used(sql, TABLES)
    assert {table: {c.replace(" ", "_") for c in columns} for table, columns in reported.items()} == expected


@pytest.mark.parametrize("sql", EXACT)
def test_a_query_is_equal_on_tables_with_only_the_used_columns(sql: str) -> None:
    whole, reduced = database(dict(TABLES)), database(columns_used(sql, TABLES))
    assert answer(reduced, sql) == answer(whole, sql)


def test_columns_keep_the_table_s_order_and_spelling() -> None:
    assert columns_used('SELECT "MIXED CASE", D, a FROM t', TABLES)["t"] == ("a", "d", "Mixed Case")


def test_names_with_a_schema() -> None:
    tables = {"sales.transactions": ("a", "b"), "hr.transactions": ("a", "b")}
    used = columns_used(
        "SELECT transactions.a FROM sales.transactions JOIN hr.transactions h ON h.b = 1", tables
    )
    assert used == {"sales.transactions": ("a",), "hr.transactions": ("b",)}


@pytest.mark.parametrize(
    ("sql", "name", "fix"),
    [
        ("SELECT hosehold FROM x", "hosehold", 'did you mean "household"?'),
        ("SELECT x.hosehold FROM x", "hosehold", 'did you mean "household"?'),
        ("SELECT y.hosehold FROM x AS y", "hosehold", 'did you mean "household"?'),
        ("SELECT basket FROM (SELECT household FROM x)", "basket", None),
        ("WITH y AS (SELECT basket FROM x) SELECT household FROM y", "household", None),
        ("SELECT household FROM x JOIN z USING (basket)", "basket", None),
        ("SELECT * EXCLUDE (baskets) FROM x", "baskets", 'did you mean "basket"?'),
        ("SELECT household FROM x WHERE EXISTS (FROM z WHERE z.household = baskett)", "baskett", None),
        ("SELECT household FROM x WHERE baskett > 1 GROUP BY ALL", "baskett", 'did you mean "basket"?'),
        ("SELECT nowhere.household FROM x", "nowhere.household", None),
    ],
)
def test_unknown_column(sql: str, name: str, fix: str | None) -> None:
    with pytest.raises(DefinitionError) as raised:
        columns_used(sql, {"x": ("household", "basket"), "z": ("household",)})
    [diagnostic] = raised.value.diagnostics
    assert diagnostic.code == "D020"
    assert f'"{name}"' in diagnostic.message
    assert fix is None or diagnostic.fix == fix


def test_an_unknown_column_has_its_line() -> None:
    with pytest.raises(DefinitionError, match='reads "é" in its line 3, which x does not have'):
        columns_used("SELECT 'ü',\n  a,\n  é\nFROM x", {"x": ("a",)})


def test_a_table_of_unknown_columns_may_hold_an_unknown_name() -> None:
    assert columns_used("SELECT a, foo FROM t JOIN elsewhere USING (b)", TABLES)["t"] == ("a", "b")


def test_a_text_that_is_not_sql_shows_duckdb_s_caret() -> None:
    with pytest.raises(DefinitionError, match=r"(?s)D021.*LINE 2: FROM FROM t.*\^"):
        columns_used("SELECT a\nFROM FROM t", TABLES)
