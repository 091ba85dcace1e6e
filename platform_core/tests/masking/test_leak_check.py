"""The check that a twin's files hold no raw value of a masked column: the leaks that it finds, and the
values that it accepts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from platform_core.contracts.model import Column, DataProduct, Grant, Mask, Masking, Suppression
from platform_core.diagnostics import DefinitionError, Place
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.transaction import Stamp
from platform_core.masking import publish as masking
from platform_core.masking.files import written_files
from platform_core.masking.sql import masked_query
from platform_core.odcs.masked_twin import masked_twin
from platform_core.quality.gate import ContractBroken, gate
from platform_core.quality.outcome import CheckOutcome

HERE = Place(Path("people.odcs.yaml"))
PERSONAL = {"tags": ("personal",), "classification": "restricted"}
COLUMNS = (
    Column("id", HERE, "integer", required=True, key_position=1, mask=Mask("hash", HERE, key="person")),
    Column("name", HERE, "string", **PERSONAL),
    Column("size", HERE, "integer", classification="internal"),
    Column("code", HERE, "string", mask=Mask("generalize", HERE, prefix=1), **PERSONAL),
    Column("born", HERE, "date", mask=Mask("generalize", HERE, unit="month"), **PERSONAL),
    Column("note", HERE, "string", mask=Mask("redact", HERE), **PERSONAL),
)
# A size is somebody's id, a code is what it is cut to, a birthday is the first of a month, a note a name.
ROWS = """
    SELECT * FROM (VALUES
        (1, 'Ada', 2, 'x', DATE '1990-01-01', 'Bob'),
        (2, 'Bob', 1, 'xy', DATE '1990-01-02', NULL),
        (3, NULL, 2, 'z', DATE '1991-01-01', '')
    ) AS t(id, name, size, code, born, note)
"""


def product(*columns: Column) -> DataProduct:
    return DataProduct(
        domain="shop",
        name="people",
        path=HERE.path,
        place=HERE,
        version="1.0.0",
        status="active",
        columns=columns,
        rules=(),
        grants=(Grant("analysts", "masked", HERE),),
        masking=Masking("profiles", HERE),
    )


@pytest.fixture
def con(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    monkeypatch.setenv("MESH_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("MESH_LAKE", str(tmp_path / "lake"))
    with connect(current_lakes(), write=["shop"]) as connection:
        connection.execute(f"CREATE TABLE rows AS {ROWS}")
        yield connection


def publish(
    con: duckdb.DuckDBPyConnection, parent: DataProduct, relation: str = "rows"
) -> dict[str, tuple[bool, str]]:
    """The outcomes of a twin's publication by rule: whether it passed, and its message."""
    twin = masked_twin(parent)
    with masking.hashing(con, twin):
        published = masking.publish_masked(
            con,
            current_lakes(),
            twin,
            parent,
            relation,
            stamp=Stamp("run", twin.id),
            audit=gate(con, twin, resolve=lambda _: None),
        )
    return {outcome.rule.name: (outcome.passed, outcome.message) for outcome in published.audited}


def test_values_that_only_look_raw_are_let_be(con: duckdb.DuckDBPyConnection) -> None:
    outcomes = publish(con, product(*COLUMNS))
    assert outcomes["no_raw_values"] == (True, "")
    rows = con.execute(
        "SELECT size, code, born::VARCHAR, note FROM shop.products.profiles ORDER BY ALL"
    ).fetchall()
    assert rows == [
        (1, "x", "1990-01-01", "[redacted]"),
        (2, "[redacted]", "1990-01-01", "[redacted]"),
        (2, "[redacted]", "1991-01-01", "[redacted]"),
    ]


LEAKS = {
    "id": "id",
    "size": "id",
    "code": "code",
    "born": "born",
    "note": "name",
}


@pytest.mark.parametrize("column", LEAKS)
def test_a_raw_value_is_found_wherever_it_is(
    column: str, con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = masking.masked_query

    def leaking(twin: DataProduct, relation: str, suppression: Suppression | None) -> str:
        made = whole(twin, relation, suppression)
        # As a mistake in the masks would: one column holds raw values, in the type that it has.
        kind = next(k for n, k, *_ in con.execute(f"DESCRIBE {made}").fetchall() if n == column)
        others = ", ".join(f"t.{name.name}" for name in twin.columns if name.name != column)
        raw = f"(SELECT row_number() OVER () AS n, CAST({LEAKS[column]} AS {kind}) AS leak FROM {relation})"
        return f"SELECT {others}, r.leak AS {column} FROM (SELECT *, row_number() OVER () AS n FROM ({made})) t JOIN {raw} r USING (n)"  # noqa: E501

    monkeypatch.setattr(masking, "masked_query", leaking)
    parent = product(*COLUMNS)
    with pytest.raises(ContractBroken) as caught:
        publish(con, parent)
    [fault] = caught.value.diagnostics
    assert fault.code == "Q020"
    assert f'"{column}"' in fault.message
    assert "Ada" not in str(caught.value)
    assert not list(current_lakes().data_folder("shop").rglob("*.parquet"))
    assert not con.execute("SELECT * FROM duckdb_tables() WHERE table_name = 'profiles'").fetchall()


def test_hashes_are_the_same_in_every_product_of_a_key(con: duckdb.DuckDBPyConnection) -> None:
    publish(con, product(*COLUMNS))
    con.execute(
        "CREATE TABLE others AS SELECT id::SMALLINT AS person, id * 10 AS size FROM rows WHERE id > 1"
    )
    person = Column("person", HERE, "integer", mask=Mask("hash", HERE, key="person"))
    parent = replace(product(person, COLUMNS[2]), name="visits", masking=Masking("visits_masked", HERE))
    publish(con, parent, "others")
    joined = con.execute(
        "SELECT p.size, v.size FROM shop.products.profiles p"
        " JOIN shop.products.visits_masked v ON p.id = v.person"
    ).fetchall()
    assert sorted(joined) == [(1, 20), (2, 30)]


def test_small_groups_are_left_out(con: duckdb.DuckDBPyConnection) -> None:
    parent = product(*COLUMNS)
    outcomes = publish(
        con, replace(parent, masking=Masking("profiles", HERE, Suppression(2, ("born",), HERE)))
    )
    assert outcomes["group_size__born"][0]
    found = con.execute("SELECT count(*), count(DISTINCT born) FROM shop.products.profiles").fetchone()
    assert found == (2, 1)


def test_groups_that_are_too_small_are_refused(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = masking.masked_query
    monkeypatch.setattr(
        masking, "masked_query", lambda twin, relation, suppression: whole(twin, relation, None)
    )
    parent = replace(product(*COLUMNS), masking=Masking("profiles", HERE, Suppression(2, ("code",), HERE)))
    with pytest.raises(ContractBroken) as caught:
        publish(con, parent)
    [fault] = caught.value.diagnostics
    assert fault.code == "Q022"
    assert "1 groups of code have fewer than 2 rows" in fault.message


def test_only_earlier_versions_under_other_masks_are_reported(con: duckdb.DuckDBPyConnection) -> None:
    *rest, note = COLUMNS
    shown = replace(note, mask=None, tags=(), classification="internal")
    assert publish(con, product(*rest, shown))["no_raw_values_before"] == (True, "")
    assert publish(con, product(*rest, shown))["no_raw_values_before"] == (True, "")
    passed, words = publish(con, product(*COLUMNS))["no_raw_values_before"]
    assert not passed
    assert '"note"' in words
    assert "Bob" not in words


def test_files_of_a_killed_run_are_removed(con: duckdb.DuckDBPyConnection) -> None:
    publish(con, product(*COLUMNS))
    folder = current_lakes().data_folder("shop") / "products" / "profiles"
    con.execute(f"COPY rows TO '{folder / 'ducklake-left.parquet'}'")
    before = {path.name for path in folder.glob("*.parquet")}
    outcomes = publish(con, product(*COLUMNS))
    assert outcomes["no_raw_values"][0]
    assert before - {path.name for path in folder.glob("*.parquet")} == {"ducklake-left.parquet"}


@pytest.mark.parametrize(
    ("mask", "values", "made"),
    [
        (
            Mask("generalize", HERE, width=10),
            "(0), (9), (-1), (NULL)",
            ["-10 to -1", "0 to 9", "0 to 9", None],
        ),
        (
            Mask("generalize", HERE, width=5),
            "(9223372036854775807), (-9223372036854775808)",
            [
                "-9223372036854775810 to -9223372036854775806",
                "9223372036854775805 to 9223372036854775809",
            ],
        ),
        (Mask("generalize", HERE, width=0.5), "(0.25), (0.5)", ["0 to under 0.5", "0.5 to under 1"]),
        (
            Mask("generalize", HERE, edges=(18, 30)),
            "(17), (18), (99)",
            ["18 to under 30", "30 and more", "under 18"],
        ),
        (Mask("generalize", HERE, unit="quarter"), "(DATE '2020-05-05')", ["2020-04-01"]),
        (Mask("generalize", HERE, groups=(("o'a", "x"),)), "('o''a'), ('b'), (NULL)", ["other", "x", None]),
    ],
    ids=str,
)
def test_values_are_generalized(mask: Mask, values: str, made: list[str | None]) -> None:
    from platform_core.masking.sql import masked

    with duckdb.connect() as con:
        value = masked("v", Column("v", HERE, mask=mask))
        query = f"SELECT CAST({value} AS VARCHAR) AS v FROM (VALUES {values}) t(v)"
        assert [v for (v,) in con.execute(f"{query} ORDER BY v NULLS LAST").fetchall()] == made


def test_rows_are_not_in_the_order_of_the_parent(con: duckdb.DuckDBPyConnection) -> None:
    """In the parent's order a row would reveal the row that it was made from."""
    con.execute("CREATE TABLE many AS SELECT i AS id, 'n' || i AS name, i % 7 AS size FROM range(5000) t(i)")
    found = []
    for order in ("id", "id DESC", "hash(id)"):
        publish(con, product(*COLUMNS[:3]), f"(FROM many ORDER BY {order})")
        [file] = written_files(current_lakes(), masked_twin(product(*COLUMNS[:3])))
        found.append(con.execute(f"FROM read_parquet('{file}')").fetchall())
        con.execute("DROP TABLE shop.products.profiles")
        Path(file).unlink()
    assert found[0] == found[1] == found[2] == sorted(found[0])


ORDERED = ["MAP {'a': 1}", "{'a': [1]}", "'{}'::JSON", "union_value(n := 1)", "[{'a': 1}]", "'a'::BLOB", "'01'::BIT", "MAP {{'a': 1}: [MAP {1: 2}]}", "INTERVAL 1 DAY", "'a'::ENUM('b', 'a')", "[1, 2]::INTEGER[2]", "'nan'::DOUBLE", "NULL"]  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("value", ORDERED)
def test_values_of_every_type_have_an_order(value: str) -> None:
    column = Column("it", HERE, classification="internal")
    query = masked_query(masked_twin(product(column)), f"(SELECT {value} AS it UNION ALL SELECT NULL)", None)
    assert len(duckdb.sql(query).fetchall()) == 2


def test_a_twin_that_hides_nothing_is_published(con: duckdb.DuckDBPyConnection) -> None:
    outcomes = publish(con, product(COLUMNS[2], COLUMNS[3], COLUMNS[4]))
    assert outcomes["no_raw_values"] == outcomes["no_raw_values_before"] == (True, "")


@pytest.mark.parametrize("least", [1, 2, 3])
def test_a_prefix_leaves_no_whole_value(least: int, con: duckdb.DuckDBPyConnection) -> None:
    column = replace(COLUMNS[3], mask=Mask("generalize", HERE, prefix=least))
    con.execute("CREATE TABLE words AS SELECT unnest(['', 'a', 'ab', 'abc', 'abcd', NULL]) AS code")
    publish(con, product(column), "words")
    rows = {row[0] for row in con.execute("FROM shop.products.profiles").fetchall()}
    assert rows == {None, "[redacted]", "abc"[:least]}


@pytest.mark.parametrize("least", [2, 200])
def test_a_prefix_as_long_as_all_values_is_refused(least: int, con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(DefinitionError) as caught:
        publish(con, product(COLUMNS[0], replace(COLUMNS[3], mask=Mask("generalize", HERE, prefix=least))))
    [fault] = caught.value.diagnostics
    assert (fault.code, fault.place) == ("C090", HERE)
    assert not list(current_lakes().data_folder("shop").rglob("*.parquet"))


def test_the_audit_runs_without_the_keys(con: duckdb.DuckDBPyConnection) -> None:
    """Its rules are SQL of a contract, which could read a variable by its name."""
    parent = product(*COLUMNS)
    twin = masked_twin(parent)
    seen: list[object] = []

    def audit(relation: str) -> tuple[CheckOutcome, ...]:
        seen.extend(con.execute("SELECT name FROM duckdb_variables()").fetchall())
        return ()

    with masking.hashing(con, twin):
        assert con.execute("SELECT count(*) > 0 FROM duckdb_variables()").fetchone() == (True,)
        stamp = Stamp("run", twin.id)
        masking.publish_masked(con, current_lakes(), twin, parent, "rows", stamp=stamp, audit=audit)
    assert seen == []
