"""The record of queries: whole lines despite parallel writers, and no query's text."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

import pytest
from small_mesh import SmallMesh

from platform_core.access.query_log import queries, record_of, record_query
from platform_core.cli import main

WRITER = """
from pathlib import Path
from platform_core.access.query_log import record_query
for number in range(200):
    record_query(Path({home!r}), "domain:{name}", ["sales/" + "x" * number])
"""


def test_lines_of_many_writers_stay_whole(tmp_path: Path) -> None:
    writers = [
        Popen([sys.executable, "-c", WRITER.format(home=str(tmp_path), name=name)]) for name in ("a", "b")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = list(queries(tmp_path))
    for name in ("a", "b"):
        own = [read.products[0] for read in found if read.principal == f"domain:{name}"]
        assert own == ["sales/" + "x" * number for number in range(200)]


def test_half_a_line_is_skipped(tmp_path: Path) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    assert record_query(tmp_path, "analysts", ["b/y", "a/x"], at)
    with record_of(tmp_path).open("a") as file:
        file.write('{"time": "2026-\n[]\n')
    assert record_query(tmp_path, "analysts", ["a/x"], at)
    assert [(read.at, read.products) for read in queries(tmp_path)] == [(at, ("a/x", "b/y")), (at, ("a/x",))]


@pytest.fixture
def home(mesh: SmallMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder for one test, over shared lakes."""
    monkeypatch.delenv("MESH_CONTRACTS", raising=False)
    monkeypatch.setenv("MESH_ROOT", str(mesh.root))
    monkeypatch.setenv("MESH_LAKE", str(mesh.lakes.root))
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    return tmp_path


def test_a_query_is_recorded_without_its_text(home: Path) -> None:
    assert main(["query", "SELECT amount FROM sales.transactions WHERE amount <> 4711"]) == 0
    assert main(["query", "--as", "domain:hr", "SELECT no_such_column FROM sales.transactions"]) == 2

    assert [(read.principal, read.products) for read in queries(home)] == [
        ("analysts", ("sales/transactions",))
    ]
    assert "4711" not in record_of(home).read_text()
    assert record_of(home).stat().st_mode & 0o077 == 0


def test_a_reader_that_cannot_write_the_record_still_reads(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_of(home).parent.write_text("in the way")

    assert main(["query", "--format", "csv", "SELECT count(*) AS n FROM sales.transactions"]) == 0

    said = capsys.readouterr()
    assert said.out == "n\n3\n"
    assert "is not recorded" in said.err
