"""The inputs and the result of a stream's function, without a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from platform_core import Batch, Source
from platform_core.diagnostics import DefinitionError, Place, SourceError
from platform_core.products.batch import first_rows, yielded
from platform_core.products.inputs.inbox import batches, deliveries, unmatched

PLACE = Place(Path("products.py"))
AHEAD = 4_000_000_000
"""A time of change that no clock has reached: somebody is writing."""


def inbox(folder: Path, pattern: str = "*.csv") -> Source:
    return Source("till/inbox", path=str(folder / pattern))


def test_an_inbox_is_a_pattern(tmp_path: Path) -> None:
    source = inbox(tmp_path)
    assert source.inbox
    assert not source.tabular
    for name in ("b", "a"):
        (tmp_path / f"{name}.csv").write_text("id\n1\n")
    (tmp_path / "c.csv.part").write_text("id\n")
    found = deliveries(source)
    assert list(found) == ["a.csv", "b.csv"]
    batch = batches(source, "lines")[0]
    assert (batch.id, str(batch)) == ("a.csv", '(SELECT * FROM "lines/1/a.csv")')
    assert f"read_csv('{tmp_path / 'a.csv'}', sample_size = -1" in batch.query


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("*/*.csv", ["1/x.csv", "1/y [1].csv", "[2]/x.csv"]),
        ("**/*.csv", ["1/x.csv", "1/y [1].csv", "[2]/x.csv", "x.csv"]),
        ("[2]/*.csv", ["x.csv"]),
        ("[2]/?.csv", ["x.csv"]),
        ("*/x.csv", ["1/x.csv", "[2]/x.csv"]),
        ("*/y [1].csv", ["1/y [1].csv"]),
        ("1/[xy]*.CSV", ["x.CSV"]),
    ],
)
def test_an_id_is_the_path_that_the_pattern_leaves_open(path: str, ids: list[str], tmp_path: Path) -> None:
    for name in ("x.csv", "1/x.csv", "[2]/x.csv", "1/y [1].csv", "2/x.txt", "1/x.CSV"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("id\n1\n")
    assert list(deliveries(inbox(tmp_path, path))) == ids


def test_a_name_with_brackets_or_capitals_is_a_file() -> None:
    for name in ("data [2024].csv", "UPPER.CSV"):
        source = Source("till/data", path=name)
        assert (source.inbox, source.tabular) == (False, True)


def test_unmatched_files_are_reported_once_they_are_complete(tmp_path: Path) -> None:
    names = ("a.csv", "B.CSV", "deep/c.csv", "d.json", ".e.csv", ".git/f.csv", "g.csv.part")
    for name in names:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("id\n1\n")
        os.utime(file, (AHEAD, AHEAD) if name.endswith(".part") else (1, 1))
    sources = [inbox(tmp_path), inbox(tmp_path, "*.json"), Source("till/one", path="one.csv")]
    assert unmatched(sources) == [str(tmp_path / "B.CSV"), str(tmp_path / "deep/c.csv")]


def test_a_file_that_changed_has_another_stamp(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    before = deliveries(inbox(tmp_path))["a.csv"].stamp
    os.utime(path, (1, 1))
    assert deliveries(inbox(tmp_path))["a.csv"].stamp != before


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "it is empty"),
        (
            "a.csv",
            b"id,page\n1,home\n2,ho",
            "end, and it has changed in the last 60 seconds",
        ),
        ("a.json", b'[\n{"id": 1},\n{"id": 2},\n', "its first bracket is not closed"),
        ("a.json", b'[\n{"id": 1},\n{"id": 2}', "its first bracket is not closed"),
        ("a.json", b'{"id": 1}\n{"id": 2, "page', "its first bracket is not closed"),
        ("a.json", b'{\n "rows": [\n', "its first bracket is not closed"),
        ("a.parquet", b"PAR1" + b"x" * 50, "its end is missing"),
        ("a.parquet", b"x" * 50 + b"\x01\0\0\0PAR1", "its beginning is missing"),
        ("a.parquet", b"PAR1" + b"x" * 50 + b"\0\xff\0\0PAR1", "it is shorter than its footer"),
    ],
)
def test_an_incomplete_file_is_recognized(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    os.utime(tmp_path / name, (AHEAD, AHEAD))
    source = inbox(tmp_path, "a.*")
    with pytest.raises(SourceError) as error:
        deliveries(source)[name].require_whole(source)
    (fault,) = error.value.diagnostics
    assert fault.code == "S010"
    assert fault.message.endswith(reason)


@pytest.mark.parametrize(
    ("name", "content", "changed"),
    [
        ("a.csv", b"id\n1\n", AHEAD),
        ("A.CSV", b"id\n1\r\n", AHEAD),
        ("a.csv", b"id\n1", 1),
        ("a.json", b'[{"id": 1}]', AHEAD),
        ("a.json", b'\xef\xbb\xbf\n[{"id": 1}\n] \r\n', AHEAD),
        ("a.json", b'{"id": 1}\n{"id": 2}', AHEAD),
        ("a.json", b'{"id": 1}\n\n', AHEAD),
    ],
)
def test_a_whole_file_is_whole(name: str, content: bytes, changed: int, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    os.utime(tmp_path / name, (changed, changed))
    source = inbox(tmp_path, "*.*")
    deliveries(source)[name].require_whole(source)


@pytest.mark.parametrize(("pattern", "code"), [("in/*.csv", "S011"), ("*.txt", "S012")])
def test_an_inbox_that_cannot_be_read_is_one_diagnostic(tmp_path: Path, pattern: str, code: str) -> None:
    (tmp_path / "a.txt").write_text("1\n")
    with pytest.raises(SourceError) as error:
        deliveries(inbox(tmp_path, pattern))
    assert [fault.code for fault in error.value.diagnostics] == [code]


def test_rows_are_made_when_they_are_asked_for() -> None:
    asked = []

    def batches():
        for name in ("a", "b"):
            yield Batch(name, lambda name=name: asked.append(name) or f"SELECT '{name}'")

    found = list(yielded(batches(), "shop/clicks", PLACE))
    assert asked == []
    assert found[1].made() == "SELECT 'b'"
    assert asked == ["b"]
    assert first_rows(batches(), "shop/clicks", PLACE) == "SELECT 'a'"


@pytest.mark.parametrize("result", ["SELECT 1", None, [1], Batch(" ", "SELECT 1")])
def test_other_values_than_batches_are_refused(result: object) -> None:
    with pytest.raises(DefinitionError) as error:
        list(yielded(result, "shop/clicks", PLACE))
    assert [fault.code for fault in error.value.diagnostics] == ["D053"]


def test_only_rows_in_sql_stand_in_sql() -> None:
    assert f"FROM {Batch('a', 'SELECT 1')}" == "FROM (SELECT 1)"
    with pytest.raises(DefinitionError, match="D054"):
        str(Batch("a", [1]))
