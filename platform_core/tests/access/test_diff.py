"""Two versions of a product, compared by key or by whole rows, without what its contract hides."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from small_mesh import AMOUNTS, ANALYSTS, DAYS, SmallMesh, here

from platform_core.access.diff import versions as versions_module
from platform_core.access.diff.rows import RowCounts, compare_keys, compare_rows
from platform_core.access.diff.versions import Difference, difference
from platform_core.contracts.partitions import partition_windows
from platform_core.diagnostics import LakeError, RunError
from platform_core.lake.connect import connect
from platform_core.lake.publication.streams import open_stream
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.lake.versions import files_of, stamps
from platform_core.sql.quoting import quoted

COLUMN = "      - {{name: {}, logicalType: {}, primaryKey: true, primaryKeyPosition: {}{}}}\n"
KEYED = (
    "    properties:\n"
    + COLUMN.format("id", "integer", 1, "")
    + COLUMN.format("part", "string", 2, "")
    + "      - {name: amount, logicalType: number}\n      - {name: remark, logicalType: string}\n"
)
HIDDEN = (
    "    properties:\n"
    + COLUMN.format("id", "integer", 1, "")
    + COLUMN.format("name", "string", 2, ", tags: [personal]")
    + "      - {name: mail, logicalType: string, tags: [personal]}\n"
    + "      - {name: amount, logicalType: number}\n"
)
KEYLESS = AMOUNTS.replace("primaryKey: true, ", "")
STREAM = (
    "    physicalType: stream\n"
    "    customProperties: [{property: eventTime, value: at, vendor: platform-core}]\n    properties:\n"
    + COLUMN.format("id", "integer", 1, "")
    + "      - {name: at, logicalType: timestamp, required: true}\n"
)
SAME = {"added": 0, "removed": 0, "changed": 0}


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[SmallMesh]:
    with here(tmp_path, "shop") as mesh:
        yield mesh


@pytest.fixture
def compared_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of both versions that were left to compare, of each comparison."""
    counts: list[int] = []

    def counted(connection: duckdb.DuckDBPyConnection, *rest: Any) -> Any:
        counts.extend(
            connection.execute(f"SELECT count(*) FROM {s}").fetchall()[0][0] for s in ("old", "new")
        )
        return compare(connection, *rest)

    compare = versions_module._compare
    monkeypatch.setattr(versions_module, "_compare", counted)
    return counts


def compared(mesh: SmallMesh, *selects: str, table: str = KEYED, **options: Any) -> Difference:
    """The last two of some published versions, of a new product."""
    mesh.contract("shop/items", table, roles=f"[{ANALYSTS}]")
    for select in selects:
        mesh.publish("shop/items", select)
    return difference(mesh.registry.get("shop/items"), mesh.lakes, **options)


def items(*rows: str, columns: str = "id, part, amount, remark") -> str:
    return f"SELECT * FROM (VALUES {', '.join(rows)}) t({columns})"


def changed(found: Difference) -> dict[str, int]:
    return {name: each["changed"] for name, each in found.columns.items()}


def examples(found: Difference, column: str) -> list[tuple[str, ...]]:
    return [(*each["key"].values(), each["old"], each["new"]) for each in found.columns[column]["examples"]]


def versions(mesh: SmallMesh, product: str = "shop/items") -> list[int]:
    with connect(mesh.lakes, read=["shop"]) as con:
        return sorted(number for number, _, _ in stamps(con, "shop", product))


def test_rows_by_key(mesh: SmallMesh) -> None:
    found = compared(
        mesh,
        items("(1, 'a', 1.5, 'x')", "(1, NULL, 2.5, 'x')", "(2, 'a', 3.5, NULL)", "(3, 'a', 4.5, 'x')"),
        items("(1, 'a', 1.5, 'x')", "(1, NULL, 2.6, 'x')", "(2, 'a', 3.7, '')", "(4, 'a', 4.5, 'x')"),
    )
    assert found.rows == {"added": 1, "removed": 1, "changed": 2, "same": 1}
    assert changed(found) == {"amount": 2, "remark": 1}
    assert found.columns["remark"]["examples"] == [{"key": {"id": "2", "part": "a"}, "old": None, "new": ""}]
    assert set(examples(found, "amount")) == {("1", None, "2.5", "2.6"), ("2", "a", "3.5", "3.7")}
    assert found.by == ("id", "part")
    assert found.schema == {"added": {}, "removed": {}, "retyped": {}}


def test_only_three_examples(mesh: SmallMesh) -> None:
    rows = "SELECT range AS id, 'a' AS part, {} AS amount, NULL::VARCHAR AS remark FROM range(50)"
    found = compared(mesh, rows.format("1.5"), rows.format("range / 2"))
    assert found.rows == {"added": 0, "removed": 0, "changed": 49, "same": 1}
    assert changed(found) == {"amount": 49}
    assert len(set(examples(found, "amount"))) == 3


def test_equal_content_is_not_read(mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the versions were read")

    for name in ("content_of", "compare_keys", "compare_rows"):
        monkeypatch.setattr(versions_module, name, never)
    rows = "SELECT range AS id, 'a' AS part, 1.5 AS amount, 'x' AS remark FROM range(9) ORDER BY id {}"
    found = compared(mesh, rows.format("ASC"), rows.format("DESC"))
    assert (found.rows, found.columns) == ({**SAME, "same": 9}, {})


def test_contents_of_another_engine_are_read(mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of versions from before contents were stored."""
    known = versions_module.stamps
    rows = "SELECT range AS id, 'a' AS part, 1.5 AS amount, 'x' AS remark FROM range(9)"
    for content in (None, {"duckdb": "v0.1"}):

        def other(*args: Any, content: Any = content, **options: Any) -> Iterator[Any]:
            for number, at, facts in known(*args, **options):
                yield number, at, {**facts, "content": content and {**facts["content"], **content}}

        found = compared(mesh, rows, f"{rows} ORDER BY id DESC")
        assert (found.rows, found.columns) == ({**SAME, "same": 9}, {})
        monkeypatch.setattr(versions_module, "stamps", other)
        found = compared(mesh, rows, rows.replace("'x'", "'x' || id"))
        assert found.rows == {**SAME, "changed": 9, "same": 0}
        assert changed(found) == {"remark": 9}
        monkeypatch.undo()


def test_columns_added_removed_and_renamed(mesh: SmallMesh) -> None:
    found = compared(
        mesh,
        "SELECT 1 AS id, 'a' AS part, 1::DECIMAL(5,2) AS amount, 'x' AS remark",
        "SELECT 1 AS id, 'a' AS part, 1::DECIMAL(5,2) AS amount, 'x' AS note, [1] AS more",
    )
    assert found.schema == {
        "added": {"note": "VARCHAR", "more": "INTEGER[]"},
        "removed": {"remark": "VARCHAR"},
        "retyped": {},
    }
    assert (found.rows, found.columns) == ({**SAME, "same": 1}, {})


def test_a_retyped_column_is_compared_as_text(mesh: SmallMesh) -> None:
    rows = "SELECT 1::{0} AS id, 'a' AS part, {1} AS amount, 'x' AS remark UNION ALL SELECT 2, 'a', {2}, 'x'"
    found = compared(mesh, rows.format("INTEGER", "1", "2"), rows.format("BIGINT", "'1'", "'1.5'"))
    assert found.schema["retyped"] == {"id": ["INTEGER", "BIGINT"], "amount": ["INTEGER", "VARCHAR"]}
    assert found.rows == {"added": 0, "removed": 0, "changed": 1, "same": 1}
    assert examples(found, "amount") == [("2", "a", "2", "1.5")]


def test_no_column_in_common(mesh: SmallMesh) -> None:
    found = compared(mesh, "SELECT 1 AS a FROM range(3)", "SELECT 1 AS b FROM range(2)")
    assert (found.rows, found.by) == ({"added": 2, "removed": 3, "changed": 0, "same": 0}, ())


def test_a_key_that_one_version_does_not_have(mesh: SmallMesh) -> None:
    found = compared(mesh, "SELECT 1 AS id, 1.5 AS amount", "SELECT 1 AS id, 'a' AS part, 1.5 AS amount")
    assert (found.rows, found.by) == ({**SAME, "same": 1}, ())


def test_rows_without_a_key(mesh: SmallMesh) -> None:
    rows = items("(1, 1.5)", "(1, 1.5)", "(NULL, NULL)", "(2, 0.5)", columns="id, amount")
    less = items("(1, 1.5)", "(NULL, NULL)", "(NULL, NULL)", "(2, 0.5)", columns="id, amount")
    found = compared(mesh, rows, less, table=KEYLESS)
    assert (found.rows, found.columns) == ({"added": 1, "removed": 1, "changed": 0, "same": 3}, {})
    assert found.by == ()


def test_a_key_that_repeats(mesh: SmallMesh) -> None:
    """A contract with another key is newer than the versions; a part of a key may be NULL in many rows."""
    found = compared(
        mesh,
        items("(1, NULL, 1.5, 'x')", "(1, NULL, 2.5, 'x')"),
        items("(1, NULL, 1.5, 'x')", "(1, NULL, 2.5, 'y')"),
    )
    assert (found.rows, found.by) == ({"added": 1, "removed": 1, "changed": 0, "same": 1}, ())


def test_floats(mesh: SmallMesh) -> None:
    rows = "SELECT * FROM (VALUES ({}::DOUBLE, 'a', {}::DOUBLE, {})) t(id, part, amount, remark)"
    zero = compared(
        mesh, rows.format("0.0", "-0.0", "[0.0::FLOAT]"), rows.format("'-0.0'", "0.0", "['-0'::FLOAT]")
    )
    assert (zero.rows, zero.columns) == ({**SAME, "same": 1}, {})
    nan = compared(mesh, rows.format("'nan'", "'nan'", "1"), rows.format("'-nan'", "1.5", "1"))
    assert nan.rows == {"added": 0, "removed": 0, "changed": 1, "same": 0}
    assert examples(nan, "amount") == [("nan", "a", "nan", "1.5")]


def test_nested_values(mesh: SmallMesh) -> None:
    rows = "SELECT {{'a': 1, 'b': [1, NULL]}} AS id, 'a' AS part, {} AS amount, MAP {{'k': {}}} AS remark"
    found = compared(mesh, rows.format("[1]", "1"), rows.format("[1, NULL]", "NULL"))
    key = ("{'a': 1, 'b': [1, NULL]}", "a")
    assert examples(found, "amount") == [(*key, "[1]", "[1, NULL]")]
    assert examples(found, "remark") == [(*key, "{k=1}", "{k=NULL}")]


def test_names_of_the_comparison_itself(mesh: SmallMesh) -> None:
    names = ["i", "k0", "k1", "c0", "old", "new", "at", "x", "bucket", "n", "sign", "h", "times", 'q"1']
    columns = ", ".join(f"{{}} AS {quoted(name)}" for name in names)
    rows = f"SELECT range AS id, 'a' AS part, {columns} FROM range(40)"
    values = [str(n) for n in range(len(names))]
    other = [
        "if(range < 2, 9, 1)" if name in ("i", "bucket") else v for name, v in zip(names, values, strict=True)
    ]
    for options in ({}, {"most": 7}):
        found = compared(mesh, rows.format(*values), rows.format(*other), **options)
        assert found.rows["changed"] == 40
        keyless = compared(mesh, rows.format(*values), rows.format(*other), table=KEYLESS, **options)
        assert keyless.rows == {"added": 40, "removed": 40, "changed": 0, "same": 0}


def test_an_empty_version(mesh: SmallMesh) -> None:
    rows = "SELECT range AS id, 'a' AS part, 1.5 AS amount, 'x' AS remark FROM range({})"
    assert compared(mesh, rows.format(3), rows.format(0)).rows == {**SAME, "removed": 3, "same": 0}
    assert compared(mesh, rows.format(3)).rows == {**SAME, "added": 3, "same": 0}
    empty = compared(mesh, rows.format(0), rows.format(0))
    assert empty.rows == {**SAME, "same": 0}


def test_hidden_values_are_masked(mesh: SmallMesh) -> None:
    rows = "SELECT range AS id, 'Ada' AS name, {} AS mail, {} AS amount, {} AS undeclared FROM range(2)"
    found = compared(mesh, rows.format("'ada@x'", "1", "'u'"), rows.format("NULL", "2", "'v'"), table=HIDDEN)
    assert changed(found) == {"mail": 2, "amount": 2, "undeclared": 2}
    assert sorted(examples(found, "mail")) == [(n, *["(masked)"] * 3) for n in "01"]
    assert sorted(examples(found, "undeclared")) == [(n, *["(masked)"] * 3) for n in "01"]
    assert sorted(examples(found, "amount")) == [(n, "(masked)", "1", "2") for n in "01"]
    assert "Ada" not in str(found)
    assert "ada" not in str(found)


def test_a_restricted_product_is_counted_only(mesh: SmallMesh) -> None:
    restricted = KEYED.replace("logicalType: number", "logicalType: number, classification: restricted")
    found = compared(mesh, items("(1, 'a', 1.5, 'x')"), items("(1, 'a', 2.5, 'y')"), table=restricted)
    assert (found.rows, found.columns) == ({**SAME, "changed": 1, "same": 0}, {})


def test_which_version(mesh: SmallMesh) -> None:
    rows = "SELECT range AS id, 'a' AS part, 1.5 AS amount, 'x' AS remark FROM range({})"
    one = compared(mesh, rows.format(1))
    assert (one.old, one.rows, one.columns) == (None, {**SAME, "same": 1}, {})
    compared(mesh, rows.format(3), rows.format(6))
    first, second, third = versions(mesh)
    for against, old, added in ((None, second, 3), (str(second), second, 3), (str(first), first, 5)):
        found = compared(mesh, against=against)
        assert (found.old, found.new, found.rows["added"]) == (old, third, added)
    itself = compared(mesh, against="2999-01-01")
    assert (itself.old, itself.rows) == (third, {**SAME, "same": 6})
    with pytest.raises(RunError, match="R023"):
        compared(mesh, against="0")
    with connect(mesh.lakes, write=["shop"]) as con:
        con.execute(f"CALL ducklake_expire_snapshots('shop', versions => [{second}])")
    with pytest.raises(RunError, match=r"(?s)R023.*mesh history shop/items"):
        compared(mesh, against=str(second))
    assert compared(mesh).old == first


def test_never_published(mesh: SmallMesh) -> None:
    with pytest.raises(RunError, match="R020"):
        compared(mesh)
    mesh.contract("shop/others", KEYED)
    mesh.publish("shop/others", items("(1, 'a', 1.5, 'x')"))
    with pytest.raises(RunError, match="R020"):
        compared(mesh)


def test_a_damaged_file(mesh: SmallMesh) -> None:
    compared(mesh, items("(1, 'a', 1.5, 'x')"), items("(1, 'a', 2.5, 'x')"))
    with connect(mesh.lakes, read=["shop"]) as con:
        [(file,), _] = files_of(con, "shop", [("products", "items", n) for n in versions(mesh)])  # type: ignore[misc]
    path = Path(file.path)
    path.chmod(0o600)
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(LakeError, match="L004"):
        compared(mesh)


def test_windows_share_files(mesh: SmallMesh, compared_rows: list[int]) -> None:
    mesh.contract("shop/items", DAYS)
    product = mesh.registry.get("shop/items")
    assert product.partitions is not None
    windows = partition_windows(product.partitions)

    def publish(amounts: str, *days: int) -> Difference:
        rows = (
            f"SELECT TIMESTAMP '2024-03-30 12:00' + INTERVAL {day} DAY AS sold, range AS amount"
            f" FROM {amounts}"
            for day in days
        )
        with connect(mesh.lakes, write=["shop"]) as con:
            stamp = Stamp("run", product.id)
            window = windows[days[0]] if len(days) == 1 else None
            select = " UNION ALL ".join(rows)
            publish_table(con, mesh.lakes, product, select, window=window, stamp=stamp, audit=str)
        compared_rows.clear()
        return difference(product, mesh.lakes)

    assert publish("range(50)", 0).rows == {**SAME, "same": 50}
    assert publish("range(50)", 1).rows == {**SAME, "added": 50, "same": 50}
    assert compared_rows == [0, 50]
    assert publish("range(10, 60)", 1).rows == {"added": 10, "removed": 10, "changed": 0, "same": 90}
    assert compared_rows == [50, 50]
    # Rows of one file are deleted, so the newer version is copied, and nothing is shared.
    publish("range(50)", 0, 1)
    assert publish("range(10, 60)", 1).rows == {"added": 10, "removed": 10, "changed": 0, "same": 90}
    assert compared_rows == [100, 100]


def test_a_stream(mesh: SmallMesh, compared_rows: list[int]) -> None:
    mesh.contract("shop/items", STREAM)
    product = mesh.registry.get("shop/items")
    stamp = Stamp("run", product.id)
    with (
        connect(mesh.lakes, write=["shop"]) as con,
        open_stream(con, mesh.lakes, product, stamp=stamp) as stream,
    ):
        for n in range(3):
            more = ", 1 AS more" if n == 2 else ""
            rows = f"SELECT {n} AS id, TIMESTAMP '2024-05-01' AS at{more}"
            stream.append(str(n), rows, audit=lambda *_: None)
    found = difference(product, mesh.lakes)
    assert (found.rows, found.schema["added"]) == ({**SAME, "added": 1, "same": 2}, {"more": "INTEGER"})
    assert compared_rows == [0, 1]
    with (
        connect(mesh.lakes, write=["shop"]) as con,
        open_stream(con, mesh.lakes, product, stamp=stamp) as stream,
    ):
        stream.compact()
    assert difference(product, mesh.lakes).rows == {**SAME, "added": 1, "same": 2}


def test_a_pinned_view(mesh: SmallMesh) -> None:
    mesh.contract("shop/items", AMOUNTS)
    for factor in (1, 2):
        mesh.publish(
            "shop/items", f"SELECT range AS id, {factor} * range AS amount FROM range(3)", pinned=True
        )
    found = difference(mesh.registry.get("shop/items"), mesh.lakes)
    assert found.rows == {"added": 0, "removed": 0, "changed": 2, "same": 1}
    assert sorted(examples(found, "amount")) == [("1", "1", "2"), ("2", "2", "4")]


def test_a_masked_twin(mesh: SmallMesh) -> None:
    """It is a product like any other: its readers may see all its values, and its parent is restricted."""
    masks = "customProperties: [{{property: mask, value: {}, vendor: platform-core}}]"
    table = (
        "    customProperties: [{property: maskedAs, value: ages, vendor: platform-core}]\n    properties:\n"
        "      - {name: id, logicalType: integer, primaryKey: true, classification: restricted, MASK}\n"
        "      - {name: age, logicalType: integer, classification: restricted, BANDS}\n"
    )
    table = table.replace("MASK", masks.format("{method: hash, key: people}"))
    table = table.replace("BANDS", masks.format("{method: generalize, width: 10}"))
    mesh.contract("shop/people", table, roles="[{role: analysts, access: masked}]")
    for age in ("'30-39'", "'40-49'"):
        mesh.publish("shop/ages", f"SELECT 'a1b2' AS id, {age} AS age")
    found = difference(mesh.registry.get("shop/ages"), mesh.lakes)
    assert (found.rows, examples(found, "age")) == (
        {**SAME, "changed": 1, "same": 0},
        [("a1b2", "30-39", "40-49")],
    )
    for age in (30, 40):
        mesh.publish("shop/people", f"SELECT 1 AS id, {age} AS age")
    parent = difference(mesh.registry.get("shop/people"), mesh.lakes)
    assert (parent.rows, parent.columns) == ({**SAME, "changed": 1, "same": 0}, {})


def expected(old: dict[Any, Any], new: dict[Any, Any]) -> RowCounts:
    both = old.keys() & new.keys()
    differ = {n: sum(old[key][n] != new[key][n] for key in both) for n in (0, 1)}
    columns = {f"v{n}": count for n, count in differ.items() if count}
    changed = sum(old[key] != new[key] for key in both)
    return RowCounts(len(new.keys() - both), len(old.keys() - both), changed, columns)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(8))
def test_buckets_find_what_one_join_finds(seed: int) -> None:
    """Rows beyond the limit are compared in parts, whatever their number."""
    luck = random.Random(seed)
    old = {(n, luck.choice(["a", None])): (luck.randrange(3), luck.choice([None, 1])) for n in range(90)}
    share = luck.choice([0, 0.01, 0.5, 1])
    new = {
        key if luck.random() > share / 4 else (key[0] + 1000, key[1]): values
        if luck.random() > share
        else (luck.randrange(3), luck.choice([None, 1]))
        for key, values in old.items()
        if luck.random() > share / 4
    }
    with duckdb.connect() as con:
        for side, rows in (("old", old), ("new", new)):
            con.execute(f"CREATE TABLE {side} (k0 INTEGER, k1 VARCHAR, v0 INTEGER, v1 INTEGER)")
            values = [(*key, *value) for key, value in rows.items()]
            con.executemany(f"INSERT INTO {side} VALUES (?, ?, ?, ?)", values or [(None,) * 4])
            con.execute(f"DELETE FROM {side} WHERE k0 IS NULL")
        key, columns = ["k0", "k1"], ["v0", "v1"]
        whole = compare_keys(con, key, columns, {"v1"}, 1000)
        assert whole is not None
        wanted = expected(old, new)
        assert (whole.added, whole.removed, whole.changed) == (wanted.added, wanted.removed, wanted.changed)
        assert {name: each["changed"] for name, each in whole.columns.items()} == wanted.columns
        for most in (5, 40, 89):
            assert compare_keys(con, key, columns, {"v1"}, most) == whole
        texts = [Counter((*key, *values) for key, values in rows.items()) for rows in (old, new)]
        for most in (20, 1000):
            counts = compare_rows(con, [*key, *columns], most)
            assert (counts.added, counts.removed) == tuple(
                (texts[a] - texts[b]).total() for a, b in ((1, 0), (0, 1))
            )
        con.execute("INSERT INTO old FROM old WHERE k0 = 0")
        con.execute("INSERT INTO old SELECT 99999, 'a', 1, n FROM range(2) t(n)")
        assert {compare_keys(con, key, columns, set(), most) for most in (40, 1000)} == {None}


def test_equal_rows_that_vanish_in_pairs_are_counted() -> None:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE old AS SELECT range // 2 AS a FROM range(40)")
        con.execute("CREATE TABLE new AS SELECT range // 2 + 1 AS a FROM range(40)")
        for most in (5, 1000):
            assert compare_rows(con, ["a"], most) == RowCounts(2, 2)
