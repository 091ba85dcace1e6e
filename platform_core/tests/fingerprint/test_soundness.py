# ruff: noqa: E501 - queries in one line
"""Equal fingerprints mean equal data, and columns that are not used do not matter: by data, for every form."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from typing import Final

import duckdb
import pytest
from fingerprint.forms import FORMS, TABLES, columns_of, filled, made_from

from platform_core.fingerprint.made_from import QueryPrint, Slice
from platform_core.fingerprint.query import PlanEngine

WITHOUT_PLAN: Final = frozenset({"PIVOT without IN", "changing", "sample"})
"""Forms that count by their whole text."""
SIZES: Final = ((40, 40), (7, 60), (1, 1), (0, 5), (6, 0))
"""The rows of the two tables."""
SWAPS: Final = (
    *((r"\ba\b", "b"), (r"\bb\b", "a"), (r"\bc\b", "f"), (r"\be\b", "a"), (r"\bd\b", "z"), (r"\bp\b", "a")),
    *((r">", "<"), (r"<", "<="), (r"=", "<>"), (r"\+", "-"), (r"\*", "+"), (r"\bAND\b", "OR")),
    *((r"\bsum\(", "max("), (r"\bmax\(", "min("), (r"\bcount\(\*\)", "count(b)"), (r"\bavg\(", "sum(")),
    *((r"\bLEFT\b", ""), (r"\bJOIN\b", "LEFT JOIN"), (r"\bFULL\b", "INNER"), (r"\bSEMI\b", "ANTI")),
    *((r"\bUNION ALL\b", "UNION"), (r"\bUNION\b", "UNION ALL"), (r"\bINTERSECT\b", "EXCEPT")),
    *((r"\bDISTINCT\b", ""), (r"^SELECT ", "SELECT DISTINCT "), (r"\bROLLUP\b", "CUBE"), (r"\bALL\b", "")),
    *((r"'p'", "'q'"), (r"\b0\b", "1"), (r"\b1\b", "2"), (r"\b2\b", "3"), (r"\b5\b", "4"), (r"\b10\b", "11")),
    *((r"\brank\(\)", "dense_rank()"), (r"\bDESC\b", ""), (r"\bNULLS FIRST\b", "NULLS LAST")),
    *((r"PARTITION BY a", "PARTITION BY c"), (r"::BIGINT", "::INTEGER"), (r"\bupper\b", "lower")),
    *((r"\bFROM t\b", "FROM t WHERE b > 0"), (r"\bFROM t\b", "FROM (FROM t WHERE a <> 3) t")),
    *((r"\bFROM t\b", "FROM (SELECT * FROM t) t"), (r"\bFROM u\b", "FROM (SELECT DISTINCT * FROM u) u")),
    *((r"^(?!WITH|PIVOT)(.*)$", r"WITH w1 AS (\1) SELECT * FROM w1"), (r"$", " ORDER BY 1 LIMIT 3")),
    *((r"^(?!WITH|PIVOT)(.*)$", r"SELECT * FROM (\1) AS w2"), (r"\bPRECEDING\b", "FOLLOWING")),
    *((r"\bEXCLUDE (GROUP|TIES)", ""), (r"\blambda x:", "lambda a:"), (r"'Europe/Paris'", "'Asia/Tokyo'")),
    *((r"\b[xk]\b", "a"), (r"\bt\b", "u"), (r"COLLATE NOCASE", ""), (r"\bmin\(", "max("), (r"\bFILTER\b.*?\)", "")),
)  # fmt: skip
"""Patterns with what replaces one place where they match."""
ENDING: Final = r"n \+ 1, v FROM r\s+WHERE n < \d|UNION SELECT u\.e, r\.v FROM r JOIN"
"""Recursive queries with these texts end."""


@pytest.fixture(scope="module")
def engine() -> Iterator[PlanEngine]:
    with PlanEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def data() -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables in the schemas ``data0`` to ``data4``, with rows of several numbers, and in schemas such as
    ``t_a``, which differ from ``data0`` in one column."""
    with closing(duckdb.connect(config={"threads": "1"})) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for seed, (of_t, of_u) in enumerate(SIZES):
            connection.execute(f"CREATE SCHEMA data{seed}; SET schema = 'data{seed}'")
            filled(connection, "t", of_t, seed)
            filled(connection, "u", of_u, seed)
        for name in ("t", "u"):
            for column in columns_of(name):
                connection.execute(f"CREATE SCHEMA {name}_{column}; SET schema = '{name}_{column}'")
                for each, rows in zip(("t", "u"), SIZES[0], strict=True):
                    filled(connection, each, rows, 0, {column} if each == name else ())
        yield connection


class Rows:
    """The rows of a query over the tables of a schema, or the kind of its error."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, query: str, schema: str) -> None:
        self.names: list[str] = []
        try:
            connection.execute(f"SET schema = '{schema}'")
            self.rows = connection.execute(f"FROM ({query}\n)").fetchall()
            self.names = [name for name, *_ in connection.description or ()]
        except duckdb.Error as error:
            self.rows = [(type(error).__name__,)]

    def of(self, columns: Collection[str]) -> Counter[str]:
        """The multiset of some columns together; without columns their number."""
        places = [self.names.index(column) for column in columns if self.names]
        return Counter(repr([row[place] for place in places]) for row in self.rows)


def free(prints: QueryPrint, source: str, column: str) -> tuple[bool, list[str]]:
    """Whether the rows do not use a column, and the output columns that do not."""

    def is_free(part: Slice) -> bool:
        return column not in part.uses.get(source, ())

    return is_free(prints.rows), [name for name, each in prints.columns.items() if is_free(each)]


@pytest.mark.parametrize(
    "form", [pytest.param(form, marks=[] if form in ("star", "list") else pytest.mark.full) for form in FORMS]
)
def test_columns_that_are_not_used_do_not_matter(
    form: str, engine: PlanEngine, data: duckdb.DuckDBPyConnection
) -> None:
    checks = 0
    for query in FORMS[form]:
        prints = engine.fingerprints(made_from(query))
        assert bool(prints.unread) == (form in WITHOUT_PLAN)
        if prints.unread:
            assert prints.rows.uses == {table.source: tuple(dict(table.columns)) for table in TABLES}
            continue
        before = Rows(data, query, "data0")
        assert before.names == [*prints.columns]
        for name in ("t", "u"):
            for column in columns_of(name):
                rows_free, columns = free(prints, f"shop/{name}", column)
                after = Rows(data, query, f"{name}_{column}") if columns or rows_free else before
                if rows_free:
                    assert len(after.rows) == len(before.rows), (query, name, column)
                for each in columns:
                    assert after.of([each]) == before.of([each]), (query, each, name, column)
                assert after.of(columns) == before.of(columns), (query, columns, name, column)
                checks += len(columns) + rows_free
    assert bool(checks) != (form in WITHOUT_PLAN)


def mutated(query: str, chance: random.Random) -> str | None:
    """A text with one or two changes; None if no pattern matches, or it may not end."""
    found = query
    for _ in range(chance.choice((1, 1, 2))):
        pattern, replacement = chance.choice(SWAPS)
        if not (places := [*re.finditer(pattern, found)]):
            continue
        place = chance.choice(places)
        found = found[: place.start()] + place.expand(replacement) + found[place.end() :]
    endless = "RECURSIVE" in query and not re.search(ENDING, found)
    return None if endless or found == query else found


@pytest.mark.parametrize("pairs", [100, pytest.param(1_000, marks=pytest.mark.full)])
def test_equal_fingerprints_mean_equal_data(
    pairs: int, engine: PlanEngine, data: duckdb.DuckDBPyConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(pairs)
    queries = [(form, query) for form, each in FORMS.items() for query in each if form not in WITHOUT_PLAN]
    done, fallbacks, kept, moved_though_equal, compared = Counter[str](), 0, 0, 0, 0
    unsound = []
    seen = set()
    while done.total() < pairs:
        form, query = queries[len(seen) % len(queries)] if chance.random() < 0.5 else chance.choice(queries)
        other = mutated(query, chance)
        if other is None or (query, other) in seen:
            continue
        old, new = (engine.fingerprints(made_from(each)) for each in (query, other))
        if new.unread and "Error" in new.unread:
            continue  # it is not a query
        seen.add((query, other))
        done[form] += 1
        fallbacks += bool(new.unread)
        same = [name for name, each in new.columns.items() if old.columns.get(name) == each]
        same_rows = old.rows == new.rows
        others = [name for name in new.columns if name in old.columns and name not in same]
        if new.unread or old.ordered or new.ordered:
            others = []
        alike = dict.fromkeys(others, True)
        for seed in range(len(SIZES) if pairs >= 1_000 else 2):
            first, second = (Rows(data, each, f"data{seed}") for each in (query, other))
            if not first.names or not second.names:
                continue  # a query that fails publishes nothing
            if same and first.of(same) != second.of(same):
                unsound.append((form, query, other, same))
            if same_rows and len(first.rows) != len(second.rows):
                unsound.append((form, query, other, ["#rows"]))
            for name in others:
                alike[name] &= first.of([name]) == second.of([name])
        kept += len(same)
        compared += len(others)
        moved_though_equal += sum(alike.values())
    with capsys.disabled():
        print(f"\n{pairs} pairs: {kept} columns kept their fingerprint, {len(unsound)} with other data;")  # noqa: T201
        print(f"{moved_though_equal} of {compared} moved columns have equal data; {fallbacks} fallbacks")  # noqa: T201
        print(", ".join(f"{form} {number}" for form, number in sorted(done.items())))  # noqa: T201
    assert not unsound
    assert fallbacks <= pairs / 10
    assert pairs < 1_000 or {*done} == FORMS.keys() - WITHOUT_PLAN
