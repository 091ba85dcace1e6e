"""Tables of DuckDB files: types that Parquet has not, views, and a writer in another process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from platform_core.diagnostics import Diagnostic, SourceError
from platform_core.sources.order import Range, Staged
from platform_core.sources.source import Source
from platform_core.sources.stage_process import stage
from platform_core.sources.staging import Staging, order_of

pytestmark = pytest.mark.full

HUGE = "170141183460469231731687303715884105727"


def make(tmp_path: Path, *statements: str) -> Path:
    file = tmp_path / "it's.duckdb"
    with duckdb.connect(file) as connection:
        for statement in statements:
            connection.execute(statement)
    return file


def staging(
    tmp_path: Path, columns: Mapping[str, str], part: Range | None = None, table: str = "t"
) -> Staging:
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    source = Source.duckdb("shop/t", path=str(tmp_path / "it's.duckdb"), table=table)
    return Staging({"rows": order_of("rows", source, columns, part, out)}, "mesh/test", None)


def read(tmp_path: Path, columns: Mapping[str, str], part: Range | None = None, table: str = "t") -> Staged:
    order = staging(tmp_path, columns, part, table).orders["rows"]
    return Staged(**stage([order], "mesh/test", 60)["rows"])


def refused(tmp_path: Path, columns: Mapping[str, str], table: str = "t") -> Diagnostic:
    with pytest.raises(SourceError) as error:
        read(tmp_path, columns, table=table)
    [fault] = error.value.diagnostics
    return fault


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("HUGEINT", HUGE),
        ("UHUGEINT", "340282366920938463463374607431768211455"),
        ("INTERVAL", "'-1 month 2 days 3 microseconds'"),
        ("TIME WITH TIME ZONE", "'12:30:00+05:30'"),
        ("DECIMAL(38,10)", "'1234567890123456789012345678.0123456789'"),
        ("TIMESTAMP_NS", "'2024-01-01 00:00:00.123456789'"),
        ("UUID", "'7d444840-9dc0-11d1-b245-5ffdce74fad2'"),
        ("INTEGER[]", "[1, NULL]"),
        ("BIT", "'101'"),
    ],
)
def test_a_value_is_kept(tmp_path: Path, kind: str, value: str) -> None:
    file = make(tmp_path, f"CREATE TABLE t AS SELECT CAST({value} AS {kind}) AS v UNION ALL SELECT NULL")
    staged = staging(tmp_path, {"v": kind})
    staged.read()
    with duckdb.connect(file) as connection:
        kept = f"SELECT count(*) FROM ({staged.query('rows')}) EXCEPT ALL SELECT count(*) FROM t"
        assert connection.execute(kept).fetchall() == []
        differences = f"({staged.query('rows')}) EXCEPT ALL FROM t"
        assert connection.execute(differences).fetchall() == []


def test_a_nested_type_that_parquet_has_not(tmp_path: Path) -> None:
    make(tmp_path, f"CREATE TABLE t AS SELECT [{HUGE}::HUGEINT] AS v")
    assert refused(tmp_path, {"v": "HUGEINT[]"}).code == "S024"


def test_columns_and_window(tmp_path: Path) -> None:
    make(
        tmp_path,
        "CREATE SCHEMA s",
        "CREATE TABLE s.t AS SELECT range AS id, DATE '2024-01-01' + range::INT AS day FROM range(10)",
    )
    part = Range("day", "2024-01-05", "2024-01-07")
    assert read(tmp_path, {"id": "BIGINT"}, part, "s.t").rows == 2


def test_a_writer_in_another_process(tmp_path: Path) -> None:
    file = make(tmp_path, "CREATE TABLE t AS SELECT 1 AS v")
    code = f"import duckdb; c = duckdb.connect({str(file)!r}); print(1, flush=True); input()"
    writer = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True)
    assert writer.stdout is not None
    writer.stdout.readline()
    try:
        fault = refused(tmp_path, {"v": "INTEGER"})
    finally:
        writer.communicate("\n")
    assert (fault.code, f"PID {writer.pid}" in fault.message) == ("S022", True)
    assert read(tmp_path, {"v": "INTEGER"}).rows == 1
    duckdb.connect(file).close()  # nothing holds it


def test_a_view_reads_no_other_file(tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "secret.csv"
    other.parent.mkdir()
    other.write_text("v\n1\n")
    make(tmp_path, "CREATE TABLE t AS SELECT 1 AS v", f"CREATE VIEW w AS FROM read_csv('{other}')")
    make(tmp_path, "CREATE OR REPLACE VIEW x AS FROM t")
    assert refused(tmp_path, {"v": "BIGINT"}, "w").code == "S025"
    assert read(tmp_path, {"v": "INTEGER"}, table="x").rows == 1


def test_faults(tmp_path: Path) -> None:
    make(tmp_path, "CREATE TABLE t AS SELECT 'a' AS v, 'b' AS w")
    fault = refused(tmp_path, {"v": "BIGINT"})
    assert (fault.code, "was BIGINT and is VARCHAR now" in fault.message) == ("S023", True)
    assert refused(tmp_path, {"v": "VARCHAR"}, "other").code == "S023"
    (tmp_path / "it's.duckdb").write_bytes(b"hello" * 1000)
    fault = refused(tmp_path, {"v": "VARCHAR"})
    assert (fault.code, "not a valid DuckDB database" in fault.message) == ("S022", True)
