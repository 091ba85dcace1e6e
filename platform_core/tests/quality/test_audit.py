"""Every kind of rule, kept and broken, and the samples of broken ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from platform_core.contracts.bounds import Bounds, Scalar
from platform_core.contracts.model import Column, DataProduct, Reference, Rule
from platform_core.contracts.partitions import Window
from platform_core.diagnostics import Place
from platform_core.quality.audit import audit
from platform_core.quality.outcome import CheckOutcome
from platform_core.quality.row_checks import NotApplicable, constant
from platform_core.sql.types import family

Con = duckdb.DuckDBPyConnection

VISITS = """
SELECT * FROM (VALUES
  (1, 'Ann',  10.5, 'A1', TIMESTAMP '2017-01-03 10:00'),
  (2, 'Bob',  11.0, 'A2', TIMESTAMP '2017-01-04 10:00'),
  (3, 'Cleo', 12.0, 'B1', TIMESTAMP '2017-02-05 10:00'),
  (3, NULL,   99.0, 'b9', TIMESTAMP '2017-02-06 10:00'),
  (5, 'Eve',  NULL, '',   NULL)
) AS t(id, guest, pay, room, seen)
"""
JANUARY = Window("2017-01-01", datetime(2017, 1, 1, tzinfo=UTC), datetime(2017, 2, 1, tzinfo=UTC))
FEBRUARY = Window("2017-02-01", datetime(2017, 2, 1, tzinfo=UTC), datetime(2017, 3, 1, tzinfo=UTC))


@pytest.fixture
def con() -> Iterator[Con]:
    """Rules run inside of a transaction, as in a publication."""
    with duckdb.connect() as connection:
        connection.execute("BEGIN")
        connection.execute(f"CREATE TABLE visits AS {VISITS}")
        yield connection


def ask(con: Con, product: DataProduct, **said: Any) -> CheckOutcome:
    (outcome,) = audit(
        con, product.rules, "visits", product=product, **{"resolve": lambda name: None, **said}
    )
    return outcome


@pytest.mark.parametrize(
    ("kind", "column", "said", "violations"),
    [
        ("not_null", "id", {}, 0),
        ("not_null", "guest", {}, 1),
        ("not_null", "room", {"missing_values": ("", "n/a")}, 1),
        ("unique", "room", {}, 0),
        ("unique", "id", {}, 1),
        ("accepted_values", "id", {"values": (1, 2, 3, 5)}, 0),
        ("accepted_values", "room", {"values": ("A1", "A2", "B1")}, 2),
        ("accepted_values", "guest", {"values": ("Ann", "Bob", "Cleo", "Eve")}, 0),
        ("range", "pay", {"limits": Bounds(minimum=10.5, maximum=99)}, 0),
        ("range", "pay", {"limits": Bounds(minimum=10.5, minimum_exclusive=True)}, 1),
        ("range", "pay", {"limits": Bounds(maximum=99, maximum_exclusive=True)}, 1),
        ("range", "id", {"limits": Bounds(minimum=1.5)}, 1),
        ("range", "id", {"limits": Bounds(maximum=4.9)}, 1),
        ("range", "pay", {"limits": Bounds(minimum=11, maximum=12, outside=True)}, 2),
        ("range", "id", {"limits": Bounds(not_equal=3)}, 2),
        ("range", "seen", {"limits": Bounds(minimum="2017-01-04T00:00:00Z")}, 1),
        ("range", "seen", {"limits": Bounds(maximum=date(2017, 2, 6))}, 1),
        ("length", "room", {"limits": Bounds(minimum=0, maximum=2)}, 0),
        ("length", "room", {"limits": Bounds(minimum=2)}, 1),
        ("length", "id", {"limits": Bounds(maximum=1)}, 0),
        ("pattern", "room", {"pattern": "^[A-Z]"}, 2),
        ("pattern", "room", {"pattern": "[0-9]"}, 1),
        ("pattern", "id", {"pattern": "^[1-3]$"}, 1),
    ],
)
def test_rules_about_rows_count_violations(
    con: Con, make_rule: Any, make_product: Any, kind: str, column: str, said: dict[str, Any], violations: int
) -> None:
    outcome = ask(con, make_product(make_rule(kind, column, **said)))

    assert outcome.violations == violations, outcome.message
    assert outcome.passed is (violations == 0)
    assert outcome.rows == 5
    assert bool(outcome.message) is (violations > 0)


@pytest.mark.parametrize(
    ("allowed", "passed"),
    [
        (Bounds(maximum=1), True),
        (Bounds(maximum=1, maximum_exclusive=True), False),
        (Bounds(maximum=20, unit="percent"), True),
        (Bounds(maximum=19.9, unit="percent"), False),
        (Bounds(equal=1), True),
        (Bounds(minimum=2), False),
    ],
)
def test_some_violations_may_be_allowed(
    con: Con, make_rule: Any, make_product: Any, allowed: Bounds, passed: bool
) -> None:
    outcome = ask(con, make_product(make_rule("not_null", "guest", allowed=allowed)))
    assert (outcome.violations, outcome.passed) == (1, passed)


@pytest.mark.parametrize(
    ("limits", "passed"), [(Bounds(minimum=5, maximum=5), True), (Bounds(minimum=6), False), (None, False)]
)
def test_row_count(con: Con, make_rule: Any, make_product: Any, limits: Bounds | None, passed: bool) -> None:
    outcome = ask(con, make_product(make_rule("row_count", limits=limits)))
    assert (outcome.passed, outcome.observed, outcome.violations) == (passed, 5, None)


def test_a_composite_key(con: Con, make_rule: Any, make_product: Any) -> None:
    assert ask(con, make_product(make_rule("unique", "id", "room"))).violations == 0
    con.execute("INSERT INTO visits SELECT * FROM visits WHERE id = 1 UNION ALL FROM visits WHERE id = 1")
    outcome = ask(con, make_product(make_rule("unique", "id", "room")))
    assert outcome.violations == 2
    assert outcome.sample == ({"id": 1, "room": "A1", "rows": 3},)


def test_a_row_without_a_value_is_unique(con: Con, make_rule: Any, make_product: Any) -> None:
    con.execute("INSERT INTO visits SELECT * FROM visits WHERE seen IS NULL")
    assert ask(con, make_product(make_rule("unique", "seen"))).violations == 0


def test_references(con: Con, make_rule: Any, make_product: Any) -> None:
    con.execute("CREATE TABLE rooms AS SELECT unnest(['A1', 'A2', 'B1', 'B1', NULL]) AS code")
    rule = make_rule("reference", "room", reference=Reference("hr/rooms", ("code",)))
    outcome = ask(con, make_product(rule), resolve={"hr/rooms": "rooms"}.get)

    assert (outcome.violations, outcome.passed) == (2, False)
    assert sorted(row["room"] for row in outcome.sample) == ["", "b9"]
    within_itself = make_rule("reference", "id", reference=Reference("sales/visits", ("id",)))
    assert ask(con, make_product(within_itself)).passed


@pytest.mark.parametrize(
    ("column", "target", "words"),
    [
        ("room", "hr/none", "hr/none was never published"),
        ("room", "hr/other", 'hr/other has no column "code"'),
        ("id", "hr/rooms", '"id" is INTEGER, but "code" of hr/rooms is VARCHAR'),
    ],
)
def test_references_that_cannot_be_followed(
    con: Con, make_rule: Any, make_product: Any, column: str, target: str, words: str
) -> None:
    con.execute("CREATE TABLE rooms AS SELECT 'A1' AS code; CREATE TABLE other AS SELECT 'A1' AS name")
    rule = make_rule("reference", column, reference=Reference(target, ("code",)))
    outcome = ask(con, make_product(rule), resolve={"hr/rooms": "rooms", "hr/other": "other"}.get)
    assert (outcome.passed, outcome.violations) == (False, None)
    assert words in outcome.message


@pytest.mark.parametrize(
    ("window", "now", "passed"),
    [
        (None, datetime(2017, 2, 7, 10, tzinfo=UTC), True),
        (None, datetime(2017, 2, 7, 10, 0, 1, tzinfo=UTC), False),
        (FEBRUARY, datetime(2026, 1, 1, tzinfo=UTC), False),
        (FEBRUARY, datetime(2017, 2, 7, tzinfo=UTC), True),
        (JANUARY, datetime(2026, 1, 1, tzinfo=UTC), True),
    ],
)
def test_recency(
    con: Con, make_rule: Any, make_product: Any, window: Window | None, now: datetime, passed: bool
) -> None:
    rule = make_rule("recency", "seen", maximum_age=timedelta(days=1))
    outcome = ask(con, make_product(rule, partitioned=True), window=window, now=now)
    assert outcome.passed is passed, outcome.message
    assert outcome.observed == datetime(2017, 2, 6, 10, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_S", "DATE"])
def test_times_that_python_cannot_hold_have_no_age(
    con: Con, make_rule: Any, make_product: Any, kind: str
) -> None:
    con.execute(f"ALTER TABLE visits ALTER seen TYPE {kind}")
    for far in ("20000-01-01", "infinity", "-infinity", "0044-03-15 (BC)"):
        con.execute(f"INSERT INTO visits VALUES (7, 'Eve', 1, 'A1', '{far}')")
    product = make_product(make_rule("recency", "seen", maximum_age=timedelta(days=1)))
    outcome = ask(con, product, now=datetime(2017, 2, 6, 12, tzinfo=UTC))
    assert (outcome.passed, outcome.observed.date()) == (True, date(2017, 2, 6))
    assert not ask(con, product, now=datetime(2017, 2, 8, tzinfo=UTC)).passed
    con.execute("DELETE FROM visits WHERE id < 7")
    assert "no value" in ask(con, product).message
    repeated = make_product(make_rule("unique", "id"), make_rule("pattern", "seen", pattern="^x"))
    _, shown = audit(con, repeated.rules, "visits", product=repeated, resolve=lambda _: None)
    assert {"infinity", "-infinity"} <= {row["seen"] for row in shown.sample}


def test_a_table_without_times_is_not_recent(con: Con, make_rule: Any, make_product: Any) -> None:
    con.execute("DELETE FROM visits")
    assert not ask(con, make_product(make_rule("recency", "seen", maximum_age=timedelta(days=1)))).passed


def test_scopes(con: Con, make_rule: Any, make_product: Any) -> None:
    product = make_product(
        make_rule("row_count", limits=Bounds(equal=2), scope="partition", name="part_rows"),
        make_rule("row_count", limits=Bounds(equal=5), name="all_rows"),
        make_rule("not_null", "guest", scope="partition", name="part_guest"),
        make_rule("not_null", "guest", name="all_guest"),
        make_rule("unique", "id", scope="partition", name="part_unique"),
        make_rule("sql", query="SELECT count(*) - 2 FROM ${table}", scope="partition", name="part_sql"),
        partitioned=True,
    )
    found = {
        o.rule.name: o
        for o in audit(con, product.rules, "visits", product=product, window=JANUARY, resolve=lambda _: None)
    }

    assert {name: outcome.passed for name, outcome in found.items()} == {
        "part_rows": True, "all_rows": True, "part_guest": True,
        "all_guest": False, "part_unique": True, "part_sql": True,
    }  # fmt: skip
    assert (found["part_guest"].rows, found["all_guest"].rows) == (2, 5)


def columns_of(product: DataProduct, **types: dict[str, Any]) -> DataProduct:
    changed = tuple(replace(column, **types.get(column.name, {})) for column in product.columns)
    return replace(product, columns=changed)


def test_the_schema_of_the_contract(con: Con, make_rule: Any, make_product: Any) -> None:
    assert ask(con, make_product(make_rule("schema"))).passed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("ALTER TABLE visits DROP room", '"room" is missing'),
        ("ALTER TABLE visits ADD COLUMN extra BLOB", '"extra" (BLOB) is not in the contract'),
        ("ALTER TABLE visits ALTER id TYPE VARCHAR", '"id" is VARCHAR instead of integer'),
        ("ALTER TABLE visits ALTER seen TYPE DATE", '"seen" is DATE instead of timestamp'),
    ],
)
def test_a_schema_that_differs(con: Con, make_rule: Any, make_product: Any, change: str, words: str) -> None:
    con.execute(change)
    outcome = ask(con, make_product(make_rule("schema")))
    assert (outcome.passed, outcome.violations) == (False, 1)
    assert words in outcome.message


@pytest.mark.parametrize(("physical", "passed"), [("INTEGER", True), ("BIGINT", False)])
def test_physical_types_are_exact(
    con: Con, make_rule: Any, make_product: Any, physical: str, passed: bool
) -> None:
    product = columns_of(make_product(make_rule("schema")), id={"physical_type": physical})
    assert ask(con, product).passed is passed


@pytest.mark.parametrize(
    ("kind", "logical"),
    [("DECIMAL(10,2)", "number"), ("UBIGINT", "integer"), ("TIMESTAMP WITH TIME ZONE", "timestamp"),
     ("TIMESTAMP_NS", "timestamp"), ("TIME", "time"), ("VARCHAR", "string"), ("VARCHAR[]", None),
     ("STRUCT(a INTEGER)", None)],
)  # fmt: skip
def test_families_of_types(kind: str, logical: str | None) -> None:
    assert family(kind) == logical


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (("not_null", "nothing", {}), 'no column "nothing"'),
        (("unique", "nothing", {}), 'no column "nothing"'),
        (("recency", "nothing", {"maximum_age": timedelta(1)}), 'no column "nothing"'),
        (("recency", "room", {"maximum_age": timedelta(1)}), "has no age"),
        (("accepted_values", "id", {"values": ("many",)}), '"many" is not a INTEGER'),
        (("range", "seen", {"limits": Bounds(minimum="soon")}), '"soon" is not a TIMESTAMP'),
        (("pattern", "room", {"pattern": "("}), "not a regular expression"),
        (("sql", "room", {"query": "SELECT nothing FROM ${table}"}), "the query fails"),
        (("sql", "room", {"query": "SELEKT"}), "not SQL"),
        (("sql", "room", {"query": "SELECT 1, 2"}), "one row of one column"),
        (("sql", "room", {"query": "SELECT id FROM ${table}"}), "one row of one column"),
        (("sql", "room", {"query": "SELECT min(room) FROM ${table}"}), "returns str, not a number"),
        (("sql", "room", {"query": "SELECT NULL"}), "returns NoneType, not a number"),
        (("sql", "room", {"query": "DELETE FROM ${table}"}), "one single SELECT"),
        (("sql", "room", {"query": "SELECT 1; DROP TABLE visits"}), "one single SELECT"),
        (("sql", "room", {"query": "COPY visits TO 'x.csv'"}), "one single SELECT"),
        (("sql", "room", {"query": "SELECT count(*) FROM l.set_option('a', 'b')"}), "set_option"),
        (("sql", "room", {"query": "SELECT (SELECT count(*) FROM ducklake_expire_snapshots('l'))"}),
         "ducklake_expire_snapshots"),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_fit_fails_alone(
    con: Con, make_rule: Any, make_product: Any, rule: tuple[Any, str, dict[str, Any]], words: str
) -> None:
    kind, column, said = rule
    product = make_product(
        make_rule(kind, column, **said, name="odd"), make_rule("not_null", "id", name="sound")
    )
    odd, sound = audit(con, product.rules, "visits", product=product, resolve=lambda _: None)
    assert (odd.passed, odd.violations, sound.passed) == (False, None, True)
    assert words in odd.message
    assert con.execute("SELECT count(*) FROM visits").fetchall() == [(5,)]


@pytest.mark.parametrize(
    ("query", "limits", "passed"),
    [
        ("SELECT count(*) FROM ${table} WHERE ${column} = 'A1'", Bounds(equal=1), True),
        ("SELECT count(*) FROM {object} WHERE {property} = 'A1'", Bounds(equal=2), False),
        ("WITH v AS (FROM ${table}) SELECT avg(pay) FROM v", Bounds(minimum=30, maximum=40), True),
        ("SELECT count(*) FROM visits WHERE pay > 50", None, False),
    ],
)
def test_custom_sql(
    con: Con, make_rule: Any, make_product: Any, query: str, limits: Bounds | None, passed: bool
) -> None:
    outcome = ask(con, make_product(make_rule("sql", "room", query=query, limits=limits)))
    assert outcome.passed is passed, outcome.message


def test_a_query_that_breaks_the_transaction_comes_last(con: Con, make_rule: Any, make_product: Any) -> None:
    product = make_product(
        make_rule("sql", query="SELECT sum(guest::INTEGER) FROM ${table}", name="breaks"),
        make_rule("sql", query="SELECT 0", name="after"),
        make_rule("unique", "room"),
        make_rule("not_null", "id"),
    )
    breaks, after, unique, not_null = audit(
        con, product.rules, "visits", product=product, resolve=lambda _: None
    )

    assert unique.passed
    assert not_null.passed
    assert "the query fails" in breaks.message
    # The engine quotes the value that it could not convert.
    assert "Ann" not in breaks.in_counts().message
    assert not after.passed
    assert "breaks" in after.message


def test_samples_are_keys_and_never_personal(con: Con, make_rule: Any, make_product: Any) -> None:
    con.execute("INSERT INTO visits SELECT i, NULL, 99.5, 'x', NULL FROM range(50) r(i)")
    product = make_product(
        make_rule("not_null", "guest"),
        make_rule("range", "pay", limits=Bounds(maximum=99)),
        make_rule("pattern", "room", pattern="^[AB]"),
        make_rule("unique", "pay"),
        make_rule("recency", "seen", maximum_age=timedelta(days=1)),
    )
    for outcome in audit(con, product.rules, "visits", product=product, resolve=lambda _: None):
        assert not outcome.passed
        assert len(outcome.sample) <= 10
        for row in outcome.sample:
            assert not {"guest", "pay"} & row.keys()
    guest, pay, pattern, unique, _ = audit(
        con, product.rules, "visits", product=product, resolve=lambda _: None
    )
    assert len(guest.sample) == 10
    assert list(guest.sample[0]) == ["id"]
    assert list(pay.sample[0]) == ["id"]
    assert list(pattern.sample[0]) == ["id", "room"]
    assert unique.sample == ()


def test_without_a_key_a_rule_shows_its_own_columns_if_it_may(
    con: Con, make_rule: Any, make_product: Any
) -> None:
    rules = make_rule("pattern", "room", pattern="^[AB]"), make_rule("not_null", "guest")
    product = make_product(*rules, keyed=False)
    pattern, guest = audit(con, product.rules, "visits", product=product, resolve=lambda _: None)
    assert sorted(row["room"] for row in pattern.sample) == ["", "b9"]
    assert guest.sample == ()


def test_a_personal_time_is_not_shown(con: Con, make_rule: Any, make_product: Any) -> None:
    product = make_product(make_rule("recency", "seen", maximum_age=timedelta(days=1)))
    hidden = columns_of(product, seen={"tags": ("personal",)})
    outcome = ask(con, hidden, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert (outcome.passed, outcome.observed) == (False, None)
    assert "2017" not in outcome.message


def test_a_window_on_a_table_without_its_column_fails_every_rule(
    con: Con, make_rule: Any, make_product: Any
) -> None:
    con.execute("ALTER TABLE visits DROP seen")
    outcome = ask(con, make_product(make_rule("not_null", "id"), partitioned=True), window=JANUARY)
    assert not outcome.passed
    assert '"seen"' in outcome.message


@pytest.mark.parametrize(
    ("bounds", "value", "inside"),
    [
        (Bounds(), 5, True),
        (Bounds(minimum=5), 5, True),
        (Bounds(minimum=5, minimum_exclusive=True), 5, False),
        (Bounds(maximum=5), 5, True),
        (Bounds(maximum=5, maximum_exclusive=True), 5, False),
        (Bounds(minimum=1, maximum=5, outside=True), 3, False),
        (Bounds(minimum=1, maximum=5, outside=True), 6, True),
        (Bounds(equal=5), 5, True),
        (Bounds(equal=5), 6, False),
        (Bounds(not_equal=5), 5, False),
        (Bounds(minimum=1), None, False),
    ],
)
def test_bounds(bounds: Bounds, value: int | None, inside: bool) -> None:
    assert bounds.passes(value) is inside


@pytest.mark.parametrize(("value", "kind"), [("x", "INTEGER"), ("2017-13-01", "DATE"), ("x", "BOOLEAN")])
def test_values_that_do_not_fit_a_type(value: Scalar, kind: str) -> None:
    with pytest.raises(NotApplicable):
        constant(value, kind)


def test_columns_without_a_classification_are_not_shown(con: Con, make_rule: Any, make_product: Any) -> None:
    con.execute("ALTER TABLE visits ADD COLUMN note VARCHAR")
    product = make_product(make_rule("not_null", "note"), keyed=False)
    outcome = ask(con, product)
    assert (outcome.violations, outcome.sample) == (5, ())
    noted = replace(product, columns=(*product.columns, Column("note", product.place, "string")))
    assert ask(con, noted).sample == ({"note": None},)


def test_columns_may_be_named_like_anything_in_our_queries(
    con: Con, make_rule: Any, make_product: Any
) -> None:
    con.execute("CREATE TABLE stays AS SELECT id, id AS n, id AS rows, {'id': 7} AS source FROM visits")
    con.execute("CREATE TABLE rooms AS SELECT id AS their0, {'n': 7} AS source FROM visits WHERE id < 5")
    columns = tuple(Column(name, Place(Path("x")), "integer") for name in ("n", "rows"))

    def asked(rule: Rule) -> CheckOutcome:
        product = replace(make_product(rule, keyed=False), columns=columns)
        (outcome,) = audit(con, product.rules, "stays", product=product, resolve=lambda _: "rooms")
        return outcome

    orphans = asked(make_rule("reference", "n", reference=Reference("hr/rooms", ("their0",))))
    assert (orphans.violations, orphans.sample) == (1, ({"n": 5},))
    twice = asked(make_rule("unique", "rows"))
    assert (twice.violations, twice.sample) == (1, ({"rows": 3, "rows_": 2},))
    few = Reference("hr/few", ("a", "b"))
    rule = make_rule("together", "a", "b", limits=Bounds(minimum=5), reference=few)
    one, other = "(SELECT 'x' AS a, 11 AS b)", "(SELECT 'x' AS a, 9 AS b)"
    product = make_product(rule)
    (near,) = audit(con, product.rules, one, product=product, resolve=lambda _: other)
    assert near.violations


def test_rules_without_a_product_show_no_rows(con: Con, make_rule: Any) -> None:
    """The table of a plain asset has rules, but no contract that classifies its columns."""
    rules = [make_rule("unique", "id"), make_rule("not_null", "guest")]
    unique, guest = audit(con, rules, "visits", resolve=lambda _: None)
    assert (unique.violations, guest.violations) == (1, 1)
    assert unique.sample == guest.sample == ()
