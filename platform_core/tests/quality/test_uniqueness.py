"""Repeated values match a plain GROUP BY: for every type, in one pass and in many."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_core.contracts.model import Column, DataProduct, Rule
from platform_core.diagnostics import Place
from platform_core.quality import uniqueness
from platform_core.quality.audit import audit
from platform_core.quality.outcome import CheckOutcome

PLACE = Place(Path("visits.odcs.yaml"))
# Pairs of values that are written differently come last: some are equal, some are not.
TYPES = {
    "BOOLEAN": ["true", "false"],
    "INTEGER": ["1", "2", "-3"],
    "UBIGINT": ["18446744073709551615", "0"],
    "HUGEINT": ["170141183460469231731687303715884105727", "-1"],
    "DECIMAL(38,2)": ["1.00", "1.01", "'1.0'"],
    "FLOAT": ["1.5", "'nan'", "'infinity'", "0.0", "'-0.0'"],
    "DOUBLE": ["1.5", "'infinity'", "'nan'", "-('nan'::DOUBLE)", "0.0", "'-0.0'"],
    "VARCHAR": ["''", "'a'", "'A'", "'a text of more than twelve bytes'", "'é'", "'e\u0301'"],
    "BLOB": ["'\\x00'", "'\\x00\\x00'", "'a'"],
    "UUID": ["'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'"],
    "DATE": ["'2017-01-01'", "'infinity'", "'-infinity'"],
    "TIME": ["'10:00:00'", "'10:00:00.000001'"],
    "TIMESTAMP": ["'2017-01-01'", "'2017-01-01 00:00:00.000001'"],
    "TIMESTAMPTZ": ["'2017-01-01 00:00:00+00'", "'2017-01-01 01:00:00+01'", "'infinity'"],
    "INTERVAL": ["'1 month'", "'30 days'", "'720 hours'", "'1 year'", "'12 months'", "'29 days'"],
    "JSON": ["""'{"a": 1}'""", """'{"a":1}'"""],
    "ENUM('a', 'b')": ["'a'", "'b'"],
    "INTEGER[]": ["[]", "[1]", "[1, NULL]", "[NULL, 1]"],
    "DOUBLE[2]": ["[1, 0.0]", "[1, -0.0::DOUBLE]"],
    "STRUCT(a DOUBLE, b INTERVAL)": [
        "{a: 0.0, b: '30 days'}",
        "{a: '-0.0', b: '1 month'}",
        "{a: NULL, b: NULL}",
    ],
    "MAP(VARCHAR, INTEGER)": ["MAP {'a': 1, 'b': 2}", "MAP {'b': 2, 'a': 1}", "MAP {}"],
}


def unique(con: duckdb.DuckDBPyConnection, *names: str) -> CheckOutcome:
    columns = tuple(Column(name, PLACE) for name in names)
    rule = Rule("u", "unique", PLACE, names)
    product = DataProduct("sales", "visits", PLACE.path, PLACE, "1", "active", columns, (rule,))
    [outcome] = audit(con, product.rules, "visits", product=product, resolve=lambda _: None)
    return outcome


def grouped(con: duckdb.DuckDBPyConnection, *names: str) -> dict[tuple[str, ...], int]:
    """The repeated values with their numbers of rows, by a plain GROUP BY."""
    present = " AND ".join(f"{name} IS NOT NULL" for name in names)
    listed = ", ".join(names)
    query = f"SELECT {listed}, count(*) FROM visits WHERE {present} GROUP BY {listed} HAVING count(*) > 1"
    return {tuple(map(str, row[:-1])): row[-1] for row in con.execute(query).fetchall()}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    kinds = draw(st.lists(st.sampled_from(list(TYPES)), min_size=1, max_size=3))
    row = st.tuples(*(st.sampled_from(["NULL", *TYPES[kind]]) for kind in kinds))
    return kinds, [list(each) for each in draw(st.lists(row, max_size=20))]


@settings(deadline=None, max_examples=80)  # a busy machine is no fault
@given(
    table=tables(),
    at_once=st.integers(1, 25),
    value=st.sampled_from(["hash({})", "(hash({}) % 3)", "(hash({}) * 0)"]),
)
def test_repeated_values_match_group_by(
    table: tuple[list[str], list[list[str]]], at_once: int, value: str
) -> None:
    """Also with a weaker hash, with which different values collide."""
    kinds, rows = table
    names = [f"c{number}" for number in range(len(kinds))]
    with duckdb.connect() as con, pytest.MonkeyPatch.context() as patch:
        patch.setattr(uniqueness, "memory_of", lambda _: at_once * uniqueness._BYTES_A_HASH)
        patch.setattr(uniqueness, "_HASH", value)
        declared = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
        con.execute(f"BEGIN; CREATE TABLE visits ({declared})")
        for row in rows:
            con.execute(f"INSERT INTO visits VALUES ({', '.join(row)})")
        expected, outcome = grouped(con, *names), unique(con, *names)
        assert outcome.violations == sum(count - 1 for count in expected.values())
        assert len(outcome.sample) == min(len(expected), 10)
        assert sum(row["rows"] - 1 for row in outcome.sample) <= outcome.violations
        assert con.execute("SELECT count(*) FROM visits").fetchone() == (len(rows),)


@pytest.mark.parametrize("at_once", [100_000, 7_000])
def test_few_among_many(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """In one pass and in many; the sample comes from several."""
    monkeypatch.setattr(uniqueness, "memory_of", lambda _: at_once * uniqueness._BYTES_A_HASH)
    with duckdb.connect() as con:
        con.execute("CREATE TABLE visits AS SELECT range % 99997 AS id, 'x' AS \"rows\" FROM range(100000)")
        outcome = unique(con, "id", "rows")
    assert outcome.violations == 3
    counted = sorted(tuple(row.values()) for row in outcome.sample)
    assert counted == [(0, "x", 2), (1, "x", 2), (2, "x", 2)]


def test_no_more_hashes_at_once_than_half_of_the_memory_holds() -> None:
    fetched = []

    class Counting:
        """A connection that counts the hashes of each statement."""

        def execute(self, query: str) -> duckdb.DuckDBPyConnection:
            if "hash" in query:
                fetched.extend(con.execute(f"SELECT count(*) FROM ({query})").fetchone() or ())
            return con.execute(query)

    with duckdb.connect() as con:
        con.execute("SET memory_limit = '64MiB'")
        con.execute("CREATE TABLE visits AS SELECT range AS id FROM range(5000000)")
        assert not list(uniqueness.repeated(Counting(), "visits", ("id",), 5_000_000))  # type: ignore[arg-type]
    assert sum(fetched) == 5_000_000
    assert max(fetched) * 16 < 33 * 2**20


def test_a_transaction_goes_on_after_equal_hashes() -> None:
    with duckdb.connect() as con:
        con.execute("BEGIN; CREATE TABLE visits AS SELECT 1 AS id FROM range(3)")
        assert unique(con, "id").violations == 2
        assert unique(con, "id").violations == 2
        con.execute("COMMIT")
        assert con.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchone() == (0,)
