# ruff: noqa: E501 - queries in one line
"""The effect of changes of a query on the products behind it: the example of SQLMesh's RFC 6062, and pairs of
queries with the effect on their fingerprints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing

import duckdb
import pytest
from fingerprint.forms import TABLES, made_from

from platform_core.change.impact import Current, Former, Verdict, impact
from platform_core.fingerprint.made_from import MadeFrom, QueryPrint, TableShape, digest, stamped
from platform_core.fingerprint.query import PlanEngine
from platform_core.sql.types import describe

SOURCE = TableShape(
    "raw_users",
    "raw_users",
    (
        *(("id", "BIGINT"), ("mail", "VARCHAR"), ("name", "VARCHAR")),
        *(("phone", "VARCHAR"), ("active", "BOOLEAN")),
    ),
    outside=True,
)
USERS = "SELECT id, lower(mail) AS email, name AS username FROM raw_users WHERE active"
READERS = {
    "A": ("SELECT id, email FROM users", "users"),
    "B": ("SELECT id FROM users", "users"),
    "C": ("SELECT id FROM A", "A"),
}
EVERY = {"users", "A", "B", "C"}

CHANGES = {
    "a new column": ("SELECT id, lower(mail) AS email, name AS username, phone FROM raw_users WHERE active", {"users"}),
    "another expression": (
        "SELECT id, upper(mail) AS email, name AS username FROM raw_users WHERE active",
        {"users", "A"},
    ),
    "an unread column is dropped": ("SELECT id, lower(mail) AS email FROM raw_users WHERE active", {"users"}),
    "another WHERE": (USERS + " AND id > 0", EVERY),
    "layout, comment, alias, CTE": (
        "WITH u AS (select * from raw_users /* all */ WHERE active)\n"
        "SELECT u.id, lower(u.mail) email, u.name AS username FROM u",
        set(),
    ),
    "order of columns": ("SELECT lower(mail) AS email, name AS username, id FROM raw_users WHERE active", set()),
    "another type": ("SELECT id::INTEGER AS id, lower(mail) AS email, name AS username FROM raw_users WHERE active", EVERY),
    "another clock": (USERS.replace("active", "now() > TIMESTAMPTZ '2020-01-01'"), EVERY),
}  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> Iterator[PlanEngine]:
    with PlanEngine() as engine:
        yield engine


def shop(users: str) -> dict[str, MadeFrom]:
    """The parts of the four products, whose inputs have the types that the queries give them."""
    found, shapes = {}, {"raw_users": SOURCE}
    with closing(duckdb.connect()) as connection:
        for name, (query, source) in {"users": (users, "raw_users"), **READERS}.items():
            for each in (shape for shape in (shapes[source],) if shape.outside):
                shown = ", ".join(f"NULL::{kind} AS {column}" for column, kind in each.columns)
                connection.execute(f"CREATE OR REPLACE VIEW {each.name} AS SELECT {shown}")
            types = describe(connection, query)
            connection.execute(f"CREATE VIEW {name} AS {query}")
            found[name] = MadeFrom(digest(query), query, (shapes[source],), tuple(types))
            shapes[name] = TableShape(name, name, tuple(types.items()))
    return found


def effect(engine: PlanEngine, users: str, behind: Mapping[str, Former] | None = None) -> dict[str, Verdict]:
    before = {name: (Former(stamped(each, engine.fingerprints(each))),) for name, each in shop(USERS).items()}
    now = {}
    for name, each in shop(users).items():
        prints = engine.fingerprints(each)
        now[name] = Current("function", stamped(each, prints), each, prints)
    return impact(now, before)


@pytest.mark.parametrize("change", CHANGES)
def test_products_behind_a_change(change: str, engine: PlanEngine) -> None:
    users, expected = CHANGES[change]
    found = effect(engine, users)
    assert {name for name, each in found.items() if each.change in ("changed", "affected")} == expected
    assert all(each.change == "unaffected" for name, each in found.items() if name not in expected)


def test_an_unstable_query_is_only_assumed_unaffected(engine: PlanEngine) -> None:
    parts = MadeFrom("x", "SELECT id, current_date AS day FROM raw_users", (SOURCE,), ("id", "day"))
    prints = engine.fingerprints(parts)
    stamp = stamped(parts, prints)
    found = impact({"users": Current("function", stamp, parts, prints)}, {"users": (Former(stamp),)})
    assert found["users"].change == "assumed"


EQUAL = {
    "layout": ("SELECT a, b FROM t WHERE a > 1", "select  a,\n b\nfrom t -- the table\nwhere a>1"),
    "case of names and functions": ("SELECT lower(c) AS w FROM t", "SELECT LOWER(C) AS w FROM T"),
    "order of conditions": ("SELECT a FROM t WHERE a > 1 AND c = 'x'", "SELECT a FROM t WHERE c = 'x' AND a > 1"),
    "sides of a comparison": ("SELECT a FROM t WHERE b > 3", "SELECT a FROM t WHERE 3 < b"),
    "alias of a table": ("SELECT a FROM t WHERE b > 3", "SELECT v.a FROM t AS v WHERE v.b > 3"),
    "order of columns": ("SELECT a, b FROM t", "SELECT b, a FROM t"),
    "CTE": ("SELECT a, b * 2 AS w FROM t WHERE a > 1", "WITH x AS (FROM t WHERE a > 1) SELECT a, b * 2 AS w FROM x"),
    "subquery": ("SELECT a, b * 2 AS w FROM t", "SELECT a, w FROM (SELECT *, b * 2 AS w FROM t)"),
    "cast to the same type": ("SELECT a FROM t", "SELECT a::BIGINT AS a FROM t"),
    "comma": ("SELECT t.a FROM t JOIN u ON t.a = u.a", "SELECT t.a FROM t, u WHERE t.a = u.a"),
    "USING": ("SELECT t.a, e FROM t JOIN u ON t.a = u.a", "SELECT t.a, e FROM t JOIN u USING (a)"),
    "GROUP BY ALL": ("SELECT a, sum(b) AS w FROM t GROUP BY ALL", "SELECT a, sum(b) AS w FROM t GROUP BY a"),
    "QUALIFY": (
        "SELECT a FROM t QUALIFY rank() OVER (ORDER BY d) = 1",
        "SELECT a FROM (SELECT a, rank() OVER (ORDER BY d) AS r FROM t) WHERE r = 1",
    ),
    "EXCLUDE": ("SELECT * EXCLUDE (d, l, s, m, p, z) FROM t", "SELECT a, b, c FROM t"),
    "name of a lambda's parameter": (
        "SELECT list_transform(l, lambda x: x + b) AS w FROM t",
        "SELECT list_transform(l, lambda y: y + b) AS w FROM t",
    ),
}  # fmt: skip
MOVES_THOUGH_EQUAL = {
    "sides of a join": ("SELECT t.a, e FROM t JOIN u ON t.a = u.a", "SELECT t.a, e FROM u JOIN t ON t.a = u.a"),
    "LEFT for RIGHT": (
        "SELECT t.a, e FROM t LEFT JOIN u ON t.a = u.a",
        "SELECT t.a, e FROM u RIGHT JOIN t ON t.a = u.a",
    ),
    "sides of a sum": ("SELECT b + 1 AS w FROM t", "SELECT 1 + b AS w FROM t"),
    "order of a list": ("SELECT a FROM t WHERE b IN (1, 2, 7)", "SELECT a FROM t WHERE b IN (7, 1, 2)"),
    "sides of a UNION": ("SELECT a FROM t UNION SELECT a FROM u", "SELECT a FROM u UNION SELECT a FROM t"),
    "DISTINCT for GROUP BY": ("SELECT DISTINCT a FROM t", "SELECT a FROM t GROUP BY a"),
    "ORDER BY": ("SELECT a FROM t", "SELECT a FROM t ORDER BY a"),
    "written otherwise": ("SELECT a FROM t WHERE b IS NULL", "SELECT a FROM t WHERE NOT (b IS NOT NULL AND true)"),
}  # fmt: skip
MOVES = {
    "comparison": ("SELECT a FROM t WHERE b > 1", "SELECT a FROM t WHERE b >= 1"),
    "kind of join": ("SELECT t.a FROM t JOIN u USING (a)", "SELECT t.a FROM t LEFT JOIN u USING (a)"),
    "collation": ("SELECT a FROM t WHERE c = 'x'", "SELECT a FROM t WHERE c COLLATE NOCASE = 'x'"),
    "type alone": ("SELECT a FROM t", "SELECT a::HUGEINT AS a FROM t"),
    "JSON for text": ("SELECT to_json(a) AS w FROM t", "SELECT to_json(a)::VARCHAR AS w FROM t"),
    "fields of a struct": ("SELECT {'x': a} AS w FROM t", "SELECT {'y': a} AS w FROM t"),
    "order of an ENUM": ("SELECT c::ENUM('x', 'y') AS w FROM t", "SELECT c::ENUM('y', 'x') AS w FROM t"),
    "scale": ("SELECT a::DECIMAL(9,2) AS w FROM t", "SELECT a::DECIMAL(9,3) AS w FROM t"),
    "the lambda's parameter for a column": (
        "SELECT list_transform(w, lambda x: x + x) AS w FROM (SELECT l || [9] AS w, b + 1 AS v FROM t)",
        "SELECT list_transform(w, lambda x: x + v) AS w FROM (SELECT l || [9] AS w, b + 1 AS v FROM t)",
    ),
    "the body of a lambda": (
        "SELECT list_transform(w, lambda x: x + 1) AS w FROM (SELECT l || [9] AS w FROM t)",
        "SELECT list_transform(w, lambda x: x + 2) AS w FROM (SELECT l || [9] AS w FROM t)",
    ),
    "NULLS FIRST": ("SELECT a FROM t ORDER BY b LIMIT 3", "SELECT a FROM t ORDER BY b NULLS FIRST LIMIT 3"),
    "OFFSET": ("SELECT a FROM t ORDER BY b LIMIT 3", "SELECT a FROM t ORDER BY b LIMIT 3 OFFSET 1"),
    "order in an aggregate": (
        "SELECT list(a ORDER BY d) AS w FROM t",
        "SELECT list(a ORDER BY d DESC) AS w FROM t",
    ),
    "IGNORE NULLS": (
        "SELECT lag(b IGNORE NULLS) OVER (ORDER BY d) AS w FROM t",
        "SELECT lag(b) OVER (ORDER BY d) AS w FROM t",
    ),
    "frame": (
        "SELECT sum(b) OVER (ORDER BY a ROWS 1 PRECEDING) AS w FROM t",
        "SELECT sum(b) OVER (ORDER BY a ROWS 2 PRECEDING) AS w FROM t",
    ),
    "EXCLUDE of a frame": (
        "SELECT sum(b) OVER (ORDER BY a ROWS 1 PRECEDING EXCLUDE TIES) AS w FROM t",
        "SELECT sum(b) OVER (ORDER BY a ROWS 1 PRECEDING) AS w FROM t",
    ),
    "rows of a function": ("SELECT range AS w FROM range(5)", "SELECT range AS w FROM range(6)"),
    "values": ("SELECT v FROM (VALUES (1), (2)) x(v)", "SELECT v FROM (VALUES (1), (3)) x(v)"),
    "grouping sets": (
        "SELECT sum(b) AS w FROM t GROUP BY GROUPING SETS ((a), (a))",
        "SELECT sum(b) AS w FROM t GROUP BY GROUPING SETS ((a))",
    ),
    "field of a filter": ("SELECT a FROM t WHERE s.x > 3", "SELECT a FROM t WHERE s.y > '3'"),
    "correlation with the outer table": (
        "SELECT a FROM t v WHERE EXISTS (FROM t w WHERE w.b = v.a AND EXISTS (FROM u WHERE u.a = v.a))",
        "SELECT a FROM t v WHERE EXISTS (FROM t w WHERE w.b = v.a AND EXISTS (FROM u WHERE u.a = w.a))",
    ),
    "time zone": (
        "SELECT g AT TIME ZONE 'Europe/Paris' AS w FROM u",
        "SELECT g AT TIME ZONE 'Europe/Rome' AS w FROM u",
    ),
    "another table": ("SELECT a FROM t", "SELECT a FROM u"),
    "recursive CTEs": (
        "WITH RECURSIVE p AS (SELECT 1 n UNION ALL SELECT n + 1 FROM p WHERE n < 3),"
        " q AS (SELECT 1 n UNION ALL SELECT n + 1 FROM q WHERE n < 9) SELECT p.n FROM p",
        "WITH RECURSIVE p AS (SELECT 1 n UNION ALL SELECT n + 1 FROM p WHERE n < 3),"
        " q AS (SELECT 1 n UNION ALL SELECT n + 1 FROM q WHERE n < 9) SELECT q.n FROM q",
    ),
}  # fmt: skip
FALLBACKS = {
    "a file": ("SELECT * FROM read_csv('file.csv')", ("read_csv()",)),
    "the catalog": ("SELECT table_name FROM information_schema.tables", ("information_schema.tables",)),
    "SQL in a text": ("SELECT * FROM query('SELECT now()')", ("query()",)),
    "PIVOT without values": ("PIVOT t ON c USING sum(b)", ()),
    "PIVOT without values, of the clock": ("PIVOT (FROM t WHERE z < now()) ON c USING sum(b)", ("now()",)),
    "several statements": ("SELECT 1; SELECT 2", ()),
    "a parameter": ("SELECT a FROM t WHERE a = ?", ()),
    "an unknown function": ("SELECT tax(a) FROM t", ()),
    "not SQL": ("SELEC", ()),
    "two columns of one name": ("SELECT a, b AS A FROM t", ()),
    "JSON that the engine writes wrongly": ("SELECT '101'::BIT AS w FROM t", ()),
    "a table that is not there": ("SELECT * FROM others", ("others",)),
    "a long chain": (f"SELECT {' || '.join(['c'] * 900)} AS w FROM t", ()),
}


def moved(engine: PlanEngine, pair: tuple[str, str]) -> bool:
    first, second = (engine.fingerprints(made_from(query)) for query in pair)
    assert not first.unread
    assert not second.unread
    return (first.rows, dict(first.columns)) != (second.rows, dict(second.columns))


@pytest.mark.parametrize("case", EQUAL)
def test_equal_queries(case: str, engine: PlanEngine) -> None:
    assert not moved(engine, EQUAL[case])


@pytest.mark.parametrize("case", MOVES | MOVES_THOUGH_EQUAL)
def test_queries_with_another_fingerprint(case: str, engine: PlanEngine) -> None:
    assert moved(engine, (MOVES | MOVES_THOUGH_EQUAL)[case])


@pytest.mark.parametrize("case", FALLBACKS)
def test_queries_that_count_by_their_text(case: str, engine: PlanEngine) -> None:
    query, unstable = FALLBACKS[case]
    found = engine.fingerprints(made_from(query))
    assert found.unread
    assert found.unstable == unstable
    assert found.rows.uses == {table.source: tuple(dict(table.columns)) for table in TABLES}
    assert found.rows != engine.fingerprints(made_from(f"{query} ")).rows


def swapped(query: str) -> tuple[MadeFrom, MadeFrom]:
    """A query over two products with equal columns, and the same over these products in each other's place."""
    columns = (("a", "BIGINT"),)
    first, second = (TableShape("t", f"shop/{name}", columns) for name in ("first", "second"))
    others = (TableShape("u", first.source, columns), TableShape("t", second.source, columns))
    tables = (first, TableShape("u", second.source, columns))
    return made_from(query, tables), made_from(query, others)


@pytest.mark.parametrize(
    "query", ["SELECT t.a FROM t ANTI JOIN u USING (a)", "FROM t ANTI JOIN u USING (a); SELECT 1"]
)
def test_inputs_in_each_others_place(query: str, engine: PlanEngine) -> None:
    first, second = map(engine.fingerprints, swapped(query))
    assert first.rows.fingerprint != second.rows.fingerprint


def test_one_input_under_two_names(engine: PlanEngine) -> None:
    columns = (("a", "BIGINT"), ("b", "BIGINT"))
    tables = tuple(TableShape(name, "shop/t", columns) for name in ("t", "u"))
    found = engine.fingerprints(made_from("SELECT t.a, u.b FROM t JOIN u ON t.b = u.a", tables))
    assert found.columns["a"].uses == {"shop/t": ("a", "b")}
    read_otherwise = (tables[0], TableShape("u", "shop/t", columns, "all"))
    other = engine.fingerprints(made_from("SELECT t.a, u.b FROM t JOIN u ON t.b = u.a", read_otherwise))
    assert other.columns["a"].fingerprint != found.columns["a"].fingerprint


def test_fingerprints_do_not_depend_on_earlier_queries(engine: PlanEngine) -> None:
    query = "SELECT t.a, count(*) AS n FROM t JOIN u USING (a) GROUP BY ALL"
    engine.fingerprints(made_from("SELECT 1 AS one", (TableShape("shop.x", "shop/x", (("i", "BIT"),)),)))
    with PlanEngine() as fresh:
        assert fresh.fingerprints(made_from(query)) == engine.fingerprints(made_from(query))


def test_a_query_that_doubles_itself(engine: PlanEngine) -> None:
    query = "SELECT b AS w0 FROM t"
    for n in range(25):
        query = f"SELECT w{n} * w{n} AS w{n + 1} FROM ({query})"
    found: QueryPrint = engine.fingerprints(made_from(query))
    assert found.columns["w25"].uses == {"shop/t": ("b",)}
