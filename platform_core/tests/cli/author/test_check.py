"""``mesh check`` on sound products, and on each fault that is visible without data."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from small_mesh import AT_SIX, GOVERNED, KEPT, SmallMesh, here

from platform_core.cli import main
from platform_core.cli.author.check import location_of

RIGHT = """\
from platform_core import Table, data_product


@data_product(inputs={"lines": "sales/transactions"})
def totals(lines: Table) -> str:
    return f"SELECT id, sum(amount) AS amount FROM {lines} GROUP BY ALL"
"""
GRANTED = "[{role: 'domain:shop', access: read}]"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SmallMesh]:
    """A domain that makes ``shop/totals`` from ``sales/transactions``."""
    with here(tmp_path, "sales", "shop") as mesh:
        # Loading the location would take a second; a check must not.
        mesh.location("shop", "raise RuntimeError('a check loads no definitions: totals')\n")
        mesh.contract("sales/transactions", roles=GRANTED)
        mesh.contract("shop/totals", GOVERNED, promise=AT_SIX + KEPT)
        write(mesh, RIGHT)
        yield mesh


def write(mesh: SmallMesh, source: str) -> Path:
    return mesh.write("domains/shop/src/shop/products.py", source)


def check(capfd: pytest.CaptureFixture[str], product: str = "shop/totals") -> tuple[int, str, str]:
    code = main(["check", product])
    output = capfd.readouterr()
    assert "Traceback" not in output.err
    return code, output.out, output.err


def test_the_checked_parts_are_one_line(shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = check(capfd)
    assert (code, err) == (0, "")
    [line] = out.splitlines()
    assert line.startswith("ok shop/totals: contract (2 columns, ")
    assert "1 granted input" in line
    assert "products.py:5:1" in line


def test_unknown_product(shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = check(capfd, "shop/total")
    assert (code, out) == (2, "")
    assert 'did you mean "shop/totals"?' in err


BROKEN = {
    "wrong column": (
        "amount FROM",
        "total FROM",
        ["Q001", '"amount" is missing', "products.py:5"],
    ),
    "wrong type": ("sum(amount)", "sum(amount)::VARCHAR", ["Q001", '"amount" is VARCHAR instead of number']),
    "unknown column": (
        "sum(amount)",
        "sum(amout)",
        ["D020", 'did you mean "amount"?', "products.py:5"],
    ),
    "no SQL": ("GROUP BY ALL", "GROUP BY BY", ["D021", "^"]),
    "wrong function": ("sum(", "summ(", ["D006", "summ"]),
    "unknown input": (
        "sales/transactions",
        "sales/transaction",
        ["D001", 'did you mean "sales/transactions"?'],
    ),
    "other argument": ("totals(lines", "totals(rows", ["D002", '"rows"']),
    "error in the function": (
        "    return",
        "    1 / 0\n    return",
        ["D024", "ZeroDiv", "products.py:6"],
    ),
    "returns nothing": ("    return f", "    f", ["D004"]),
    "syntax error": ("def totals(", "def totals((", ["D023", "SyntaxErr", "products.py:5"]),
    "missing package": ("from platform_core", "import nowhere\nfrom platform_core", ["D023", "nowhere"]),
    "other name": ("def totals", "def total", ["D015", "totals"]),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_fault(fault: str, shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    old, new, words = BROKEN[fault]
    assert old in RIGHT
    write(shop, RIGHT.replace(old, new))
    code, out, err = check(capfd)
    assert (code, out) == (1, "")
    for word in words:
        assert word in err


@pytest.mark.parametrize("end", ["raise SystemExit(3)", "import os; os._exit(7)", "import os; os.abort()"])
def test_code_that_ends_the_process(end: str, shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    write(shop, RIGHT.replace("from platform_core", f"{end}\nfrom platform_core"))
    code, out, err = check(capfd)
    assert (code, out) == (1, "")
    assert "error[R002]: the process that checks shop/totals ended with status" in err


def test_contract_fault(shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    path = shop.contract("shop/totals")
    path.write_text(path.read_text().replace("logicalType: integer", "logicalTyp: integer"))
    code, _, err = check(capfd)
    assert code == 1
    assert "logicalTyp" in err
    assert "totals.odcs.yaml" in err


def test_an_unknown_team_and_wrong_columns_are_both_reported(
    shop: SmallMesh, capfd: pytest.CaptureFixture[str]
) -> None:
    write(shop, RIGHT.replace("amount FROM", "total FROM"))
    shop.contract("shop/totals", GOVERNED, promise=AT_SIX + KEPT, team="shop-taem")
    code, out, err = check(capfd)
    assert (code, out, err.count("error[")) == (1, "", 2)
    assert "error[Q001]" in err
    assert "error[G102]" in err
    assert "totals.odcs.yaml:8" in err


def test_a_function_without_a_contract_is_g119(shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    shop.registry.path("shop/totals").unlink()
    code, out, err = check(capfd)
    assert (code, out) == (1, "")
    assert err.startswith('error[G119]: the product "totals" of shop has no contract')
    assert "products.py:5:1" in err


def test_an_unrelated_draft_is_not_a_fault_of_a_product(
    shop: SmallMesh, capfd: pytest.CaptureFixture[str]
) -> None:
    draft = shop.contract("shop/draft", GOVERNED, team="DECIDE")
    assert check(capfd)[0] == 0
    assert "error[C120]" in check(capfd, "shop/draft")[2]
    draft.rename(draft.with_name("draft.yaml"))
    draft.with_name("draft.yaml").write_text(draft.with_name("draft.yaml").read_text().replace("DECIDE", "x"))
    assert "error[C023]" in check(capfd, "shop/draft")[2]


@pytest.mark.full
def test_the_readers_are_one_line(shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    domain = "from platform_core import domain_definitions\n\ndefs = domain_definitions('shop')\n"
    shop.write("domains/shop/src/shop/definitions.py", domain)
    made = "\n@data_product\ndef transactions() -> str:\n    return 'SELECT 1 AS id, 2.5 AS amount'\n"
    shop.code("sales", made)
    shop.contract("sales/transactions", GOVERNED, roles=GRANTED, promise=AT_SIX + KEPT)
    assert "read by" not in check(capfd, "sales/transactions")[1]
    # What changed in the moment before it is looked at is not kept.
    while not (shop.root / ".mesh" / "introspection" / "shop.json").exists():
        main(["validate"])
    capfd.readouterr()
    code, out, err = check(capfd, "sales/transactions")
    assert (code, err, len(out.splitlines())) == (0, "", 1)
    assert out.endswith("read by shop/totals (id, amount)\n")
    shop.code("sales", made.replace("AS amount", "AS amuont"))
    assert check(capfd, "sales/transactions")[1] == "sales/transactions: read by shop/totals (id, amount)\n"


@pytest.mark.parametrize(("file", "taken"), [("lines.tsv", "Table"), ("lines.csv", "Path")])
def test_the_suffix_decides_the_type_of_a_source(
    file: str, taken: str, shop: SmallMesh, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.write(file, "id,amount\n1,2.5\n")
    source = (
        "from pathlib import Path\nfrom platform_core import Source, Table, data_product\n\n\n"
        f'@data_product(inputs={{"raw": Source("tills/lines", path="{file}")}})\n'
        f'def totals(raw: {taken}) -> str:\n    return f"SELECT id, amount FROM {{raw}}"\n'
    )
    write(shop, source)
    code, _, err = check(capfd)
    assert (code, err.count("error[")) == (1, 1)
    assert "error[D008]" in err
    assert "products.py:6:1" in err


def test_input_without_a_grant(shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    shop.contract("sales/transactions")
    code, _, err = check(capfd)
    assert code == 1
    assert "A001" in err
    assert '- {role: "domain:shop", access: read}' in err


def test_data_frame_of_objects_has_names_but_no_types(
    shop: SmallMesh, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas")
    source = (
        "import pandas as pd\nfrom platform_core import Input, Table, data_product\n\n"
        '@data_product(inputs={"lines": Input("sales/transactions", columns=("id", "amount"))})\n'
        "def totals(lines: Table) -> pd.DataFrame:\n"
        "    return lines.pandas().astype({'amount': object})\n"
    )
    write(shop, source)
    assert check(capfd)[0] == 0
    write(shop, source.replace("astype", "rename(columns={'id': 'ident'}).astype"))
    code, _, err = check(capfd)
    assert code == 1
    assert '"id" is missing' in err


@pytest.fixture
def dbt(shop: SmallMesh) -> Path:
    write(shop, "")
    models = shop.root / "dbt_projects" / "shop" / "models"
    models.mkdir(parents=True)
    (models / "sources.yml").write_text("sources: [{name: sales, tables: [{name: transactions}]}]\n")
    (models / "totals.sql").write_text("select * from {{ ref('staged') }}\n")
    (models / "staged.sql").write_text(
        "{# ref('totals'), source('hr', 'no') #}\nselect * from {{ source('sales', 'transactions') }}\n"
    )
    return models


def test_dbt_model(dbt: Path, shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = check(capfd)
    assert (code, err) == (0, "")
    assert "1 granted input, dbt model" in out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("'sales', 'transactions'", "'sales', 'transaction'", ["D001", "staged.sql:2", "did you mean"]),
        ("source('sales', 'transactions')", "ref('totals')", ["D010", "source('shop', 'totals')"]),
    ],
)
def test_dbt_model_with_a_wrong_source(
    old: str, new: str, words: list[str], dbt: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = dbt / "staged.sql"
    model.write_text(model.read_text().replace(old, new))
    code, _, err = check(capfd)
    assert code == 1
    for word in words:
        assert word in err


def test_dbt_source_that_no_file_declares(
    dbt: Path, capfd: pytest.CaptureFixture[str], shop: SmallMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.root)
    (dbt / "sources.yml").write_text("sources: []\n")
    code, _, err = check(capfd)
    assert code == 1
    assert "D025" in err
    [_, block] = err.split("Add to the sources in dbt_projects/shop/models/sources.yml:\n")
    table = {"database": "sales", "schema": "products", "tables": [{"name": "transactions"}]}
    block = block.rpartition("  = more:")[0].rstrip(" ")
    assert yaml.safe_load(textwrap.dedent(block)) == [{"name": "sales", **table}]
    (dbt / "sources.yml").write_text("sources: [{name: sales, tables: [{name: stores}]}]\n")
    assert "tables of the source sales in dbt_projects/shop/models/sources.yml:" in check(capfd)[2]
    (dbt / "sources.yml").unlink()
    assert "Write dbt_projects/shop/models/sources.yml:\n" in check(capfd)[2]


def test_dbt_source_without_a_grant(dbt: Path, shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    shop.contract("sales/transactions")
    code, _, err = check(capfd)
    assert code == 1
    assert "A001" in err


def test_the_location_has_its_interpreter_or_this_one(shop: SmallMesh) -> None:
    python = shop.root / "python"
    python.symlink_to(sys.executable)
    text = (shop.root / "workspace.yaml").read_text()
    (shop.root / "workspace.yaml").write_text(text.replace(sys.executable, "python"))
    assert location_of(shop.root, "shop").python == python
    assert location_of(shop.root, "sales").python == Path(sys.executable)
    python.unlink()
    assert location_of(shop.root, "shop").python == Path(sys.executable)


def test_an_interpreter_that_does_not_run_is_one_diagnostic(
    shop: SmallMesh, capsys: pytest.CaptureFixture[str]
) -> None:
    python = shop.root / "python"
    python.write_text("no program\n")
    text = (shop.root / "workspace.yaml").read_text()
    (shop.root / "workspace.yaml").write_text(text.replace(sys.executable, "python"))
    assert main(["check", "shop/totals"]) == 1
    assert capsys.readouterr().err.startswith("error[R001]: code location shop does not load")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM read_csv('/etc/passwd')",
        "SELECT count(*) FROM '/etc/passwd'",
        "SELECT count(*) FROM ${table}; DROP TABLE totals",
        "SELECT getenv('HOME')",
        "PRAGMA database_list",
        "SELECT count(*) FROM sales.transactions",
        "SELECT count(*) FROM ${table} WHERE id > ?",
        "SELECT count(amuont) FROM ${table}",
        "SELECT count(*) FORM ${table}",
    ],
)
def test_the_sql_of_a_rule_is_checked_without_data(
    shop: SmallMesh, capfd: pytest.CaptureFixture[str], query: str
) -> None:
    rule = "    quality:\n      - {{type: sql, query: {query}, mustBe: 0}}\n"
    contract = shop.contract("shop/totals", GOVERNED, promise=AT_SIX + KEPT)
    before = contract.read_text()
    contract.write_text(before + rule.format(query=json.dumps("SELECT max(amount) FROM ${table}")))
    assert check(capfd)[0] == 0, "no rows have no maximum, but that is no fault of the query"
    contract.write_text(before + rule.format(query=json.dumps(query)))
    code, _, err = check(capfd)
    assert (code, err.count("error[")) == (1, 1)
    assert "error[Q011]" in err
    assert "totals.odcs.yaml" in err


def test_a_file_that_many_parts_need_is_one_fault(shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    shop.write("domains/sales/contracts/transactions.odcs.yaml", "a: \0")
    code, _, err = check(capfd)
    assert (code, err.count("error[C003]"), err.count("error[")) == (1, 1, 1)


def test_types_that_the_engine_refuses(shop: SmallMesh, capfd: pytest.CaptureFixture[str]) -> None:
    contract = shop.contract("shop/totals")
    wrong = """name: amount, physicalType: "ENUM('a', 'a')","""
    contract.write_text(contract.read_text().replace("name: amount,", wrong))
    code, _, err = check(capfd)
    assert code == 1
    assert "totals.odcs.yaml" in err
