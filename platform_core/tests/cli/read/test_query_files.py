"""The formats of ``mesh query``: exact values, and files that are whole or not there."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow.ipc
import pyarrow.parquet
import pytest
from small_mesh import SmallMesh

from platform_core.cli import main
from platform_core.cli.grammar import VERBS

VALUES = """\
SELECT i, NULL AS nothing, '' AS empty, 'NULL' AS word, ' a,"b"\n|c' AS text, 1.10::DECIMAL(38, 2) AS money,
  [1.10, NULL] AS list, {'k': 'ä', 'when': DATE '2020-01-02'} AS struct, MAP {'a': 1} AS map,
  0.1::FLOAT AS tenth, 'infinity'::DOUBLE AS inf, 'NaN'::DOUBLE AS nan, '-infinity'::TIMESTAMP AS never,
  '\\x00\\xFFz'::BLOB AS blob,
  INTERVAL '1 month 2 days' AS span, TIMESTAMPTZ '2024-01-01 12:00:00+02' AS zoned,
  170141183460469231731687303715884105727 AS huge, '101'::BIT AS bits, true AS yes,
  '00000000-0000-0000-0000-000000000001'::UUID AS uuid, 1 AS twice, 2 AS twice
FROM range(3) t(i) ORDER BY i"""
SLOW = "SELECT sum(hash(a.i + b.i)) AS n FROM range(100000000) a(i), range(1000) b(i)"


@pytest.fixture(autouse=True)
def at_the_mesh(mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MESH_ROOT", str(mesh.root))
    monkeypatch.chdir(tmp_path)


def texts() -> list[list[str | None]]:
    """The values as DuckDB casts them to text."""
    with duckdb.connect() as plain:
        plain.execute("SET TimeZone = 'UTC'")
        return [list(row) for row in plain.sql(VALUES).project("CAST(COLUMNS(*) AS VARCHAR)").fetchall()]


def written(format: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["query", VALUES, "--format", format]) == 0
    return capsys.readouterr().out


def test_csv_is_the_engine_s_text_and_keeps_null_apart_from_the_empty_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = written("csv", capsys)
    assert text.splitlines()[1].startswith('0,,"",NULL," a,""b""')
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0][-2:] == ["twice", "twice"]
    assert rows[1:] == [["" if value is None else value for value in row] for row in texts()]
    Path("x.csv").write_text(text)
    options = "all_varchar = true, allow_quoted_nulls = false"
    read = f"SELECT nothing IS NULL, empty = '' FROM read_csv('x.csv', {options})"
    assert duckdb.execute(read).fetchall() == [(True, True)] * 3


def test_a_table_and_markdown_have_every_value(capsys: pytest.CaptureFixture[str]) -> None:
    table, markdown = written("table", capsys), written("markdown", capsys)
    for row in texts():
        for value in row:
            shown = "NULL" if value is None else value.replace("\n", "\\n")
            assert shown in table
            escaped = "NULL" if value is None else value.replace("\\", "\\\\").replace("|", "\\|")
            assert escaped.replace("\n", "<br>") in markdown
    assert {line.count(" | ") for line in markdown.splitlines()} == {21}


def test_json_is_valid_with_the_engine_s_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    def no_constant(name: str) -> None:
        raise AssertionError(name)

    document = json.loads(written("json", capsys), parse_constant=no_constant, parse_float=str)
    lines = [
        json.loads(line, parse_constant=no_constant, parse_float=str)
        for line in written("jsonl", capsys).splitlines()
    ]
    assert document["rows"] == lines
    expected = {"i": 2, "nothing": None, "empty": "", "word": "NULL", "text": ' a,"b"\n|c', "money": "1.10"}
    expected |= {"list": ["1.1", None], "struct": {"k": "ä", "when": "2020-01-02"}, "map": {"a": 1}}
    expected |= {"inf": "Infinity", "nan": "NaN", "never": "-infinity", "blob": "\\x00\\xFFz", "bits": "101"}
    expected |= {"span": "1 month 2 days", "zoned": "2024-01-01 10:00:00+00", "yes": True}
    expected |= {"huge": 2**127 - 1, "uuid": "00000000-0000-0000-0000-000000000001"}
    expected |= {"tenth": "0.10000000149011612", "twice": 1, "twice_2": 2}
    assert lines[2] == expected


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_parquet_and_arrow_keep_the_types(ending: str) -> None:
    sql = VALUES.replace("170141183460469231731687303715884105727", "5::HUGEINT")
    assert main(["query", sql, "-o", f"x.{ending}"]) == 0
    if ending == "arrow":
        rows = duckdb.from_arrow(pyarrow.ipc.open_file("x.arrow").read_all())
    else:
        rows = duckdb.sql("FROM 'x.parquet'")
    types = dict(zip(rows.columns, map(str, rows.types), strict=True))
    kept = {
        "money": "DECIMAL(38,2)",
        "list": "DECIMAL(3,2)[]",
        "map": "MAP(VARCHAR, INTEGER)",
        "huge": "DECIMAL(38,0)",
    }
    kept |= {"struct": 'STRUCT(k VARCHAR, "when" DATE)', "zoned": "TIMESTAMP WITH TIME ZONE", "blob": "BLOB"}
    kept |= {"tenth": "FLOAT", "twice_2": "INTEGER", "uuid": "UUID", "bits": "VARCHAR"}
    assert kept.items() <= types.items()
    assert types["span"] == ("INTERVAL" if ending == "arrow" else "VARCHAR")
    assert rows.project("i, never::VARCHAR, span::VARCHAR").fetchall()[0] == (
        0,
        "-infinity",
        "1 month 2 days",
    )
    assert main(["query", "FROM sales.transactions WHERE id > 9", "-o", f"none.{ending}"]) == 0
    assert Path(f"none.{ending}").stat().st_size > 100


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_value_without_a_form_in_arrow_is_a_diagnostic(
    ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", "SELECT TIME '24:00:00' AS at", "-o", f"x.{ending}"]) == 2
    assert "error[U040]: the query does not run: a value" in capsys.readouterr().err
    assert not Path(f"x.{ending}").exists()
    # The type of an unnamed struct cannot be written in SQL.
    assert main(["query", "SELECT row(1, 'a') AS pair", "-o", f"x.{ending}"]) == 0


@pytest.mark.full
@pytest.mark.parametrize("format", VERBS["query"].formats)
def test_a_limit_and_no_limit_across_batches(format: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A file has all rows, and every format leaves out the same rows."""
    sql = "SELECT i FROM range(130000) t(i), sales.transactions WHERE id = 0 ORDER BY i"
    assert main(["query", sql, "--format", format, "-o", "all"]) == 0
    assert capfd.readouterr().err == ""
    for limit, more in ((3, True), (122_881, True), (130_000, False), (130_001, False), (0, False)):
        assert main(["query", sql, "--format", format, "-o", "some", "--limit", str(limit)]) == 0
        assert (capfd.readouterr().err != "") == more, limit
        if format == "parquet":
            count = duckdb.execute("SELECT count(*), max(i) FROM read_parquet('some')").fetchall()
            assert count == [(min(limit or 130_000, 130_000), min(limit or 130_000, 130_000) - 1)]
    assert (Path("some").read_bytes() == Path("all").read_bytes()) or format == "parquet"


def test_the_ending_names_the_format(capsys: pytest.CaptureFixture[str]) -> None:
    for name, start in {
        "a.csv": b"n\n1",
        "b.JSON": b"{\n",
        "c.ndjson": b'{"n',
        "d.md": b"| n",
        "e.txt": b"n\n1",
    }.items():
        assert main(["query", "SELECT 1 AS n", "-o", name]) == 0
        assert Path(name).read_bytes().startswith(start) or name == "e.txt"
    assert main(["query", "SELECT 1 AS n", "-o", "f.csv", "--json"]) == 0
    assert Path("f.csv").read_text().startswith("{")
    assert capsys.readouterr().out == ""
    for name in ("g", "g.xlsx", ".csv"):
        assert main(["query", "SELECT 1 AS n", "-o", name]) == 2
        assert f"error[U094]: the ending of {name} names no format" in capsys.readouterr().err


def test_a_file_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name in ("nowhere/x.csv", "folder.csv", "/dev/full", "/dev/null", "x" * 300 + ".csv"):
        words = ["query", "SELECT 1 AS n", "-o", name, *(["--format", "csv"] if "/dev" in name else [])]
        assert main(words) == 2, name
        assert "error[U068]" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
@pytest.mark.parametrize(
    ("sql", "status"),
    [
        ("SELECT * FROM hr.employees", 1),
        ("SELECT nope", 2),
        ("SELECT CASE WHEN i < 300000 THEN i ELSE error('no') END AS i FROM range(400000) r(i)", 2),
    ],
)
def test_after_a_fault_the_old_file_stays(
    sql: str, status: int, ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"x.{ending}").write_text("before")
    assert main(["query", sql, "-o", f"x.{ending}"]) == status
    assert capsys.readouterr().err.startswith("error[")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {f"x.{ending}": "before"}


def test_a_link_stays_one_and_permissions_stay(tmp_path: Path) -> None:
    (tmp_path / "target.csv").write_text("before")
    (tmp_path / "target.csv").chmod(0o640)
    (tmp_path / "x.csv").symlink_to("target.csv")
    assert main(["query", "SELECT 1 AS n", "-o", "x.csv"]) == 0
    assert (tmp_path / "x.csv").is_symlink()
    assert (tmp_path / "target.csv").read_text() == "n\n1\n"
    assert (tmp_path / "target.csv").stat().st_mode & 0o777 == 0o640


def start(
    mesh: SmallMesh, folder: Path, *words: str, before: Callable[[], None] | None = None
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "platform_core.cli", "query", *words]
    environment = {**os.environ, "MESH_ROOT": str(mesh.root)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, preexec_fn=before)


@pytest.mark.full
@pytest.mark.parametrize("ending", ["csv", "json", "parquet", "arrow"])
def test_a_disk_that_fills_up(mesh: SmallMesh, tmp_path: Path, ending: str) -> None:
    (tmp_path / f"x.{ending}").write_text("before")
    sql = "SELECT hash(i) AS h, hash(i + 1) AS g FROM range(200000) t(i)"

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    out, err = (process := start(mesh, tmp_path, sql, "-o", f"x.{ending}", before=small)).communicate()
    assert (process.returncode, out) == (2, b""), err
    assert err.startswith(f"error[U068]: x.{ending} cannot be written: File too large".encode())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {f"x.{ending}": "before"}


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_query_that_is_stopped_leaves_no_file(
    mesh: SmallMesh, tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "x.csv").write_text("before")
    process = start(mesh, tmp_path, SLOW, "-o", "x.csv")
    while len(list(tmp_path.iterdir())) == 1 and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.5)
    process.send_signal(number)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"interrupted\n")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"x.csv": "before"}


@pytest.mark.full
def test_ctrl_c_at_every_moment(mesh: SmallMesh, tmp_path: Path) -> None:
    sql = "SELECT i, hash(i) FROM range(600000) t(i)"
    whole = 0
    for tenth in range(1, 40):
        (tmp_path / "x.parquet").write_text("before")
        process = start(mesh, tmp_path, sql, "-o", "x.parquet")
        time.sleep(tenth / 20)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"], tenth
        before = (tmp_path / "x.parquet").read_bytes() == b"before"
        if not before:
            whole += 1
            assert duckdb.execute(f"SELECT count(*) FROM '{tmp_path}/x.parquet'").fetchall() == [(600_000,)]
        # Python reports so a Ctrl-C in its own locks and imports.
        assert b"Traceback" not in err or b"Exception ignored" in err or tenth < 5, err
    assert whole < 39


@pytest.mark.full
@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_a_pipe_gets_a_file_or_a_stream(mesh: SmallMesh, tmp_path: Path, format: str) -> None:
    out, err = start(mesh, tmp_path, "SELECT i FROM range(9) t(i)", "--format", format).communicate()
    assert err == b""
    source = pyarrow.BufferReader(out)
    if format == "arrow":
        assert pyarrow.ipc.open_stream(source).read_all().num_rows == 9
    else:
        assert pyarrow.parquet.read_table(source).num_rows == 9
    fault = "SELECT CASE WHEN i < 300000 THEN i ELSE error('no') END AS i FROM range(400000) r(i)"
    out, err = start(mesh, tmp_path, fault, "--limit", "0", "--format", format).communicate()
    assert err.startswith(b"error[U040]")
    assert out == b"" or format == "arrow"


@pytest.mark.full
@pytest.mark.parametrize("format", ["csv", "jsonl", "table", "parquet"])
def test_many_rows_take_little_memory(mesh: SmallMesh, tmp_path: Path, format: str) -> None:
    peaks = []
    for count in (200_000, 3_000_000):
        sql = f"SELECT i, repeat('x', 20) AS text FROM range({count}) t(i)"
        code = f"""
import resource
from platform_core.cli import main
main(["query", {sql!r}, "-o", "x", "--format", {format!r}])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"""
        variables = {**os.environ, "MESH_ROOT": str(mesh.root)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] + 60_000, peaks
