"""The search: typing errors, ranks, and an index that follows the contracts."""

from __future__ import annotations

import json
import os

import pytest
from small_mesh import AMOUNTS, SALES, SmallMesh

from platform_core.cli import main
from platform_core.registry import search as module
from platform_core.registry.search import search

TWIN = """\
    customProperties: [{property: maskedAs, value: clients_masked, vendor: platform-core}]
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: internal, description: "No."}
      - {name: salary, logicalType: number, classification: restricted, description: "Pay.",
         customProperties: [{property: mask, value: {method: drop}, vendor: platform-core}]}
"""


@pytest.fixture
def shop(mesh: SmallMesh) -> SmallMesh:
    mesh.contract("shop/household_baskets", AMOUNTS)
    mesh.contract("shop/coupons", AMOUNTS.replace("amount", "discount"))
    mesh.contract("shop/transactions", SALES.replace('"Name."', '"The buyer of Größe M."'))
    mesh.contract("other/ledger", AMOUNTS.replace("amount", "transactions"))
    return mesh


def found(mesh: SmallMesh, text: str, *domains: str) -> tuple[str, ...]:
    return search(mesh.registry, text, mesh.root / ".mesh" / "search.sqlite", *domains)


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("household baskets", "shop/household_baskets"),
        ("houshold bakset", "shop/household_baskets"),
        ("HOUSEHOLD-BASKETS", "shop/household_baskets"),
        ("transctions", "shop/transactions"),  # a name before a column
        ("trans", "shop/transactions"),
        ("discuont", "shop/coupons"),
        ("grosse", "shop/transactions"),
        ("Größe", "shop/transactions"),
        ("other-team", "other/ledger"),
        ("buyer", "shop/transactions"),
    ],
)
def test_the_best_is_first(shop: SmallMesh, text: str, best: str) -> None:
    assert found(shop, text)[0] == best


@pytest.mark.parametrize("text", ["zzzzqq", "", "--", "'; DROP TABLE word", "\0"])
def test_nothing_is_found_for_other_words(shop: SmallMesh, text: str) -> None:
    assert [name for name in found(shop, text) if "table" not in text.lower()] == []


def test_a_domain_narrows_it(shop: SmallMesh) -> None:
    assert found(shop, "transactions", "other") == ("other/ledger",)


def test_only_changed_contracts_are_read_again(shop: SmallMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = module._read
    monkeypatch.setattr(module, "_read", lambda registry, id: read.append(id) or real(registry, id))
    found(shop, "coupons")
    assert len(read) == 4
    read.clear()
    found(shop, "coupons")
    assert read == []
    path = shop.contract("shop/coupons", AMOUNTS.replace("amount", "rebate"))
    assert found(shop, "rebate") == ("shop/coupons",)
    assert read == ["shop/coupons"]
    path.unlink()
    assert found(shop, "rebate") == ()


def test_a_damaged_index_is_made_again(shop: SmallMesh) -> None:
    file = shop.root / ".mesh" / "search.sqlite"
    for content in (b"", b"not a database", os.urandom(5000)):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        assert found(shop, "coupons") == ("shop/coupons",)
    assert file.read_bytes().startswith(b"SQLite")


def test_without_a_place_for_the_index_it_finds_the_same(shop: SmallMesh) -> None:
    (shop.root / ".mesh").write_text("not a folder")
    assert found(shop, "coupons") == ("shop/coupons",)


def test_a_masked_twin_and_a_broken_contract_are_found(shop: SmallMesh) -> None:
    shop.contract("shop/clients", TWIN)
    shop.write("domains/shop/contracts/broken_thing.odcs.yaml", "id: [")
    assert set(found(shop, "clients")) == {"shop/clients", "shop/clients_masked"}
    assert found(shop, "broken thing")[0] == "shop/broken_thing"


def test_the_command_lists_what_was_published(shop: SmallMesh, capsys: pytest.CaptureFixture[str]) -> None:
    shop.publish("shop/transactions", "SELECT 1 AS id, 2.5::DOUBLE AS amount, 'x' AS who")
    assert main(["products", "--search", "transctions", "--json"]) == 0
    products = json.loads(capsys.readouterr().out)["products"]
    assert [each["product"] for each in products] == ["shop/transactions", "other/ledger"]
    assert [each["published"] and each["published"]["rows"] for each in products] == [1, None]
    assert main(["products", "--search", "zzzzqq"]) == 0
    assert "no product matches" in capsys.readouterr().err
