"""``mesh diff``: what it prints in each format, and to whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_mesh import ROWS, SmallMesh, published_mesh

from platform_core.cli import main
from platform_core.lake.connect import connect
from platform_core.lake.versions import stamps

Captured = pytest.CaptureFixture[str]
OLD = "SELECT range AS id, CASE WHEN range > 0 THEN range * 1.5 END::DOUBLE AS amount FROM range(3)"
NEW = "SELECT range + 1 AS id, range * 1.5::DOUBLE AS amount, '|' AS mark FROM range(1200)"


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallMesh:
    mesh = published_mesh(tmp_path)
    monkeypatch.setenv("MESH_ROOT", str(tmp_path))
    return mesh


def printed(capsys: Captured, *words: str) -> str:
    capsys.readouterr()
    assert main(["diff", *words]) == 0
    return capsys.readouterr().out


def numbers(mesh: SmallMesh) -> list[int]:
    with connect(mesh.lakes, read=["sales"]) as con:
        return sorted(number for number, _, _ in stamps(con, "sales", "sales/transactions"))


def test_the_document(mesh: SmallMesh, capsys: Captured) -> None:
    mesh.publish("sales/transactions", NEW)
    document: dict[str, Any] = json.loads(printed(capsys, "sales.transactions", "--json"))
    old, new = numbers(mesh)
    assert document == {
        "format": "platform-core/diff",
        "version": 1,
        "product": "sales/transactions",
        "from": old,
        "to": new,
        "rows": {"added": 1198, "removed": 1, "changed": 2, "same": 0},
        "columns": {
            "amount": {
                "changed": 2,
                "examples": document["columns"]["amount"]["examples"],
            }
        },
        "schema": {"added": {"mark": "VARCHAR"}, "removed": {}, "retyped": {}},
    }
    examples = sorted(document["columns"]["amount"]["examples"], key=str)
    assert examples == [
        {"key": {"id": "1"}, "old": "1.5", "new": "0.0"},
        {"key": {"id": "2"}, "old": "3.0", "new": "1.5"},
    ]


def test_a_table_for_people(mesh: SmallMesh, capsys: Captured) -> None:
    mesh.publish("sales/transactions", "SELECT 1 AS id, NULL::DOUBLE AS amount")
    mesh.publish("sales/transactions", "SELECT 1 AS id, 2::DECIMAL(9,2) AS amount")
    _, old, new = numbers(mesh)
    assert printed(capsys, "sales/transactions").splitlines() == [
        f"sales/transactions: version {old} to {new}",
        "",
        "rows added  rows removed  rows changed  rows same",
        "         0             0             1          0",
        "",
        "column  difference                                     example",
        "amount  was DOUBLE, is DECIMAL(9,2), compared as text",
        "amount  1 changed                                      id 1: NULL -> 2.00",
    ]


def test_a_table_for_a_pull_request(mesh: SmallMesh, capsys: Captured) -> None:
    mesh.publish("sales/transactions", OLD)
    mesh.publish("sales/transactions", NEW.replace("1200", "1").replace("+ 1", ""))
    _, old, new = numbers(mesh)
    assert printed(capsys, "sales/transactions", "--format", "markdown").splitlines() == [
        f"sales/transactions: version {old} to {new}",
        "",
        "| rows added | rows removed | rows changed | rows same |",
        "| ---: | ---: | ---: | ---: |",
        "| 0 | 2 | 1 | 0 |",
        "",
        "| column | difference | example |",
        "| --- | --- | --- |",
        "| mark | added, VARCHAR |  |",
        "| amount | 1 changed | id 0: NULL -> 0.0 |",
    ]


def test_the_same_content(mesh: SmallMesh, capsys: Captured) -> None:
    mesh.publish("sales/transactions", f"{ROWS} ORDER BY id DESC")
    old, new = numbers(mesh)
    assert printed(capsys, "sales/transactions").splitlines() == [
        f"sales/transactions: version {old} to {new}, the same content",
        "",
        "rows added  rows removed  rows changed  rows same",
        "         0             0             0          3",
    ]


def test_one_version(mesh: SmallMesh, capsys: Captured) -> None:
    [only] = numbers(mesh)
    words = f"nothing to compare, version {only} is the only one that the lake keeps"
    for form in ("table", "markdown"):
        out = printed(capsys, "sales/transactions", "--format", form)
        assert out == f"sales/transactions: {words}\n"
    document = json.loads(printed(capsys, "sales/transactions", "--json"))
    assert (document["from"], document["to"]) == (None, only)


def test_why_there_are_no_columns(mesh: SmallMesh, capsys: Captured) -> None:
    mesh.publish("hr/employees", OLD)
    restricted = printed(capsys, "hr/employees", "--as", "domain:hr")
    assert restricted.splitlines()[-1] == "hr/employees is restricted: only its rows are counted."
    assert "1.5" not in restricted
    mesh.publish("sales/transactions", f"{ROWS} UNION ALL {ROWS}")
    assert "Whole rows are compared" in printed(capsys, "sales/transactions")


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["sales/transactions", "--as", "analysts"], 0, ""),
        (["sales/costs"], 1, "A001"),
        (["sales/costs", "--as", "domain:hr"], 1, "A001"),
        (["sales/costs", "--as", "domain:sales"], 0, ""),
        (["hr/employees"], 1, "A002"),
        (["hr/payroll"], 1, "A002"),
        (["hr/payroll", "--as", "domain:sales"], 1, "A002"),
        (["sales/costs", "--as", "domain:nobody"], 2, "U042"),
        (["sales/later"], 1, "R020"),
        (["sales/transactions", "--against", "99"], 1, "R023"),
        (["sales/transactions", "--against", "2001-01-01"], 1, "R023"),
        (["sales/transactions", "--against", "yesterday"], 2, "U094"),
        (["sales/nothing"], 2, "U043"),
    ],
)
def test_refusals_are_those_of_a_query(
    mesh: SmallMesh, capsys: Captured, words: list[str], status: int, code: str
) -> None:
    assert main(["diff", *words]) == status
    said = capsys.readouterr()
    assert (f"error[{code}]" in said.err) is bool(code)
    assert bool(said.out) is not bool(code)
