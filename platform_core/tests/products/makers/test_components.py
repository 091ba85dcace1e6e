"""Products in YAML and SQL: found, checked and published as those of functions, and their faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from small_mesh import AT_SIX, GOVERNED, KEPT, SmallMesh, here

from platform_core.cli import main
from platform_core.diagnostics import UsageError
from platform_core.governance.collect import collect
from platform_core.products.makers.domain import Domain, read_domain
from platform_core.testing import evaluate

FOLDER = "domains/shop/src/shop/defs/totals"
YAML = """\
type: platform_core.components.DataProduct
attributes:
  sql: totals.sql
  inputs:
    lines: sales/transactions
"""
SQL = "-- one row per number\nSELECT id, sum(amount) AS amount FROM lines GROUP BY ALL;\n"
GRANTED = "[{role: 'domain:shop', access: read}]"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallMesh]:
    """A domain that makes ``shop/totals`` from ``sales/transactions`` without Python."""
    with here(tmp_path, "sales", "shop") as mesh:
        mesh.location("shop")
        mesh.contract("sales/transactions", roles=GRANTED)
        mesh.contract("shop/totals", GOVERNED, promise=AT_SIX + KEPT)
        mesh.write(f"{FOLDER}/defs.yaml", YAML)
        mesh.write(f"{FOLDER}/totals.sql", SQL)
        monkeypatch.syspath_prepend(str(tmp_path / "domains/shop/src"))
        yield mesh


def check(capfd: pytest.CaptureFixture[str], product: str = "shop/totals") -> tuple[int, str]:
    code = main(["check", product])
    output = capfd.readouterr()
    assert "Traceback" not in output.err
    return code, output.out + output.err


def read(mesh: SmallMesh) -> Domain:
    return read_domain("shop", mesh.registry)


def test_it_is_checked_as_a_function(shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    code, out = check(capfd)
    assert code == 0
    assert "1 granted input, Component " in out
    assert "defs/totals/defs.yaml:1:7" in out


def test_it_is_published_as_a_function(shop: SmallMesh) -> None:
    shop.publish("sales/transactions")
    with dg.DagsterInstance.ephemeral() as instance:
        assert shop.run("shop", "shop/totals", instance).success
    assert shop.read("SELECT count(*), sum(amount) FROM shop.products.totals") == [(3, 4.5)]
    [asset] = [a for a in shop.definitions("shop").assets or () if isinstance(a, dg.AssetsDefinition)]
    [spec] = asset.specs
    assert [dep.asset_key.to_user_string() for dep in spec.deps] == ["sales/transactions"]
    assert spec.kinds == {"duckdb", "table", "sql"}


def test_a_change_of_its_sql_is_another_code_version(shop: SmallMesh) -> None:
    def version() -> object:
        [asset] = [a for a in shop.definitions("shop").assets or () if isinstance(a, dg.AssetsDefinition)]
        return next(iter(asset.specs)).code_version

    before = version()
    shop.write(f"{FOLDER}/totals.sql", SQL + "\n")
    assert version() != before


def test_policies_know_its_columns_and_lines(shop: SmallMesh) -> None:
    [factory] = collect(read(shop), sql=True).factories
    [lines] = factory.inputs
    assert (lines.product, lines.columns) == ("sales/transactions", ("id", "amount"))
    assert factory.produces == ("id", "amount")
    assert (factory.place.path.name, factory.place.line, lines.place.line) == ("defs.yaml", 1, 5)


def test_it_is_evaluated_by_the_id_of_its_product(shop: SmallMesh) -> None:
    result = evaluate("shop/totals", lines=[{"id": 1, "amount": 2.0}, {"id": 1, "amount": 0.5}])
    assert (result.rows, result.failed) == ([{"id": 1, "amount": 2.5}], [])
    with pytest.raises(UsageError, match="unknown product"):
        evaluate("shop/other")


def test_without_a_contract(shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    (shop.root / "domains/shop/contracts/totals.odcs.yaml").unlink()
    code, out = check(capfd)
    assert code == 1
    assert "G119" in out
    assert "defs/totals/defs.yaml:1:7" in out


def test_a_contract_without_a_maker_names_the_file(
    shop: SmallMesh, capfd: pytest.CaptureFixture[str]
) -> None:
    (shop.root / FOLDER / "defs.yaml").unlink()
    code, out = check(capfd)
    assert code == 1
    assert "D015" in out
    assert "a Component in its defs/totals/defs.yaml" in out


def test_a_function_of_the_same_name(shop: SmallMesh) -> None:
    shop.code("shop", "@data_product(inputs={})\ndef totals():\n    return 'SELECT 1 AS id'\n")
    [fault] = read(shop).faults
    assert fault.code == "D013"
    assert fault.place is not None
    assert fault.place.path.name == "defs.yaml"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        pytest.param("  sql:", "  query:", 3, 'unknown key "query"', id="unknown key"),
        pytest.param("attributes:", "post_processing: {}\nattributes:", 2, "post_processing", id="top key"),
        pytest.param("totals.sql", "other.sql", 3, '"other.sql" is not a file', id="missing SQL"),
        pytest.param("totals.sql", "../../products.py", 3, "is not a file in", id="SQL elsewhere"),
        pytest.param("  sql: totals.sql\n", "", 3, "does not declare sql", id="no SQL"),
        pytest.param("totals.sql", "[a]", 3, '"sql" has a wrong type', id="SQL is a list"),
        pytest.param("sales/transactions", "5", 5, 'the input "lines"', id="input is a number"),
        pytest.param("sales/transactions", "", 5, 'the input "lines"', id="input is empty"),
        pytest.param("  inputs:\n    lines: s", "  inputs: [s", 5, "", id="inputs is an open list"),
        pytest.param("\n    lines: sales/transactions", " [a]", 4, '"inputs" has a wrong type', id="list"),
        pytest.param("type:", "\ttype:", 1, "", id="tab"),
        pytest.param("type:", "- type:", 2, "", id="not a mapping"),
        pytest.param("attributes:", "---\nattributes:", 2, "", id="two documents"),
    ],
)
def test_a_wrong_file_is_one_diagnostic_at_its_line(
    shop: SmallMesh, capfd: pytest.CaptureFixture[str], old: str, new: str, line: int, words: str
) -> None:
    assert old in YAML
    shop.write(f"{FOLDER}/defs.yaml", YAML.replace(old, new, 1))
    faults = [fault for fault in read(shop).faults if fault.code == "D080"]
    assert any(words in fault.message for fault in faults), faults
    assert {fault.place.line for fault in faults if fault.place} == {line}
    code, out = check(capfd)
    assert (code, "D080" in out) == (1, True)


def test_an_unknown_product_is_at_the_line_of_the_input(
    shop: SmallMesh, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.write(f"{FOLDER}/defs.yaml", YAML.replace("sales/transactions", "sales/transaction"))
    code, out = check(capfd)
    assert (code, "D001" in out, "defs.yaml:5:12" in out) == (1, True, True)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT other FROM lines", "D020"),
        ("SELEC", "D021"),
        ("", "D005"),
        ("DROP TABLE lines", "D005"),
        ("SELECT * FROM read_csv('/etc/passwd')", "D027"),
    ],
)
def test_wrong_sql(shop: SmallMesh, capfd: pytest.CaptureFixture[str], sql: str, code: str) -> None:
    shop.write(f"{FOLDER}/totals.sql", sql)
    status, out = check(capfd)
    assert status == 1
    assert "defs/totals/defs.yaml:1" in out
    assert code in out or "D006" in out


def test_dagster_loads_what_others_define(shop: SmallMesh) -> None:
    defs = "domains/shop/src/shop/defs"
    shop.write(f"{defs}/nightly.py", "import dagster as dg\n\n@dg.asset\ndef plain() -> None: ...\n")
    shop.write(f"{defs}/script/go.py", "print('go')\n")
    shop.write(
        f"{defs}/script/defs.yaml",
        "type: dagster.PythonScriptComponent\n"
        "attributes:\n  execution: {path: go.py}\n  assets: [{key: scripted}]\n",
    )
    assets = shop.definitions("shop").resolve_asset_graph().materializable_asset_keys
    assert {key.to_user_string() for key in assets} == {"plain", "scripted", "shop/totals"}


def test_a_fault_of_ours_is_not_left_to_dagster(shop: SmallMesh) -> None:
    shop.write("domains/shop/src/shop/defs/plain.py", "import dagster as dg\n")
    shop.write(f"{FOLDER}/defs.yaml", YAML.replace("sql:", "query:"))
    assert read(shop).defs is None


def test_a_domain_without_defs_loads_nothing_more(shop: SmallMesh) -> None:
    assert read(shop).defs is None


@pytest.mark.parametrize("text", ["type: [", "- type", "", "type: dagster.Other\n"])
def test_check_reports_the_faults_of_a_file_that_does_not_declare_a_product(
    shop: SmallMesh, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    shop.write(f"{FOLDER}/defs.yaml", text)
    code, out = check(capfd)
    assert code == 1
    assert "error[D080]" in out
    assert "defs/totals/defs.yaml" in out
