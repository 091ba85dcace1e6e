"""``mesh new product``: from a file to a published table, and refusals that write nothing."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest
import yaml
from small_mesh import SALES, SmallMesh, here

from platform_core import files
from platform_core.cli import main
from platform_core.diagnostics import UsageError

ROOT = Path(__file__).resolve().parents[3]
Capture = pytest.CaptureFixture[str]
RETURNS = "Return No;Sale Id;Returned On;Amount;Reason;Contact\n" + "".join(
    f"{n};{n % 9};2024-01-{n % 28 + 1:02};{n}.5;{'broken' if n % 2 else 'late'};p{n}@example.com\n"
    for n in range(1, 80)
)


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallMesh]:
    monkeypatch.chdir(tmp_path)
    with here(tmp_path, "shop") as mesh:
        mesh.contract("shop/sales", SALES)
        select = "SELECT 1 AS id, 2.5 AS amount, 'x' AS who"
        mesh.code("shop", f"@data_product\ndef sales() -> str:\n    return {select!r}\n")
        mesh.write("returns.csv", RETURNS)
        yield mesh


def new(*words: str) -> int:
    return main(["new", "product", *words])


def written(root: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in root.rglob("*") if path.suffix in (".py", ".yaml")}


def decide(path: Path) -> None:
    """Replaces each placeholder by a decision."""
    text = path.read_text().replace("team: {name: DECIDE}", "team: {name: shop-team}")
    text = text.replace("value: DECIDE", "value: 2").replace(
        "classification: DECIDE", "classification: internal"
    )
    text = re.sub(r"roles:\n.*\n", "roles: []\n", text)
    path.write_text(re.sub(r"(: |\")DECIDE", r"\1What it is.", text))


@pytest.mark.parametrize("file", ["returns.csv", "RETURNS.CSV", 'data [2024] "é".csv'])
def test_from_a_file_to_a_published_table(
    file: str, mesh: SmallMesh, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh.write(file, RETURNS)
    mesh.write('data 2 "é".csv', "a\n1\n")
    assert new("shop/returns", "--from", file) == 0
    said = capsys.readouterr().out
    steps = re.findall(r"^ +\d+\. (.*)$", said, re.MULTILINE)
    assert "decide its content" in steps[0]
    assert [step.split()[:3] for step in steps[-2:]] == [
        ["mesh", "check", "shop/returns"],
        ["mesh", "run", "shop/returns"],
    ]
    contract = mesh.root / "domains/shop/contracts/returns.odcs.yaml"
    assert main(["check", "--inside", "shop/returns"]) == 1
    assert capsys.readouterr().err.count("error[") == 1

    decide(contract)
    monkeypatch.syspath_prepend(mesh.root / "domains" / "shop" / "src")
    assert main(["check", "--inside", "shop/returns"]) == 0, capsys.readouterr().err
    with dg.DagsterInstance.ephemeral() as instance:
        assert mesh.run("shop", "shop/returns", instance).success
    rows = mesh.read("SELECT count(*), sum(amount) FROM shop_restricted.products.returns", "shop_restricted")
    assert rows == [(79, 3199.5)]
    # The tests that were written are real: they pass, and with another contract they fail.
    tests = runpy.run_path(str(mesh.root / "domains/shop/tests/test_returns.py"))
    both = [tests["test_returns_keeps_its_contract"], tests["test_returns_refuses_a_row_that_is_there_twice"]]
    for test in both:
        test()
    contract.write_text(contract.read_text().replace("{value: broken}", "{value: else}"))
    for test in both:
        with pytest.raises(AssertionError):
            test()


def test_a_query_becomes_a_function_of_its_products(mesh: SmallMesh, capsys: Capture) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert mesh.run("shop", "shop/sales", instance).success
    sql = "SELECT s.id, '{shop.sales}' AS mark FROM shop_restricted s"
    assert new("shop/marks", "--from", sql) == 2
    assert 'error[U043]: unknown product "shop_restricted"' in capsys.readouterr().err
    assert (
        new(
            "shop/marks",
            "--from",
            "SELECT s.id, '{shop.sales}' AS mark, 1 AS one FROM shop.sales s WHERE s.id > 0",
        )
        == 0
    )
    text = (mesh.root / "domains/shop/src/shop/marks.py").read_text()
    assert "'{{shop.sales}}' AS mark" in text
    assert "FROM {sales} s" in text
    compile(text, "marks.py", "exec")


def test_an_existing_module_gets_the_function_at_its_end(mesh: SmallMesh) -> None:
    path = mesh.root / "domains/shop/src/shop/returns.py"
    path.write_text('"""Returns by hand."""\n\nfrom platform_core import data_product\n\nRATE = 3\n')
    assert new("shop/returns", "--from", "returns.csv") == 0
    lines = path.read_text().splitlines()
    assert lines[:5] == [
        '"""Returns by hand."""',
        "",
        "from platform_core import Source, Table, data_product",
        "",
        "RATE = 3",
    ]
    assert "def returns(raw: Table) -> str:" in lines


@pytest.mark.parametrize(
    ("product", "subject", "code"),
    [
        ("shop/returns", "nothing.csv", "U060"),
        ("shop/sales", "returns.csv", "U066"),
        ("shop/tested", "returns.csv", "U066"),
        ("shop/doubled", "returns.csv", "U066"),
        ("shop/broken", "returns.csv", "U068"),
        ("shops/returns", "returns.csv", "U042"),
        ("shop/class", "returns.csv", "U067"),
        ("shop/definitions", "returns.csv", "U067"),
        ("shop/returns", "shop/sales", "R020"),
        ("shop/returns", "returns.tsv", "U069"),
        ("shop/returns", "what?.csv", "U069"),
    ],
)
def test_a_refused_product_leaves_nothing_behind(
    mesh: SmallMesh, capsys: Capture, product: str, subject: str, code: str
) -> None:
    (mesh.root / "returns.tsv").write_text(RETURNS.replace(";", "\t"))
    (mesh.root / "what?.csv").write_text(RETURNS)
    source = mesh.root / "domains/shop/src/shop"
    (source / "doubled.py").write_text("def doubled() -> str: ...\n")
    (source / "broken.py").write_text("def broken(:\n")
    tests = mesh.root / "domains/shop/tests"
    tests.mkdir()
    (tests / "test_tested.py").touch()
    before = written(mesh.root)
    assert new(product, "--from", subject) in (1, 2)
    said = capsys.readouterr().err
    assert said.count("error[") == 1
    assert said.startswith(f"error[{code}]"), said
    assert written(mesh.root) == before


def test_files_are_written_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "b.txt").mkdir()  # in the place of a file
    with pytest.raises(UsageError) as error:
        files.write_files({tmp_path / "a.txt": "new", tmp_path / "c.txt": "new", tmp_path / "b.txt": "new"})
    assert error.value.diagnostics[0].code == "U068"
    assert (tmp_path / "a.txt").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.txt"]


EVERY_TYPE = """
SELECT range AS id, [range::DECIMAL(10,2), 1.5] AS prices, [{'a': range}] AS items, MAP {'k': range} AS m,
  {'street': 's', 'n o': range} AS address, range::HUGEINT * 10::HUGEINT ** 20 AS huge, uuid() AS u,
  INTERVAL (range) SECOND AS lasted, 'x'::BLOB AS b, '10:00'::TIME AS t, '10:00:00+02'::TIMETZ AS tz,
  (range % 3)::TINYINT AS small, (range * 3)::UBIGINT AS unsigned, '{"a": 1}'::JSON AS js, 1.5::FLOAT AS f,
  CASE WHEN range % 2 = 0 THEN 'nan'::DOUBLE ELSE range END AS half, 'inf'::FLOAT AS g, NULL AS nothing,
  DATE '0044-03-15 (BC)' AS bc, TIMESTAMP 'infinity' AS never, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS at,
  TIMESTAMP_NS '2024-01-01 00:00:00.123456789' AS ns, 1e308::DOUBLE AS far, range % 2 = 0 AS even,
  DATE '20000-01-01' + range::INTEGER AS late, [[range]] AS nested, ''::VARCHAR AS blank,
  [1.5, 2.5]::FLOAT[2] AS pair, '101'::BIT AS bits, 1::UTINYINT AS tiny FROM range(200)
"""
HOSTILE = {
    "every type": ("parquet", EVERY_TYPE),
    "types of no lake": (
        None,
        "SELECT range AS id, '101'::BIT AS bits, [1, 2, 3]::FLOAT[3] AS v, [range::BIGNUM] AS big,"
        " {'a': [1, 2]::INTEGER[2]} AS pair, union_value(n := range) AS u FROM range(30)",
    ),
    "names": (
        "parquet",
        'SELECT range AS "Größe in m", range AS "a""b", 1 AS "select", 2 AS "{x}",'
        ' 3 AS "日本", 4 AS "1st", 5 AS "a\'b", 6 AS value, 7 AS rows, 8 AS raw, 9 AS "left" FROM range(30)',
    ),
    "wide": ("parquet", f"SELECT {', '.join(f'range % {n + 2} AS c{n}' for n in range(150))} FROM range(60)"),
    "empty columns": ("csv", "SELECT range AS id, NULL AS a, NULL AS b FROM range(30)"),
    "missing words": (
        "csv",
        "SELECT range AS id, CASE WHEN range % 7 = 0 THEN 'NA' ELSE (range * 1.5)::VARCHAR END AS v,"
        " CASE WHEN range % 5 = 0 THEN '-' ELSE range::VARCHAR END AS \"W w\" FROM range(60)",
    ),
    "missing words of a query": (
        None,
        "SELECT range AS id, CASE WHEN range % 7 = 0 THEN 'N/A' ELSE range::VARCHAR END AS v FROM range(60)",
    ),
    "late types": ("csv", "SELECT range AS id, if(range > 29000, range, NULL) AS late FROM range(30000)"),
    "eav": (
        "csv",
        "SELECT range AS id, ['color', 'size', 'gone'][1 + range % 3] AS attribute,"
        " if(range % 3 < 2, (range % 4)::VARCHAR, NULL) AS value FROM range(180)",
    ),
    "json": ("json", "SELECT range AS id, [{'a': range}] AS items, {'b': 'x'} AS o FROM range(50)"),
    "far numbers": (
        "csv",
        "SELECT range AS id, if(range > 5, 0.1, 1.7976931348623157e308) AS big,"
        " 170141183460469231731687303715884105727 - range::HUGEINT AS huge FROM range(40)",
    ),
    "dates beyond Python": (
        "parquet",
        "SELECT range AS id, if(range > 5, DATE '2024-01-01', DATE '0044-03-15 (BC)') AS d,"
        " if(range > 5, TIMESTAMP '2024-01-01 10:00:00', TIMESTAMP 'infinity') AS t FROM range(40)",
    ),
}


@pytest.mark.parametrize("subject", HOSTILE)
def test_the_platform_accepts_an_inferred_contract(
    mesh: SmallMesh, capsys: Capture, monkeypatch: pytest.MonkeyPatch, subject: str
) -> None:
    kind, query = HOSTILE[subject]
    named = f"subject.{kind}" if kind else query
    if kind:
        duckdb.sql(f"COPY ({query}) TO '{mesh.root / named}'")
    assert new("shop/inferred", "--from", named) == 0, capsys.readouterr().err
    decide(mesh.root / "domains/shop/contracts/inferred.odcs.yaml")
    monkeypatch.syspath_prepend(mesh.root / "domains" / "shop" / "src")
    assert main(["check", "--inside", "shop/inferred"]) == 0, capsys.readouterr().err
    with dg.DagsterInstance.ephemeral() as instance:
        result = mesh.run("shop", "shop/inferred", instance)
        faults = [e.event_specific_data.user_failure_data for e in result.get_step_failure_events()]
        assert result.success, faults
        failed = [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]
        assert failed == []
    lake = mesh.registry.get("shop/inferred").lake
    assert (
        mesh.read(f"SELECT count(*) FROM {lake}.products.inferred", lake)
        == duckdb.sql(f"SELECT count(*) FROM ({query})").fetchall()
    )
    for name, test in runpy.run_path(str(mesh.root / "domains/shop/tests/test_inferred.py")).items():
        if name.startswith("test_"):
            test()


GRANTED = """\
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: internal, description: "Number."}
      - {name: amount, logicalType: number, classification: confidential, description: "Money."}
      - {name: contact, logicalType: string, tags: [pseudonymous], classification: internal, description: "C"}
"""


def test_columns_keep_the_classification_and_description_of_their_inputs(mesh: SmallMesh) -> None:
    mesh.contract("shop/bills", GRANTED)
    mesh.publish(
        "shop/bills", "SELECT range AS id, range * 2.5::DOUBLE AS amount, 'a' AS contact FROM range(9)"
    )
    sql = "SELECT b.id, b.amount, round(b.amount) AS dollars, b.contact, b.id + 1 AS bills"
    assert new("shop/rounded", "--from", f"{sql} FROM shop.bills b WHERE b.id > 0") == 0
    contract = yaml.safe_load((mesh.root / "domains/shop/contracts/rounded.odcs.yaml").read_text())
    columns = {column["name"]: column for column in contract["schema"][0]["properties"]}
    assert {name: column["classification"] for name, column in columns.items()} == {
        "id": "internal",
        "amount": "confidential",
        "dollars": "confidential",  # at least what it is computed from
        "contact": "internal",
        "bills": "internal",
    }
    described = {name: column["description"] for name, column in columns.items()}
    assert (described["id"], described["amount"], described["dollars"]) == ("Number.", "Money.", "DECIDE")
    assert columns["contact"]["tags"] == ["pseudonymous"]
    assert contract["team"] == {"name": "shop-team"}  # the only one of its domain


HEADERS = {
    "wide": ",".join(["id", *(f"A long name of the column {n}" for n in range(60))]),
    "reserved": "select,from,class,def,日本語,Größe,order,with space,{brace},back\\slash," + "x" * 150,
    "lots_of_letters_" + "x" * 44: "id,value",
}
SQL = {
    "quotes": "SELECT id, 'it''s \"\"\" {x} \\n' AS words FROM shop.sales",
    "unicode_names": 'SELECT id AS "Größe in m", amount AS "日本語" FROM shop.sales',
    "long_lines": f"SELECT id, CASE WHEN amount > 1 THEN '{'many words ' * 20}' ELSE '{'値' * 90}' END AS b"
    " FROM shop.sales",
    "several_lines": "WITH a AS (\n  SELECT id   \n\n  FROM shop.sales   \n) SELECT * FROM a",
}


@pytest.mark.parametrize("name", [*HEADERS, *SQL])
def test_what_is_written_has_the_form_that_make_check_wants(name: str, mesh: SmallMesh) -> None:
    subject = SQL.get(name) or f"{name}.csv"
    if name in HEADERS:
        count = HEADERS[name].count(",") + 1
        rows = "\n".join(",".join([str(n)] + [f"it's {n % 3}"] * (count - 1)) for n in range(30))
        mesh.write(subject, f"{HEADERS[name]}\n{rows}\n")
    else:
        with dg.DagsterInstance.ephemeral() as instance:
            assert mesh.run("shop", "shop/sales", instance).success
    shutil.copy(ROOT / "pyproject.toml", mesh.root)
    assert new(f"shop/{name}", "--from", subject) == 0
    for words in (("check",), ("format", "--check")):
        ruff = [Path(sys.executable).with_name("ruff"), *words, "--no-cache"]
        wrote = [f"domains/shop/{part}{name}.py" for part in ("src/shop/", "tests/test_")]
        done = subprocess.run([*ruff, *wrote], cwd=mesh.root, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    contract = mesh.root / f"domains/shop/contracts/{name}.odcs.yaml"
    for column in yaml.safe_load(contract.read_text())["schema"][0]["properties"]:
        assert re.fullmatch("[a-z][a-z0-9_]*", column["name"])  # what G115 asks for
    decide(contract)
    sys.path.insert(0, str(mesh.root / "domains/shop/src"))
    try:
        tests = runpy.run_path(str(mesh.root / f"domains/shop/tests/test_{name}.py"))
        for test in (tests[each] for each in tests if each.startswith("test_")):
            test()
    finally:
        sys.path.pop(0)


@pytest.mark.parametrize(
    "name", ["test_me", "date", "evaluate", "data_product", "x" * 61, "two words", "größe"]
)
def test_names_that_the_written_files_cannot_have(name: str, mesh: SmallMesh, capsys: Capture) -> None:
    before = written(mesh.root)
    assert new(f"shop/{name}", "--from", "returns.csv") == 2
    assert capsys.readouterr().err.startswith("error[U067]")
    assert written(mesh.root) == before
