"""`mesh lineage`, and the lineage of columns in materializations."""

from __future__ import annotations

import json

import dagster as dg
import pytest
from small_mesh import SmallMesh

from platform_core.cli import main

Found = dict[str, list[str]]


def lineage(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Found]:
    capsys.readouterr()
    assert main(["lineage", *words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    return {
        direction: {
            ".".join((step["product"], step["column"])): [
                ".".join((to["product"], to["column"])) for to in step["columns"]
            ]
            for step in document[direction]
        }
        for direction in ("up", "down")
        if direction in document
    }


def test_both_directions_over_domains(
    shop: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.root)
    assert lineage(capsys, "other/totals.amount", "--up") == {
        "up": {"other/totals.amount": ["shop/orders.amount"]}
    }
    assert lineage(capsys, "shop/orders.id", "--down") == {
        "down": {"shop/orders.id": ["other/ids.id", "other/totals.id"]}
    }
    both = lineage(capsys, "other/totals")
    assert set(both["up"]) == {"other/totals.id", "other/totals.amount"}
    assert both["down"] == {}
    assert main(["lineage", "other/totals.amount"]) == 0
    text = capsys.readouterr().out
    assert "shop/orders.amount" in text
    assert main(["lineage", "other/totals.amonut"]) == 2
    assert "error[U099]" in capsys.readouterr().err


@pytest.mark.full
def test_a_filter_is_not_an_origin(
    shop: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.root)
    shop.code(
        "other",
        """
        @data_product(inputs={"orders": "shop/orders"})
        def totals(orders: Table) -> str:
            return f"SELECT id, count(*)::DOUBLE AS amount FROM {orders} WHERE amount > 1 GROUP BY id"
        """,
    )
    assert lineage(capsys, "other/totals", "--up")["up"] == {"other/totals.id": ["shop/orders.id"]}


@pytest.mark.full
def test_python_may_use_all_that_it_reads(
    shop: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.root)
    shop.code(
        "other",
        """
        @data_product(inputs={"orders": Input("shop/orders", columns=("id",))})
        def ids(orders: Table):
            return orders.relation()
        """,
    )
    assert main(["lineage", "other/ids.amount", "--up"]) == 0
    assert "shop/orders.id (any of them: Python)" in capsys.readouterr().out


def test_a_materialization_has_the_lineage(shop: SmallMesh) -> None:
    instance = dg.DagsterInstance.ephemeral()
    assert shop.run("shop", "shop/orders", instance).success
    result = shop.run("other", "other/totals", instance)
    [event] = result.asset_materializations_for_node("other__totals")
    found = event.metadata["dagster/column_lineage"].value
    assert isinstance(found, dg.TableColumnLineage)
    deps = {
        name: [(dep.asset_key.path, dep.column_name) for dep in each]
        for name, each in found.deps_by_column.items()
    }
    assert deps == {"id": [(["shop", "orders"], "id")], "amount": [(["shop", "orders"], "amount")]}
