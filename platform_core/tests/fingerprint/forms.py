# ruff: noqa: E501 - queries in one line
"""Queries of every form over two tables, and random rows for these tables."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import duckdb

from platform_core.fingerprint.made_from import MadeFrom, TableShape, digest

TABLES: Final = (
    TableShape(
        "t",
        "shop/t",
        (
            *(("a", "BIGINT"), ("b", "BIGINT"), ("c", "VARCHAR"), ("d", "DATE"), ("l", "BIGINT[]")),
            *(("s", "STRUCT(x BIGINT, y VARCHAR)"), ("m", "MAP(VARCHAR, BIGINT)")),
            *(("p", "DECIMAL(9,2)"), ("z", "TIMESTAMP WITH TIME ZONE")),
        ),
    ),
    TableShape(
        "u",
        "shop/u",
        (("a", "BIGINT"), ("e", "BIGINT"), ("f", "VARCHAR"), ("g", "TIMESTAMP"), ("k", "STRUCT(x BIGINT)")),
    ),
)
_DRAWN: Final = {
    "t": {
        "a": "(h(1) % 9)::BIGINT",
        "b": "CASE WHEN h(20) % 8 > 0 THEN (h(2) % 7)::BIGINT - 3 END",
        "c": "CASE WHEN h(21) % 9 > 0 THEN ['p', 'q', 'x', 'Y'][(h(3) % 4 + 1)::INTEGER] END",
        "d": "DATE '2020-01-01' + (h(4) % 20)::INTEGER",
        "l": "CASE WHEN h(22) % 9 > 0 THEN [(h(5) % 5)::BIGINT, (h(6) % 5)::BIGINT][:(h(23) % 3)::INTEGER] END",
        "s": "{'x': (h(7) % 5)::BIGINT, 'y': 's' || (h(8) % 5)}",
        "m": "MAP {'k': (h(9) % 5)::BIGINT}",
        "p": "((h(10) % 500)::INTEGER / 100)::DECIMAL(9,2)",
        "z": "TIMESTAMPTZ '2020-03-28 22:00:00+00' + INTERVAL 1 HOUR * (h(11) % 60)::INTEGER",
    },
    "u": {
        "a": "(h(12) % 9)::BIGINT",
        "e": "CASE WHEN h(24) % 8 > 0 THEN (h(13) % 7)::BIGINT - 3 END",
        "f": "CASE WHEN h(25) % 9 > 0 THEN 'f' || (h(14) % 4) END",
        "g": "TIMESTAMP '2020-01-01' + INTERVAL 1 DAY * (h(15) % 20)::INTEGER",
        "k": "{'x': (h(16) % 5)::BIGINT}",
    },
}

FORMS: Final[dict[str, tuple[str, ...]]] = {
    "star": (
        "SELECT * FROM t",
        "SELECT *, a + 1 AS a1 FROM t",
        "SELECT * EXCLUDE (b, l, s, m) FROM t",
        "SELECT * REPLACE (a + b AS a) FROM t",
        "SELECT * RENAME (a AS w) FROM t",
        "SELECT t.*, u.* EXCLUDE (a) FROM t JOIN u ON t.a = u.a",
        "FROM t",
        "FROM t SELECT a, b WHERE c IS NOT NULL",
    ),
    "CTE": (
        "WITH x AS (SELECT a, b, c, sum(b) OVER (PARTITION BY c) AS sb FROM t)"
        " SELECT v.a, w.sb FROM x v JOIN x w ON v.a = w.a",
        "WITH x AS MATERIALIZED (SELECT a, b, c FROM t ORDER BY b, a, c, d LIMIT 20) SELECT a, c FROM x",
        "WITH v(k, w) AS (VALUES (1, 'one'), (2, 'two')) SELECT t.a, v.w FROM t LEFT JOIN v ON v.k = t.b",
        "WITH x AS (FROM t), t AS (SELECT a, e AS b FROM u) SELECT x.c, t.b FROM x JOIN t ON x.a = t.a",
    ),
    "nested star": (
        "WITH x AS (SELECT * FROM t WHERE b > 0), y AS (SELECT *, dense_rank() OVER (PARTITION BY a ORDER BY d)"
        " AS rn FROM x) SELECT * EXCLUDE (l, s, m) FROM y WHERE rn = 1",
        "SELECT * FROM (SELECT * EXCLUDE (s) FROM (SELECT * FROM t WHERE a > 2)) WHERE b > 0",
    ),
    "subquery": (
        "SELECT a, (SELECT max(e) FROM u) AS me FROM t",
        "SELECT c FROM t WHERE b > (SELECT avg(e) FROM u)",
        "SELECT a FROM (SELECT a, b * 2 AS b2, c FROM t) WHERE b2 > 0 AND c <> 'q'",
        "SELECT c, avg(n) AS mn FROM (SELECT c, a, count(*) AS n, max(b) AS mb FROM t GROUP BY c, a) GROUP BY c",
    ),
    "correlated": (
        "SELECT a, (SELECT max(e) FROM u WHERE u.a = t.a) AS me FROM t",
        "SELECT a FROM t v WHERE EXISTS (FROM t w WHERE w.b = v.a AND EXISTS (FROM u WHERE u.a = v.a))",
        "SELECT a, (SELECT count(*) FROM u WHERE u.e > t.b AND u.f <> t.c) AS n, d FROM t",
        "SELECT a, (SELECT sum(w.b) FROM t w WHERE w.a = v.a AND w.c > (SELECT min(f) FROM u WHERE u.e = v.b))"
        " AS n FROM t v",
    ),
    "LATERAL": (
        "SELECT t.a, v.mx FROM t, LATERAL (SELECT max(e) AS mx FROM u WHERE u.a < t.a) v",
        "SELECT t.c, v.n FROM t LEFT JOIN LATERAL (SELECT count(*) AS n FROM u WHERE u.e < t.b HAVING n > 2) v ON true",
    ),
    "EXISTS": (
        "SELECT b, EXISTS (FROM u WHERE u.a = t.a AND u.e > 1) AS x FROM t",
        "SELECT b FROM t WHERE NOT EXISTS (FROM u WHERE u.a = t.a)",
    ),
    "IN": (
        "SELECT c FROM t WHERE a IN (SELECT a FROM u WHERE e > 0)",
        "SELECT c FROM t WHERE a NOT IN (SELECT e FROM u WHERE e IS NOT NULL)",
        "SELECT a, a IN (SELECT e FROM u) AS known FROM t",
        "SELECT a, d FROM t WHERE b IN (1, 2, -1, 3)",
        "SELECT c FROM t WHERE (a, b) IN (SELECT a, e FROM u)",
    ),
    "ANY": (
        "SELECT c, b = ANY (SELECT e FROM u) AS x FROM t",
        "SELECT c FROM t WHERE b >= ALL (SELECT e FROM u WHERE f = 'f1')",
    ),
    "window": (
        "SELECT a, sum(b) OVER w AS sb, c FROM t WINDOW w AS (PARTITION BY c ORDER BY d)",
        "SELECT c, sum(b) AS sb, rank() OVER (ORDER BY sum(b) DESC, c) AS r FROM t GROUP BY c",
        "SELECT a, count(DISTINCT b) OVER (PARTITION BY c) AS n, max(p) FILTER (a > 2) OVER (PARTITION BY d) AS q FROM t",
        "SELECT a, percent_rank() OVER (PARTITION BY c ORDER BY b NULLS FIRST) AS r, d FROM t",
    ),
    "window frame": (
        "SELECT a, avg(b) OVER (PARTITION BY c ORDER BY d RANGE BETWEEN INTERVAL 3 DAY PRECEDING AND CURRENT ROW)"
        " AS w FROM t",
        "SELECT c, sum(b) OVER (ORDER BY a GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE GROUP) AS w FROM t",
        "SELECT c, max(p) OVER (PARTITION BY a ORDER BY d RANGE UNBOUNDED PRECEDING EXCLUDE TIES) AS w FROM t",
    ),
    "QUALIFY": (
        "SELECT a, c FROM t QUALIFY dense_rank() OVER (PARTITION BY c ORDER BY b) <= 2",
        "SELECT a, b FROM t WHERE d > DATE '2020-01-03' QUALIFY count(*) OVER (PARTITION BY a) > 2",
    ),
    "USING": (
        "SELECT a, b, e FROM t JOIN u USING (a)",
        "SELECT a, b, e FROM t LEFT JOIN u USING (a)",
        "SELECT a, b, e FROM t FULL JOIN u USING (a)",
    ),
    "NATURAL": ("SELECT * EXCLUDE (l, s, m) FROM t NATURAL JOIN u",),
    "join": (
        "SELECT t.a, u.f FROM t LEFT JOIN u ON t.a = u.a",
        "SELECT t.c, u.f FROM t RIGHT JOIN u ON t.a = u.a AND t.b > 0",
        "SELECT t.a, u.f FROM t, u",
        "SELECT v.a, w.c FROM t v JOIN t w ON v.b = w.a",
        "SELECT t.a FROM t JOIN u ON t.a + t.b = u.a * 2",
        "SELECT t.a, t.c FROM t LEFT JOIN (SELECT DISTINCT a FROM u) v ON t.a = v.a",
        "SELECT coalesce(c, f) AS x, t.b FROM t FULL JOIN u ON t.a = u.a AND u.e > 0",
        "SELECT t.d, u.f FROM t JOIN u ON t.b < u.e AND t.a >= u.a",
    ),
    "SEMI": (
        "SELECT t.b FROM t SEMI JOIN u USING (a)",
        "WITH k AS (SELECT DISTINCT a FROM u WHERE f = 'f1') SELECT t.c, t.d FROM t SEMI JOIN k USING (a)",
    ),
    "ANTI": ("SELECT t.b, t.c FROM t ANTI JOIN u ON t.a = u.a",),
    "ASOF": (
        "SELECT t.a, v.n FROM t ASOF JOIN (SELECT a, g, count(*) AS n FROM u GROUP BY ALL) v"
        " ON t.a = v.a AND t.d >= v.g",
        "SELECT t.a, v.n FROM t ASOF LEFT JOIN (SELECT g, max(e) AS n FROM u GROUP BY ALL) v ON t.d > v.g",
    ),
    "POSITIONAL": ("SELECT t.a, u.f FROM t POSITIONAL JOIN u",),
    "UNION": (
        "SELECT a, b FROM t UNION SELECT a, e FROM u",
        "SELECT a FROM (SELECT a, c FROM t UNION SELECT a, f FROM u)",
    ),
    "UNION ALL": (
        "SELECT a, b FROM t UNION ALL SELECT a, e FROM u",
        "SELECT * FROM (SELECT a, c FROM t UNION ALL SELECT a, f FROM u) WHERE a > 2",
        "SELECT a FROM (SELECT a, c FROM t UNION ALL SELECT a, f FROM u)",
    ),
    "UNION BY NAME": (
        "SELECT a, c AS f FROM t UNION ALL BY NAME SELECT a, f FROM u",
        "SELECT a, b FROM t UNION BY NAME SELECT e AS b, f FROM u",
    ),
    "INTERSECT": (
        "SELECT a, b FROM t INTERSECT SELECT a, e FROM u",
        "SELECT a, b FROM t INTERSECT ALL SELECT a, e FROM u",
    ),
    "EXCEPT": (
        "SELECT a, c FROM t EXCEPT ALL SELECT a, f FROM u",
        "SELECT a, b FROM t EXCEPT SELECT a, e FROM u",
    ),
    "alias": (
        "SELECT x.a, y.b FROM (SELECT a FROM t) x JOIN (SELECT a, b FROM t) y ON x.a = y.a",
        "SELECT a AS b, b AS a FROM t ORDER BY b",
        "SELECT a + b AS c FROM t WHERE c = 'x'",
        "SELECT t.a AS t, t.b AS x FROM t",
        "SELECT x.c FROM t AS x(c, b, a)",
    ),
    "lateral alias": (
        "SELECT a + b AS ab, ab * 2 AS ab2, c FROM t",
        "SELECT b AS a, a + 1 AS w FROM t",
        "SELECT a % 3 AS r, r + 1 AS q, count(*) AS n FROM t WHERE r > 0 GROUP BY ALL",
    ),
    "COLUMNS": (
        "SELECT max(COLUMNS(* EXCLUDE (l, s, m))) FROM t",
        "SELECT COLUMNS('^[ab]$') FROM t",
        "SELECT COLUMNS(lambda c: c = 'a') + 1 AS w FROM t",
        "SELECT c, max(COLUMNS(* EXCLUDE (c, l, s, m))) FROM t GROUP BY c",
        "SELECT a FROM t WHERE COLUMNS(['a', 'b']) > 0",
        "SELECT min(COLUMNS('(.)')) AS 'least_\\1' FROM (SELECT a, b, d FROM t)",
    ),
    "GROUP BY": (
        "SELECT a, c, sum(b) AS sb FROM t GROUP BY ALL",
        "SELECT a % 3 AS k, count(DISTINCT b) AS n, max(d) AS last FROM t GROUP BY ALL ORDER BY ALL",
        "SELECT a % 3 AS k, sum(b) AS sb FROM t GROUP BY k",
        "SELECT a % 3 AS k, sum(b) AS sb FROM t GROUP BY 1 HAVING sb > 0 ORDER BY 2",
        "SELECT a, sum(b) AS sb FROM t GROUP BY a HAVING max(c) > 'x'",
    ),
    "ROLLUP": ("SELECT a, c, sum(b) AS sb FROM t GROUP BY ROLLUP (a, c)",),
    "CUBE": ("SELECT a % 2 AS k, c, count(*) AS n FROM t GROUP BY CUBE (k, c)",),
    "GROUPING SETS": (
        "SELECT a, c, sum(b) AS sb, grouping(a, c) AS gr FROM t GROUP BY GROUPING SETS ((a), (c), ())",
        "SELECT c, grouping(c) AS gr FROM t GROUP BY GROUPING SETS ((a, c), (d), ())",
    ),
    "DISTINCT": (
        "SELECT DISTINCT a, b FROM t",
        "SELECT a FROM (SELECT DISTINCT a, b FROM t)",
        "SELECT count(DISTINCT c) AS n, sum(DISTINCT b) AS sb FROM t",
    ),
    "DISTINCT ON": (
        "SELECT DISTINCT ON (a) a, b, c FROM (SELECT DISTINCT a, b, c FROM t) ORDER BY a, b, c",
        "SELECT DISTINCT ON (c) c, d FROM (SELECT DISTINCT c, d FROM t) ORDER BY c, d DESC",
    ),
    "PIVOT": (
        "SELECT * FROM (SELECT a, b, c FROM t) PIVOT (sum(b) FOR c IN ('p', 'q'))",
        "SELECT * FROM (SELECT a, b, c FROM t) PIVOT (sum(b) AS s, count(*) AS n FOR c IN ('p', 'q') GROUP BY a)",
    ),
    "PIVOT without IN": ("PIVOT (SELECT a, b, c FROM t) ON c USING sum(b)",),
    "UNPIVOT": (
        "SELECT * FROM (SELECT a, b, c FROM t) UNPIVOT (v FOR n IN (a, b))",
        "SELECT c, v FROM (SELECT a, b, c FROM t) UNPIVOT INCLUDE NULLS (v FOR n IN (a, b))",
    ),
    "recursive": (
        "WITH RECURSIVE r(n, v) AS (SELECT a, b FROM t UNION ALL SELECT n + 1, v FROM r WHERE n < 5) SELECT n, v FROM r",
        "WITH RECURSIVE r(n, v) AS (SELECT a, b FROM t UNION SELECT u.e, r.v FROM r JOIN u ON u.a = r.n) FROM r",
        "WITH RECURSIVE r(n, v) USING KEY (n) AS (SELECT a, max(d) FROM t GROUP BY a UNION SELECT n + 1, v FROM r"
        " WHERE n < 0) SELECT n, v FROM r",
    ),
    "unnest": (
        "SELECT a, unnest(l) AS i FROM t",
        "SELECT t.a, i FROM t, unnest(t.l) AS x(i)",
        "SELECT a, unnest(s) FROM t",
        "SELECT a, unnest(l) AS x, unnest([b, b + 1]) AS y FROM t",
        "SELECT a, unnest(s, recursive := true) FROM t",
        "SELECT a, i FROM t LEFT JOIN unnest(l) AS x(i) ON i > 2",
    ),
    "struct": (
        "SELECT s.x AS x, a FROM t",
        "SELECT s.*, a FROM t",
        "SELECT {'p': a, 'q': b}.p AS k, row(a, c) AS r FROM t",
        "SELECT a FROM t WHERE s.x > 2",
        "SELECT t.s.y AS y, k.x + t.s.x AS kx FROM t JOIN u ON t.s.x = u.k.x",
        "SELECT max(s) AS top, struct_insert(s, w := b) AS sw FROM t GROUP BY s, b",
    ),
    "map": ("SELECT m['k'] AS k, map_keys(m) AS ks, a FROM t WHERE m['k'] > 1",),
    "list": (
        "SELECT [x * 2 FOR x IN l] AS l2, a FROM t",
        "SELECT list_transform(l, lambda x: x + b) AS l2, a FROM t",
        "SELECT a, list_filter(w, lambda x, i: x > v AND i > 1) AS l2 FROM (SELECT a, l || [b] AS w, b - 1 AS v FROM t)",
        "SELECT list_transform(l, lambda x: list_sum(list_transform(l, lambda y: x * y + a))) AS l2, d FROM t",
        "SELECT sum(list_reduce(l || [1, 2], lambda x, y: x + y * a)) AS r, max(c) AS c FROM t",
        "SELECT l[1] AS i, l[:1] AS j, list_sort(l, 'DESC') AS k, len(l) AS n FROM t WHERE list_contains(l, 2)",
    ),
    "#1": ("SELECT #1 AS w, b FROM t", "SELECT #2 AS w, a FROM t"),
    "row as value": ("SELECT t AS r, a FROM t", "SELECT count(DISTINCT u) AS n, max(u.e) AS e FROM u"),
    "VALUES": ("SELECT t.a, v.n FROM t JOIN (VALUES (1, 'x'), (2, 'y')) v(k, n) ON t.a = v.k",),
    "max_by": ("SELECT a, max_by(d, d) AS md, arg_min(b, b) AS mb, max(c, 2) AS mc FROM t GROUP BY a",),
    "FILTER": (
        "SELECT a, count(*) FILTER (b > 0) AS n, sum(b) AS sb FROM t GROUP BY a",
        "SELECT c, bool_or(b > 0) FILTER (a > 2) AS o FROM t GROUP BY c",
    ),
    "LIMIT": (
        "SELECT a, b, c, d FROM (SELECT DISTINCT a, b, c, d FROM t) ORDER BY ALL LIMIT 10 OFFSET 3",
        "SELECT a, b FROM (SELECT DISTINCT a, b FROM t) ORDER BY a, b LIMIT (SELECT count(*) // 2 FROM u)",
    ),
    "LIMIT %": ("SELECT a FROM t ORDER BY a LIMIT 20%",),
    "LIMIT without ORDER BY": ("SELECT a, b FROM t LIMIT 5",),
    "sample": ("SELECT a FROM t USING SAMPLE 30% (bernoulli, 42)", "SELECT a FROM t TABLESAMPLE reservoir(5 ROWS)"),
    "generate_series": (
        "SELECT t.a, g FROM t, generate_series(1, t.b) AS q(g)",
        "SELECT t.a, r.range AS n FROM t JOIN range(5) r ON r.range < t.b",
    ),
    "time zone": (
        "SELECT z AT TIME ZONE 'Europe/Paris' AS local, date_trunc('day', z) AS day, a FROM t",
        "SELECT g::TIMESTAMPTZ AS w, e FROM u",
        "SELECT date_part('hour', z) AS h, count(*) AS n FROM t GROUP BY h",
    ),
    "CASE": (
        "SELECT CASE WHEN b > 0 THEN c ELSE 'w' END AS k, a FROM t",
        "SELECT CASE c WHEN 'p' THEN a WHEN 'q' THEN b END AS k, d FROM t",
        "SELECT CASE WHEN true THEN a ELSE b END AS k, if(b > 1, c, 'no') AS i FROM t",
    ),
    "cast": (
        "SELECT try_cast(c AS BIGINT) AS n, try_cast(c AS DATE) AS day, a::VARCHAR AS v, p::DOUBLE AS f FROM t",
        "SELECT p::DECIMAL(8,1) AS q, a::HUGEINT AS h, b::UTINYINT IS NULL AS o FROM t WHERE b >= 0",
        "SELECT (c::ENUM('p', 'q', 'x', 'Y')) AS e, a FROM t",
        "SELECT json_object('b', b, 'c', c) AS j, to_json(s)->>'$.y' AS y FROM t",
    ),
    "collation": (
        "SELECT a, c COLLATE NOCASE AS c FROM t ORDER BY c",
        "SELECT max(a) AS a, c FROM (SELECT a, c COLLATE NOCASE AS c FROM t) WHERE c = 'y' GROUP BY c",
        "SELECT count(*) AS n FROM t WHERE c COLLATE NOCASE < 'X'",
    ),
    "text": (
        "SELECT regexp_extract(c, '([pq])', 1) AS r, c LIKE 'p%' AS k, upper(c) AS u, a FROM t WHERE c ILIKE 'y' OR a > 1",
        "SELECT strftime(d, '%m') AS m, printf('%d-%s', a, c) AS q, string_split(c, 'p') AS w FROM t",
    ),
    "ordered aggregate": (
        "SELECT a, string_agg(c, ',' ORDER BY c NULLS LAST) AS cs, count(*) AS n FROM t GROUP BY a",
        "SELECT a, list(DISTINCT b ORDER BY b DESC) AS lb, list_sort(list(c)) AS lc FROM t GROUP BY a",
        "SELECT a, quantile_cont(b, 0.5) AS q, percentile_disc(0.3) WITHIN GROUP (ORDER BY p DESC) AS r FROM t GROUP BY a",
    ),
    "order of rows": (
        "SELECT a, row_number() OVER () AS rn FROM t",
        "SELECT a, any_value(c) AS v, first(b) AS f FROM t GROUP BY a",
        "SELECT a, string_agg(c, ',') AS v FROM t GROUP BY a",
    ),
    "lag": (
        "SELECT a, lag(a, 1, 0) OVER (PARTITION BY c ORDER BY a) AS w, lead(a) OVER (ORDER BY a) AS v FROM t",
        "SELECT b, first_value(b IGNORE NULLS) OVER (PARTITION BY a ORDER BY b) AS v FROM t",
    ),
    "constant": ("SELECT a, c FROM t WHERE 1 = 0", "SELECT 1 AS one, 'x' AS x FROM t", "SELECT TRY(1 // b) AS x, a FROM t"),
    "changing": ("SELECT a, random() AS r, b FROM t", "SELECT a FROM t WHERE d < current_date", "SELECT age(d) AS g FROM t"),
    "macro": ("SELECT a, list_reverse(l) AS r, date_add(d, INTERVAL 1 MONTH) AS n, fdiv(a, 2) AS f FROM t",),
    "json_each": ("SELECT a, j.value FROM t, json_each(to_json(l)) AS j", "SELECT a, j.atom FROM t, json_tree(to_json(s)) j"),
    "summary": ("SELECT column_name, max FROM (SUMMARIZE SELECT a, b FROM t)", "FROM (DESCRIBE t)"),
}  # fmt: skip
"""Queries by their form."""


def made_from(query: str, tables: tuple[TableShape, ...] = TABLES) -> MadeFrom:
    return MadeFrom(digest(query), query, tables, ("a",))


def filled(
    connection: duckdb.DuckDBPyConnection, name: str, rows: int, seed: int, other: Collection[str] = ()
) -> None:
    """Create a table with random rows, which depend on the seed alone; ``other`` columns have other values."""
    drawn = (
        f"{value.replace('h(', f'hash({seed + (1000 if column in other else 0)}, i, ')} AS {column}"
        for column, value in _DRAWN[name].items()
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE {name} AS SELECT {', '.join(drawn)} FROM range({rows}) AS r(i)"
    )


def columns_of(name: str) -> list[str]:
    return [*_DRAWN[name]]
