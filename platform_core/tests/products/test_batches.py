"""What a stream's function is given and what it yields, without a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from platform_core import Batch, Source
from platform_core.errors import DefinitionError, Place, SourceError
from platform_core.products.batch import first_rows, yielded
from platform_core.products.inbox import deliveries

PLACE = Place(Path("products.py"))


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
    batch = found["a.csv"].batch("lines")
    assert str(batch) == '(SELECT * FROM "lines/a.csv")'
    assert batch.query.endswith(f"read_csv('{tmp_path / 'a.csv'}')")


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
        ("a.csv", b"id,page\n1,home\n2,ho", "its last line does not end"),
        ("a.parquet", b"PAR1" + b"x" * 50, "its end is missing"),
        ("a.parquet", b"x" * 50 + b"\x01\0\0\0PAR1", "its beginning is missing"),
        ("a.parquet", b"PAR1" + b"x" * 50 + b"\0\xff\0\0PAR1", "it is shorter than its own footer says"),
    ],
)
def test_a_half_written_file_is_told_from_a_whole_one(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    source = inbox(tmp_path, "a.*")
    with pytest.raises(SourceError) as error:
        deliveries(source)[name].require_whole(source)
    (fault,) = error.value.diagnostics
    assert fault.code == "S010"
    assert fault.message.endswith(reason)


def test_a_whole_csv_is_whole(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id\n1\n")
    source = inbox(tmp_path)
    deliveries(source)["a.csv"].require_whole(source)


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
def test_what_is_no_batch_is_refused(result: object) -> None:
    with pytest.raises(DefinitionError) as error:
        list(yielded(result, "shop/clicks", PLACE))
    assert [fault.code for fault in error.value.diagnostics] == ["D053"]


def test_only_rows_in_sql_stand_in_sql() -> None:
    assert f"FROM {Batch('a', 'SELECT 1')}" == "FROM (SELECT 1)"
    with pytest.raises(DefinitionError, match="D054"):
        str(Batch("a", [1]))
