"""`mesh plan` and `mesh run --changed` on a small mesh, against what is published and against a commit."""

from __future__ import annotations

import json
import shutil

import pytest
from change.two_domains import ORDERS, TOTALS, git
from small_mesh import AMOUNTS, AT_SIX, KEPT, SmallMesh

from platform_core.cli import main

DAYS = """\
    customProperties:
      - property: partitions
        value: {every: day, start: 2024-03-30, end: 2024-04-02, timezone: Europe/Berlin}
        vendor: platform-core
    properties:
      - {name: sold, logicalType: timestamp, partitioned: true, primaryKey: true, classification: internal,
         description: "When."}
      - {name: amount, logicalType: integer, classification: internal, description: "Money.",
         logicalTypeOptions: {maximum: 100}}
"""


def changes(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, tuple[str, list[str]]]:
    capsys.readouterr()
    assert main(["plan", *words, "--json"]) == 0
    products = json.loads(capsys.readouterr().out)["products"]
    return {each["product"]: (each["change"], each["because"]) for each in products}


def statuses(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    capsys.readouterr()
    assert main(["run", "--changed", *words, "--json"]) == 0
    return {each["product"]: each["status"] for each in json.loads(capsys.readouterr().out)["products"]}


@pytest.mark.full
def test_against_the_published_state(
    shop: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.root)
    assert {each[1][0] for each in changes(capsys).values()} == {"it was never made"}
    assert set(statuses(capsys).values()) == {"ok"}
    assert {each[0] for each in changes(capsys).values()} == {"unaffected"}
    assert statuses(capsys) == {}, "there is nothing to make"

    shop.code("shop", ORDERS.replace("SELECT range AS id", "SELECT  range as ID /* the number */ "))
    assert {each[0] for each in changes(capsys).values()} == {"unaffected"}, "only the layout changed"

    shop.code("shop", ORDERS.replace("* 1.5", "* 2.5"))
    assert changes(capsys) == {
        "shop/orders": ("changed", ["its function"]),
        "other/totals": ("affected", ["columns amount of shop/orders"]),
        "other/ids": ("unaffected", []),
    }
    assert changes(capsys, "other/totals").keys() == {"other/totals"}
    assert changes(capsys, "+other/ids").keys() == {"shop/orders", "other/ids"}
    assert statuses(capsys) == {"shop/orders": "ok", "other/totals": "ok"}

    # Other code that makes the same data: its reader stays as it is.
    shop.code("shop", ORDERS.replace("* 1.5::DOUBLE", "* 2.5::DOUBLE + 0"))
    assert changes(capsys)["other/totals"][0] == "affected"
    assert statuses(capsys) == {"shop/orders": "ok", "other/totals": "unchanged"}
    assert {each[0] for each in changes(capsys).values()} == {"unaffected"}

    # A product that is made alone: its readers are behind, and a later run makes them.
    shop.code("shop", ORDERS.replace("* 1.5", "* 3.5"))
    assert statuses(capsys, "shop/orders") == {"shop/orders": "ok"}
    reason = changes(capsys)["other/totals"]
    assert reason[0] == "affected"
    assert reason[1][0].startswith("columns amount of shop/orders, which was published again as version")
    assert statuses(capsys) == {"other/totals": "ok"}


@pytest.mark.full
def test_the_contract_and_partitions(
    shop: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.root)
    day = """
    from datetime import UTC

    @data_product
    def orders(window: Window) -> str:
        days = "SELECT TIMESTAMP '2024-03-30 10:00:00' + INTERVAL (range) DAY AS sold FROM range(3)"
        first, last = (f"{{each.astimezone(UTC):%Y-%m-%d %H:%M}}" for each in (window.start, window.end))
        within = f"sold >= '{{first}}' AND sold < '{{last}}'"
        return f"SELECT sold, {}::BIGINT AS amount FROM ({{days}}) WHERE {{within}}"
    """
    shop.contract("shop/orders", DAYS, promise=AT_SIX + KEPT)
    shop.code("shop", day.format(1))
    shop.code("other", "")
    for product in ("totals", "ids"):
        (shop.root / f"domains/other/contracts/{product}.odcs.yaml").unlink()
    assert main(["run", "shop"]) == 0
    assert changes(capsys) == {"shop/orders": ("unaffected", [])}

    shop.code("shop", day.format(2))
    assert main(["run", "shop", "--partitions", "2024-04-01"]) == 0
    capsys.readouterr()
    assert main(["plan", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["products"]
    [found] = [each for each in document if each["product"] == "shop/orders"]
    assert (found["change"], found["partitions"]) == ("changed", ["2024-03-30", "2024-03-31"])
    assert statuses(capsys) == {"shop/orders": "ok"}
    assert changes(capsys) == {"shop/orders": ("unaffected", [])}

    later = DAYS.replace("end: 2024-04-02", "end: 2024-04-03")
    shop.contract("shop/orders", later, promise=AT_SIX + KEPT)
    [[change, because]] = changes(capsys).values()
    assert change == "changed"
    assert any(words.startswith("its contract: ") for words in because)


def test_against_a_commit(
    committed: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(committed.root)
    assert {each[0] for each in changes(capsys, "--base", "main").values()} == {"unaffected"}
    committed.code("shop", ORDERS.replace("* 1.5", "* 2.5"))
    committed.contract("shop/new", AMOUNTS)
    (committed.root / "domains/other/contracts/ids.odcs.yaml").unlink()
    assert changes(capsys, "--base", "main") == {
        "shop/orders": ("changed", ["its function"]),
        "shop/new": ("changed", ["it is new"]),
        "other/totals": ("affected", ["columns amount of shop/orders"]),
        "other/ids": ("changed", ["it is removed"]),
    }
    assert main(["plan", "--base", "main"]) == 0
    text = capsys.readouterr().out
    assert "shop/orders: read by other/totals (amount) of team:other-team" in text
    assert main(["plan", "--base", "main", "--format", "markdown"]) == 0
    assert "| shop/orders | changed | its function | all |" in capsys.readouterr().out


@pytest.mark.full
def test_a_product_whose_contract_cannot_be_read_is_not_called_removed(
    committed: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(committed.root)
    contract = committed.root / "domains/shop/contracts/orders.odcs.yaml"
    contract.write_text(contract.read_text().replace("schema:", "shcema:"))
    capsys.readouterr()
    assert main(["plan", "--base", "main", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    found = {each["product"]: (each["change"], each["because"]) for each in document["products"]}
    assert found["shop/orders"] == ("changed", ["its contract cannot be read"])
    assert document["diagnostics"]


@pytest.mark.full
def test_a_renamed_product_is_named(
    committed: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(committed.root)
    (committed.root / "domains/other/contracts/ids.odcs.yaml").unlink()
    committed.contract("other/numbers", AMOUNTS)
    committed.code("other", TOTALS.replace("def ids", "def numbers"))
    found = changes(capsys, "--base", "main")
    assert found["other/ids"][1] == ["it has no contract any more; other/numbers is made by the same code"]


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        ([], "U095"),
        ([["init", "-q"], ["add", "."], ["commit", "-qm", "one"]], "U096"),
    ],
)
def test_a_base_that_cannot_be_read(
    shop: SmallMesh, prepare: list[list[str]], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in prepare:
        git(shop, *words)
    assert main(["plan", "--base", "nowhere"]) == 2
    assert f"error[{code}]" in capsys.readouterr().err


@pytest.mark.full
def test_a_base_whose_code_or_contract_is_broken_is_never_unaffected(
    shop: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.root)
    contract = shop.root / "domains/other/contracts/totals.odcs.yaml"
    text = contract.read_text()
    contract.write_text("schema: [")
    shop.code("shop", "def broken(:")
    git(shop, "init", "-q", "-b", "main")
    git(shop, "add", ".")
    git(shop, "commit", "-qm", "one")
    contract.write_text(text)
    shop.code("shop", ORDERS)
    capsys.readouterr()
    assert main(["plan", "--base", "main", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    found = {each["product"]: (each["change"], each["because"]) for each in document["products"]}
    assert found["other/totals"][0] == "changed"
    assert "its contract at the base cannot be read" in found["other/totals"][1]
    assert found["shop/orders"] == ("changed", ["its location at the base does not show its maker"])
    assert found["other/ids"][0] != "unaffected"
    assert any("does not load" in each["message"] for each in document["diagnostics"])


@pytest.mark.full
def test_a_mesh_in_a_folder_of_its_repository(
    shop: SmallMesh,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    above = SmallMesh(tmp_path_factory.mktemp("above"))
    inside = SmallMesh(above.root / "mesh")
    shutil.copytree(shop.root, inside.root)
    monkeypatch.setenv("MESH_ROOT", str(inside.root))
    monkeypatch.chdir(inside.root)
    git(above, "init", "-q", "-b", "main")
    git(above, "commit", "-q", "--allow-empty", "-m", "before the mesh")
    assert main(["validate"]) == 0
    git(above, "add", inside.root.name)
    git(above, "commit", "-qm", "one")
    inside.code("shop", ORDERS.replace("* 1.5", "* 2.5"))
    assert changes(capsys, "--base", "main")["shop/orders"] == ("changed", ["its function"])
