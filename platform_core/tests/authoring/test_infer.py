"""``mesh infer`` on every kind of source, and one diagnostic for every bad source."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from small_mesh import SmallMesh

from platform_core.authoring.contract_format import formatted
from platform_core.cli import main
from platform_core.source.document import parse

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _at(at_the_mesh: SmallMesh) -> None:
    pass


def infer(capsys: Capture, *words: str) -> tuple[int, str, str]:
    code = main(["infer", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def read(text: str, tmp_path: Path) -> dict[str, dict[str, object]]:
    """The columns of a contract's text by name; the text is in the canonical form."""
    path = tmp_path / "inferred.odcs.yaml"
    path.write_text(text)
    assert formatted(path) == text
    return {column["name"]: column for column in parse(path).data["schema"][0]["properties"]}


def test_a_csv_file(capsys: Capture, tmp_path: Path) -> None:
    lines = [
        f"{n};2024-01-{n % 28 + 1:02};{n * 1.5};{'open' if n % 2 else 'paid'};p{n}@example.com"
        for n in range(60)
    ]
    (tmp_path / "Orders 2024.csv").write_text("\n".join(["Order No;Ordered On;Total;State;Contact", *lines]))
    code, out, err = infer(capsys, "Orders 2024.csv")
    assert (code, err) == (0, "")
    columns = read(out, tmp_path)
    assert columns["order_no"]["primaryKey"] is True
    assert columns["order_no"]["logicalTypeOptions"] == {"minimum": 0}
    assert columns["ordered_on"]["logicalType"] == "date"
    assert columns["total"]["logicalTypeOptions"] == {"minimum": 0, "maximum": 89}
    assert columns["state"]["enum"] == [{"value": "open"}, {"value": "paid"}]
    assert (columns["contact"]["tags"], columns["contact"]["classification"]) == (["personal"], "restricted")
    assert "@" not in out
    assert '# The source has "Order No".' in out


def test_a_product_and_a_foreign_key(capsys: Capture, mesh: SmallMesh, tmp_path: Path) -> None:
    code, out, _ = infer(capsys, "sales.transactions")
    assert code == 0
    assert read(out, tmp_path)["id"]["primaryKey"] is True
    query = "SELECT id AS transaction_id, amount FROM sales.transactions WHERE id > 0"
    code, out, _ = infer(capsys, query)
    target = "sales/transactions.odcs.yaml#/schema/transactions/properties/id"
    assert read(out, tmp_path)["transaction_id"]["relationships"] == [{"to": target}]
    # One value that is not there, and it is a remark, for people to decide.
    values = ", ".join(f"({n})" for n in range(-30, 0))
    code, out, _ = infer(capsys, f"SELECT * FROM (VALUES {values}, (0), (1), (2)) AS t(transaction_id)")
    assert "relationships" not in read(out, tmp_path)["transaction_id"]


def test_a_lake_table_is_read_by_its_own_domain(capsys: Capture) -> None:
    code, _, err = infer(capsys, "sales.staging.pinned")
    assert code == 2
    assert err.startswith(
        "error[U067]: sales.staging.pinned is not a product, so only its own domain may read it"
    )


def test_a_dbt_model_is_read_from_its_product_or_its_sql(capsys: Capture, mesh: SmallMesh) -> None:
    folder = mesh.root / "dbt_projects" / "sales" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "doubled.sql").write_text(
        "SELECT id, amount * 2 AS double FROM {{ source('sales', 'transactions') }}"
    )
    code, out, _ = infer(capsys, "sales/doubled")
    assert code == 0
    assert "Inferred from the dbt model sales/doubled: all of its 3 rows." in out
    (folder / "pinned_too.sql").write_text("{% set x = 1 %} SELECT {{ x }} AS x")
    assert "error[U069]: the dbt model sales/pinned_too was never published" in infer(capsys, "pinned_too")[2]


def test_an_existing_contract_is_not_overwritten(capsys: Capture, mesh: SmallMesh) -> None:
    words = ["sales/costs", "--as", "sales/prices"]
    path = mesh.root / "domains" / "sales" / "contracts" / "prices.odcs.yaml"
    code, out, _ = infer(capsys, *words)
    assert code == 0
    assert "decide its content and purpose (description.purpose)" in out
    assert 'main(["check"' not in out
    path.write_text("# mine\n" + path.read_text())
    code, _, err = infer(capsys, *words)
    assert (code, err.split(":")[0]) == (2, "error[U066]")
    assert path.read_text().startswith("# mine")
    assert infer(capsys, *words, "--replace")[0] == 0
    assert not path.read_text().startswith("# mine")
    assert main(["check", "--inside", "sales/prices"]) == 1
    assert "error[C120]: sales/prices needs" in capsys.readouterr().err
    path.unlink()


BAD = {
    "U060": ["nothing.csv"],
    "U060 ": ["sales/transaction"],
    "U061": ["empty.csv"],
    "U061 ": ["headed.csv"],
    "U061  ": ["SELECT 1 AS a LIMIT 0"],
    "U062": ["ragged.csv"],
    "U062 ": ["broken.parquet"],
    "U062    ": ["short.csv"],
    "U062  ": ["broken.json"],
    "U062   ": ["binary.csv"],
    "U063": ["bare.csv"],
    "U063 ": ["headed.csv", "--columns", "a"],
    "U066": ["folder.csv"],
    "U066 ": ["list.json"],
    "U066  ": ["notes.txt"],
    "U042": ["bare.csv", "--as", "sale/x"],
    "U067": ["bare.csv", "--as", "sales/X"],
    "U040": ["SELECT nothing FROM sales.transactions"],
    "U040 ": ["SELECT 1 +"],
    "A001": ["SELECT * FROM sales.costs"],
    "U043": ["SELECT * FROM 'bare.csv'"],
    "U043 ": ["SELECT * FROM a.b.c"],
    "R020": ["sales/later"],
}


@pytest.mark.parametrize("code", BAD)
def test_a_bad_subject_is_one_diagnostic_and_nothing_is_written(
    code: str, capsys: Capture, mesh: SmallMesh, tmp_path: Path
) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "headed.csv").write_text("a,b\n")
    (tmp_path / "bare.csv").write_text("1,2.5,2020-01-01\n2,3.5,2020-01-02\n3,4.5,2020-01-03\n")
    (tmp_path / "ragged.csv").write_text("a,b\n" + "1,2\n" * 30_000 + "1,2,3,4\n" + "1,2\n" * 9)
    (tmp_path / "short.csv").write_text("id,name,x\n" + "1,a,2\n" * 500 + "501,a\n")
    (tmp_path / "broken.parquet").write_text("PAR1 or not")
    (tmp_path / "broken.json").write_text('{"a": 1}\n{"a": ')
    (tmp_path / "binary.csv").write_bytes(b"a,b\n" + b"\xff\xfe\x00,1\n" * 50)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "list.json").write_text("[1, 2, 3]")
    (tmp_path / "notes.txt").write_text("a,b\n1,2\n")
    before = sorted(mesh.root.rglob("*.yaml"))
    status, out, err = infer(capsys, *BAD[code])
    assert status == (1 if code.strip() in ("U061", "U062", "R020", "A001") else 2)
    assert out == ""
    assert err.count("error[") == 1, err
    assert err.startswith(f"error[{code.strip()}]"), err
    assert sorted(mesh.root.rglob("*.yaml")) == before


def test_columns_can_be_named_for_a_file_without_names(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "bare.csv").write_text("1,2.5,2020-01-01\n2,3.5,2020-01-02\n3,4.5,2020-01-03\n")
    code, out, _ = infer(capsys, "bare.csv", "--columns", "no,price,sold_on")
    assert code == 0
    assert list(read(out, tmp_path)) == ["no", "price", "sold_on"]


def test_mixed_types_are_text_with_a_warning_that_quotes_no_value(capsys: Capture, tmp_path: Path) -> None:
    rows = [f"{n},{'secret' if n == 29_999 else n}" for n in range(30_000)]
    (tmp_path / "mixed.csv").write_text("\n".join(["id,amount", *rows]))
    code, out, err = infer(capsys, "mixed.csv")
    assert code == 0
    assert read(out, tmp_path)["amount"]["logicalType"] == "string"
    assert err.startswith("warning[U064]: mixed.csv mixes types in 1 column")
    assert "amount: whole numbers, except 1 of 30,000 values" in err
    assert "secret" not in err + out


@pytest.mark.full
def test_a_wide_table_is_inferred_with_a_warning(capsys: Capture, tmp_path: Path) -> None:
    columns = ", ".join(f"range % {n + 2} AS c{n}" for n in range(2000))
    duckdb.sql(f"COPY (SELECT {columns} FROM range(50)) TO '{tmp_path / 'wide.parquet'}'")
    code, out, err = infer(capsys, "wide.parquet")
    assert (code, out.count("logicalType: integer")) == (0, 2000)
    assert err.startswith("warning[U065]: wide.parquet has 2,000 columns")


FAULTS = {
    "it is not text in UTF-8": "id,city\n1,Köln\n2,Bonn\n".encode("latin-1"),
    "some of its lines end in CR LF": b"id,city\n" + b"1,Bonn\r\n2,Ulm\n" * 30,
    "in line 3: its lines have different numbers of values": b"id,city\n1,Bonn\n2,Ulm,7\n3,Ulm\n",
    "in line 2: a quotation mark is not closed": b'id,city\n1,"Bonn\n2,Ulm\n',
    "in line 3: a quotation mark is not closed": b'id,city\n1,"Bonn"\n2,"Ul"m"\n3,Ulm\n',
}


@pytest.mark.parametrize("late", [0, 30_000])
@pytest.mark.parametrize("words", FAULTS)
def test_an_unreadable_file_is_reported_with_its_fault(
    capsys: Capture, tmp_path: Path, words: str, late: int
) -> None:
    head, rows = FAULTS[words].split(b"\n", 1)
    (tmp_path / "bad.csv").write_bytes(head + b"\n" + b"7,Rom\n" * late + rows)
    status, _, err = infer(capsys, "bad.csv")
    said = re.sub(r"line (\d)\b", lambda match: f"line {int(match[1]) + late}", words)
    assert status == 1
    assert err.startswith("error[U062]: bad.csv cannot be read as CSV")
    assert said in err
    assert "Bonn" not in err


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_types_fit_all_rows(capsys: Capture, tmp_path: Path, kind: str) -> None:
    query = "SELECT range AS id, CASE WHEN range > 29000 THEN range END AS late FROM range(30000)"
    duckdb.sql(f"COPY ({query}) TO '{tmp_path / f'late.{kind}'}'")
    code, out, _ = infer(capsys, f"late.{kind}")
    assert (code, read(out, tmp_path)["late"]["logicalType"]) == (0, "integer")


def test_words_for_a_missing_number_are_read_as_missing(capsys: Capture, tmp_path: Path) -> None:
    rows = [
        f"{n},{'NA' if n % 9 == 0 else n},{'-' if n % 7 == 0 else n / 4},00{n % 9},n/a" for n in range(90)
    ]
    (tmp_path / "gaps.csv").write_text("\n".join(["id,whole,part,code,never", *rows]))
    code, out, err = infer(capsys, "gaps.csv")
    assert (code, err) == (0, "")
    columns = read(out, tmp_path)
    assert columns["whole"]["logicalType"] == "integer"
    assert columns["part"]["logicalTypeOptions"] == {"minimum": 0, "maximum": 23}
    assert [columns[name].get("required") for name in ("whole", "part", "code")] == [None, None, True]
    assert [columns[name]["logicalType"] for name in ("code", "never")] == ["string", "string"]
    assert '# The function reads "NA" as missing; all other values are numbers.' in out
    assert '# The function reads "-" as missing' in out
