"""``mesh products``, ``mesh show`` and ``mesh query`` in a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_mesh import SmallMesh, published_mesh

from platform_core.cli import main


@pytest.fixture(autouse=True)
def at_the_mesh(mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    visit(mesh.root, monkeypatch)


def visit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MESH_LAKE", "MESH_HOME", "MESH_CONTRACTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MESH_ROOT", str(root))


def test_products_lists_each_with_its_last_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["products", "--wide"]) == 0
    lines = capsys.readouterr().out.splitlines()
    [line] = [line for line in lines if line.startswith("sales/transactions")]
    for words in ("sales-team", "active 1.2.0", "3", "ago", "2 days", "All about sales/transactions."):
        assert words in line
    [line] = [line for line in lines if line.startswith("sales/later")]
    assert "never" in line


def test_products_of_one_domain_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["products", "--domain", "hr", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [entry["product"] for entry in document["products"]] == [
        "hr/employees",
        "hr/payroll",
        "hr/staffing",
    ]
    assert document["diagnostics"] == []
    published = document["products"][0]["published"]
    assert (published["rows"], published["run_id"]) == (3, "run-1")
    assert published["bytes"] > 0


def test_products_of_an_unknown_domain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["products", "--domain", "sale"]) == 2
    assert 'did you mean "sales"?' in capsys.readouterr().err


def test_a_broken_contract_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh = published_mesh(tmp_path)
    broken = mesh.contract("hr/staffing")
    broken.write_text(broken.read_text().replace("properties:", "propertys:"))
    visit(tmp_path, monkeypatch)
    assert main(["products"]) == 1
    output = capsys.readouterr()
    assert "sales/transactions" in output.out
    assert "hr/employees" in output.out
    assert "staffing.odcs.yaml" in output.err
    assert "propertys" in output.err
    assert main(["products", "--domain", "sales"]) == 0


def test_show_has_everything_for_an_analyst(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "sales.transactions"]) == 0
    shown = capsys.readouterr().out
    for words in (
        "All about sales/transactions.",
        "Join it.",
        "It is small.",
        "team:sales-team",
        "sales@example.com",
        "Never older than 2 days.",
        "domain:hr",
        "pseudonymous",
        "unique__id",
        'mesh query "SELECT * FROM sales.transactions LIMIT 10"',
        "3 rows",
        "run-1",
        "domains/sales/contracts/transactions.odcs.yaml",
    ):
        assert words in shown


def test_show_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "hr/employees", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    channels = [{"name": "#hr", "tool": "slack", "url": None}]
    reached = {"name": "Team of hr", "email": "hr@example.com", "channels": channels}
    assert document["owner"] == {"team": "hr-team", **reached}
    assert document["restricted"] is True
    assert [column["name"] for column in document["columns"]] == ["id", "amount"]
    assert document["published"]["rows"] == 3
    assert "--as domain:hr" in document["read"][0]


def test_show_of_an_unknown_product(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "sales/transaction"]) == 2
    assert 'did you mean "sales/transactions"?' in capsys.readouterr().err


QUERY = "SELECT id, amount FROM sales.transactions ORDER BY id"


def test_query_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", QUERY]) == 0
    output = capsys.readouterr()
    assert [line.split() for line in output.out.splitlines()] == [
        ["id", "amount"],
        ["0", "0.0"],
        ["1", "1.5"],
        ["2", "3.0"],
    ]
    assert output.err == ""


def test_query_as_csv_with_a_limit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", QUERY, "--format", "csv", "--limit", "2"]) == 0
    output = capsys.readouterr()
    assert output.out == "id,amount\n0,0.0\n1,1.5\n"
    assert output.err == "first 2 rows; --limit 0 shows all\n"


@pytest.mark.parametrize("limit", ["0", "3", "20001"])
def test_query_with_all_rows_has_no_note(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", QUERY, "--format", "csv", "--limit", limit]) == 0
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 4
    assert output.err == ""


def test_query_limit_across_batches(capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT i FROM sales.transactions, range(20000) AS r(i)"
    assert main(["query", sql, "--format", "csv", "--limit", "25000"]) == 0
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 25_001
    assert "first 25000 rows" in output.err


def test_query_as_json_has_the_engine_s_own_json(capsys: pytest.CaptureFixture[str]) -> None:
    sql = (
        "SELECT 1 AS a, 2 AS a, NULL AS n, 'NaN'::DOUBLE AS x, 1.50::DECIMAL(5, 2) AS d, "
        "12345678901234567.89::DECIMAL(38, 2) AS e, "
        "TIMESTAMP '2017-01-01' AS t, [DATE '2017-01-02'] AS l, {'k': 'ä'} AS s, '\\xFF'::BLOB AS b"
    )
    assert main(["query", sql, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    [row] = document["rows"]
    assert document["complete"] is True
    assert document["columns"][:2] == [{"name": "a", "type": "INTEGER"}, {"name": "a_2", "type": "INTEGER"}]
    assert row == {
        "a": 1,
        "a_2": 2,
        "n": None,
        "x": "NaN",
        "d": 1.5,
        "e": 12345678901234567.89,
        "t": "2017-01-01 00:00:00",
        "l": ["2017-01-02"],
        "s": {"k": "ä"},
        "b": "\\xFF",
    }


def test_query_without_rows_is_an_empty_array(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "FROM sales.transactions WHERE id > 9", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["rows"], document["complete"]) == ([], True)
    assert [column["name"] for column in document["columns"]] == ["id", "amount"]


def test_query_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT count(*) AS n\nFROM sales.transactions"))
    assert main(["query", "-", "--format", "csv"]) == 0
    assert capsys.readouterr().out == "n\n3\n"


@pytest.mark.parametrize(
    ("sql", "code", "exit_code"),
    [
        ("SELECT * FROM hr.employees", "A002", 1),
        ("SELECT * FROM sales.later", "R020", 1),
        ("SELECT nope FROM sales.transactions", "U040", 2),
    ],
)
def test_refusals_are_one_diagnostic_on_stderr(
    sql: str, code: str, exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", sql, "--format", "json"]) == exit_code
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"error[{code}]")
    assert "Traceback" not in output.err


def mesh_process(mesh: SmallMesh, *words: str | bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "platform_core.cli", *words]
    env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    return subprocess.run(command, env=env, cwd=mesh.root, stderr=subprocess.PIPE, check=False, **options)


DUCK = "SELECT '\u00e9' AS a, chr(129414) AS b"


@pytest.mark.parametrize(
    ("format", "said"),
    [
        ("table", b"\\U0001f986"),
        ("json", '{"a": "\u00e9", "b": "\U0001f986"}'.encode()),
        ("csv", "\u00e9,\U0001f986".encode()),
    ],
)
def test_letters_missing_in_the_terminal_s_encoding(mesh: SmallMesh, format: str, said: bytes) -> None:
    """Text shows their codes; the formats for programs are always UTF-8."""
    answer = mesh_process(mesh, "query", DUCK, "--format", format, stdout=subprocess.PIPE)
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert said in answer.stdout


def test_bytes_that_are_not_text(mesh: SmallMesh) -> None:
    for words, given in (([b"query", b"select \xff"], b""), ([b"query", b"-"], b"select \xff")):
        answer = mesh_process(mesh, *words, stdout=subprocess.PIPE, input=given)
        assert (answer.returncode, answer.stdout) == (2, b"")
        assert answer.stderr.startswith(b"error[U094]: this is not text in UTF-8: select \\xff")


def test_an_output_that_is_closed(mesh: SmallMesh) -> None:
    answer = mesh_process(mesh, "products", preexec_fn=lambda: os.close(1))
    assert (answer.returncode, answer.stderr) == (1, b"the output cannot be written: it is closed\n")
    words = ("query", "SELECT 1 AS a, 2 AS a LIMIT 1", "--format", "csv", "--limit", "1")
    answer = mesh_process(mesh, "-v", *words, stdout=subprocess.PIPE, preexec_fn=lambda: os.close(2))
    assert (answer.returncode, answer.stdout.splitlines()[1:]) == (0, [b"1,2"]), "diagnostics stay apart"


def test_a_parameter_without_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "SELECT ?"]) == 2
    assert "a value is missing for a parameter" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["1000", "0"])
def test_values_of_every_type_leave_the_sealed_process(mesh: SmallMesh, limit: str) -> None:
    """In its own process, because the query could use modules that this one has loaded."""
    values = {
        "TIMESTAMPTZ '2024-01-01 12:00:00+00'": "2024-01-01 12:00:00+00",
        "[TIMESTAMPTZ '2024-01-01 12:00:00+00'][1]": "2024-01-01 12:00:00+00",
        "TIMESTAMP '2024-01-01'": "2024-01-01 00:00:00",
        "TIMETZ '12:00:00+05'": "12:00:00+05",
        "1.50::DECIMAL(9,2)": "1.50",
        "'00000000-0000-0000-0000-000000000001'::UUID": "00000000-0000-0000-0000-000000000001",
        "1::HUGEINT": "1",
    }
    process = mesh.start("query", f"SELECT {', '.join(values)}", "--format", "csv", "--limit", limit)
    out, err = process.communicate()
    assert (process.returncode, out.splitlines()[1:], err) == (0, [",".join(values.values())], "")
