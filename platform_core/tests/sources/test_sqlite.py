"""Tables of SQLite files: exact values, refused ones, windows, and a writer in another process."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from platform_core.diagnostics import Diagnostic, SourceError
from platform_core.sources import staging
from platform_core.sources.order import Range, Staged
from platform_core.sources.readers import sqlite
from platform_core.sources.source import Source
from platform_core.sources.stage_process import stage
from platform_core.sources.staging import order_of

pytestmark = pytest.mark.full


def make(tmp_path: Path, *statements: str) -> Path:
    file = tmp_path / "shop's #1 100%.db"
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return file


def read(
    tmp_path: Path, columns: Mapping[str, str] | None, part: Range | None = None, table: str = "t"
) -> Staged:
    source = Source.sqlite("shop/t", path=str(tmp_path / "shop's #1 100%.db"), table=table)
    return Staged(**stage([order_of("rows", source, columns, part, tmp_path)], "mesh/test", 1)["rows"])


def refused(tmp_path: Path, columns: Mapping[str, str], part: Range | None = None) -> Diagnostic:
    with pytest.raises(SourceError) as error:
        read(tmp_path, columns, part)
    [fault] = error.value.diagnostics
    return fault


def rows(tmp_path: Path, select: str = "*") -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(f"SELECT {select} FROM '{tmp_path}/rows.parquet'").fetchall()


EXACT = [
    ("INTEGER", "9223372036854775807", "BIGINT", "9223372036854775807"),
    ("INTEGER", "-2147483648", "INTEGER", "-2147483648"),
    ("REAL", "0.1", "DOUBLE", "0.1"),
    ("REAL", "3", "DOUBLE", "3.0"),
    ("BOOLEAN", "1", "BOOLEAN", "true"),
    ("TEXT", "'ä\U0001f600'", "VARCHAR", "ä\U0001f600"),
    ("BLOB", "x'00ff'", "BLOB", r"\x00\xFF"),
    ("DATE", "'2024-02-29'", "DATE", "2024-02-29"),
    ("DATETIME", "'2024-02-29 12:30:00.123456'", "TIMESTAMP", "2024-02-29 12:30:00.123456"),
    ("DATETIME", "'2024-02-29T12:30:00'", "TIMESTAMP", "2024-02-29 12:30:00"),
    ("TEXT", "'2024-02-29T12:30:00+02:00'", "TIMESTAMP WITH TIME ZONE", "2024-02-29 10:30:00+00"),
    ("DECIMAL(10,2)", "12.34", "DECIMAL(10,2)", "12.34"),
    ("DECIMAL(10,2)", "7", "DECIMAL(10,2)", "7.00"),
    (
        "TEXT",
        "'12345678901234567890.1234567890'",
        "DECIMAL(38,10)",
        "12345678901234567890.1234567890",
    ),
    ("", "'any'", "VARCHAR", "any"),
]
REFUSED = [
    ("INTEGER", "'three'", "BIGINT", "text in the row 2"),
    ("INTEGER", "1.5", "BIGINT", "real in the row 2"),
    ("INTEGER", "3000000000", "INTEGER", "in the row 2 that is not INTEGER"),
    ("BOOLEAN", "5", "BOOLEAN", "in the row 2 that is not BOOLEAN"),
    ("BOOLEAN", "'true'", "BOOLEAN", "text in the row 2"),
    ("REAL", "9007199254740993", "DOUBLE", None),
    ("", "9007199254740993", "DOUBLE", "in the row 2 that is not DOUBLE"),
    ("TEXT", "x'00'", "VARCHAR", "blob in the row 2"),
    ("DATE", "'29.02.2024'", "DATE", "in the row 2 that is not DATE"),
    ("DATE", "'2023-02-29'", "DATE", "in the row 2 that is not DATE"),
    ("DATE", "1709164800", "DATE", "integer in the row 2"),
    ("DATE", "'2024-02-29 12:00:00'", "DATE", "in the row 2 that is not DATE"),
    ("DATETIME", "'2024-02-29 12:00:00+02:00'", "TIMESTAMP", "in the row 2 that is not TIMESTAMP"),
    ("DATETIME", "'0000-00-00 00:00:00'", "TIMESTAMP", "in the row 2 that is not TIMESTAMP"),
    ("DECIMAL(10,2)", "0.125", "DECIMAL(10,2)", "in the row 2 that is not DECIMAL(10,2)"),
    ("DECIMAL(10,2)", "1e300", "DECIMAL(10,2)", "in the row 2 that is not DECIMAL(10,2)"),
    ("DECIMAL(10,2)", "9e999", "DECIMAL(10,2)", "in the row 2 that is not DECIMAL(10,2)"),
    ("DECIMAL(10,2)", "'n/a'", "DECIMAL(10,2)", "in the row 2 that is not DECIMAL(10,2)"),
]


@pytest.mark.parametrize(("declared", "value", "kind", "kept"), EXACT)
def test_a_value_is_kept(tmp_path: Path, declared: str, value: str, kind: str, kept: str) -> None:
    make(tmp_path, f"CREATE TABLE t (v {declared})", f"INSERT INTO t VALUES (NULL), ({value})")
    assert read(tmp_path, {"v": kind}).rows == 2
    assert rows(tmp_path, "v::VARCHAR, typeof(v)") == [(None, kind), (kept, kind)]


@pytest.mark.parametrize(("declared", "value", "kind", "words"), [each for each in REFUSED if each[3]])
def test_a_value_of_another_kind_is_refused_without_the_value(
    tmp_path: Path, declared: str, value: str, kind: str, words: str
) -> None:
    make(tmp_path, f"CREATE TABLE t (v {declared})", f"INSERT INTO t VALUES (NULL), ({value})")
    fault = refused(tmp_path, {"v": kind})
    assert (fault.code, words in fault.message) == ("S024", True), fault.message
    assert value.strip("'") not in fault.message or len(value) < 4


def test_its_columns_follow_the_declared_types(tmp_path: Path) -> None:
    make(
        tmp_path,
        "CREATE TABLE t (a INTEGER, b VARCHAR(3), c DECIMAL(9, 2), d BOOLEAN, e DATETIME, f DATE, g REAL,"
        " h BLOB, i, j NUMERIC, k BIGINT GENERATED ALWAYS AS (a + 1))",
    )
    source = Source.sqlite("shop/t", path=str(tmp_path / "shop's #1 100%.db"), table="t")
    [found] = staging.stage([order_of("rows", source, None)], "mesh/test", None).values()
    numbers = ["BIGINT", "VARCHAR", "DECIMAL(9,2)", "BOOLEAN"]
    times = ["TIMESTAMP", "DATE", "DOUBLE"]
    assert list(found.types.values()) == [*numbers, *times, "BLOB", "VARCHAR", "DOUBLE", "BIGINT"]


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP"])
def test_a_window_is_exact_in_every_form_of_time(tmp_path: Path, kind: str) -> None:
    times = ["2024-01-04", "2024-01-05", "2024-01-06"]
    if kind == "TIMESTAMP":
        times = ["2024-01-04 23:59:59.999999", "2024-01-05", "2024-01-05T00:00:00", "2024-01-05 23:59:59.9"]
        times += ["2024-01-06", "2024-01-06T00:00:00"]
    values = ", ".join(f"({number}, '{day}')" for number, day in enumerate(times))
    make(tmp_path, "CREATE TABLE t (id INTEGER, day)", f"INSERT INTO t VALUES {values}, (99, NULL)")
    midnight = "" if kind == "DATE" else " 00:00:00"
    part = Range("day", f"2024-01-05{midnight}", f"2024-01-06{midnight}")
    assert read(tmp_path, {"id": "BIGINT"}, part).rows == (1 if kind == "DATE" else 3)
    assert [row for (row,) in rows(tmp_path)] == ([1] if kind == "DATE" else [1, 2, 3])


def test_a_window_of_times_with_a_zone(tmp_path: Path) -> None:
    """The day of Berlin begins and ends at 23:00 of UTC."""
    times = ["2024-01-04T22:59:59Z", "2024-01-05T00:00:00+01:00"]
    times += ["2024-01-04 18:00:00-05:00", "2024-01-06T12:00:00+14:00"]
    values = ", ".join(f"({number}, '{day}')" for number, day in enumerate(times))
    make(tmp_path, "CREATE TABLE t (id INTEGER, day)", f"INSERT INTO t VALUES {values}")
    part = Range("day", "2024-01-04 23:00:00+00:00", "2024-01-05 23:00:00+00:00")
    read(tmp_path, {"id": "BIGINT"}, part)
    assert [row for (row,) in rows(tmp_path)] == [1, 2, 3]


def test_all_tables_are_of_one_snapshot(tmp_path: Path) -> None:
    file = make(tmp_path, "PRAGMA journal_mode = wal", "CREATE TABLE a (v)", "CREATE TABLE b (v)")
    orders = [
        order_of(name, Source.sqlite(name, path=str(file), table=name), {"v": "BIGINT"}, None, tmp_path)
        for name in ("a", "b")
    ]
    with sqlite.opened(orders, "mesh/test", 5) as reader, closing(sqlite3.connect(file)) as writer:
        assert reader.write(orders[0], {"v": "BIGINT"}) == 0
        writer.execute("INSERT INTO b VALUES (1)")
        writer.commit()
        assert reader.write(orders[1], {"v": "BIGINT"}) == 0


@pytest.mark.parametrize("value", ["'5.1.2024'", "'20240105'", "1704412800", "x'00'", "''"])
def test_a_window_leaves_out_no_value_that_is_not_a_time(tmp_path: Path, value: str) -> None:
    make(tmp_path, "CREATE TABLE t (id, day)", f"INSERT INTO t VALUES (1, '2024-01-05'), (2, {value})")
    fault = refused(tmp_path, {"id": "BIGINT"}, Range("day", "2024-01-05", "2024-01-06"))
    assert (fault.code, "column day" in fault.message) == ("S024", True)


def test_a_window_uses_an_index(tmp_path: Path) -> None:
    make(tmp_path, "CREATE TABLE t (id, day TEXT)", "CREATE INDEX by_day ON t (day)")
    with closing(sqlite3.connect(tmp_path / "shop's #1 100%.db")) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT t.id FROM t AS t WHERE t.day >= '2024-01-04' AND t.day < '2024-01-08'"
        ).fetchall()
    assert "USING INDEX by_day" in plan[0][3]


def test_a_writer_in_another_process(tmp_path: Path) -> None:
    file = make(tmp_path, "CREATE TABLE t (v INTEGER)", "INSERT INTO t VALUES (1)")
    code = f"import sqlite3; c = sqlite3.connect({str(file)!r}, isolation_level=None);"
    code += "c.execute('BEGIN EXCLUSIVE'); print(1, flush=True); input()"
    writer = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True)
    assert writer.stdout is not None
    writer.stdout.readline()
    try:
        fault = refused(tmp_path, {"v": "BIGINT"})
    finally:
        writer.communicate("\n")
    assert (fault.code, "database is locked" in fault.message) == ("S022", True)
    assert read(tmp_path, {"v": "BIGINT"}).rows == 1


def test_a_write_ahead_log_is_read(tmp_path: Path) -> None:
    file = make(tmp_path, "PRAGMA journal_mode = wal", "CREATE TABLE t (v INTEGER)")
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("INSERT INTO t VALUES (7)")
        writer.commit()
        assert read(tmp_path, {"v": "BIGINT"}).rows == 1


@pytest.mark.parametrize(
    ("content", "code"), [(b"no database at all" * 100, "S022"), (b"", "S023")], ids=["another file", "empty"]
)
def test_another_file(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "shop's #1 100%.db").write_bytes(content)
    assert refused(tmp_path, {"v": "BIGINT"}).code == code


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    file = make(
        tmp_path,
        "CREATE TABLE t (v INTEGER, w TEXT)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000)"
        " INSERT INTO t SELECT i, hex(randomblob(50)) FROM n",
    )
    file.write_bytes(file.read_bytes()[:100_000])
    assert refused(tmp_path, {"v": "BIGINT"}).code in ("S022", "S025")


def test_a_table_or_column_that_is_gone(tmp_path: Path) -> None:
    make(tmp_path, "CREATE TABLE other (v INTEGER)")
    assert refused(tmp_path, {"v": "BIGINT"}).code == "S023"
    make(tmp_path, "CREATE TABLE t (w INTEGER)")
    fault = refused(tmp_path, {"v": "BIGINT"})
    assert (fault.code, "has no column v" in fault.message) == ("S023", True)


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    make(tmp_path, "CREATE TABLE t (v TEXT)", "INSERT INTO t VALUES (CAST(x'ff41424344' AS TEXT))")
    fault = refused(tmp_path, {"v": "VARCHAR"})
    assert (fault.code, "not UTF-8" in fault.message, "ABCD" in fault.message) == ("S025", True, False)


def test_a_view_is_read(tmp_path: Path) -> None:
    make(
        tmp_path,
        "CREATE TABLE t (v INTEGER)",
        "INSERT INTO t VALUES (1), ('x')",
        "CREATE VIEW w AS SELECT v FROM t WHERE typeof(v) = 'integer'",
    )
    assert read(tmp_path, {"v": "BIGINT"}, table="w").rows == 1
