"""``mesh slo`` and ``mesh show``: how well products keep their promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_mesh import TWO_DAYS, SmallMesh, here

from platform_core.cli import main
from platform_core.operations.ledger.levels import service_levels
from platform_core.operations.store.journal import Journal

Captured = pytest.CaptureFixture[str]
LEVELS = """\
    properties:
      - {name: product_id, logicalType: string, primaryKey: true, primaryKeyPosition: 1, description: "Id."}
      - {name: period, logicalType: string, primaryKey: true, primaryKeyPosition: 2, description: "Month."}
      - {name: promised, logicalType: integer, required: true, description: "Promises."}
      - {name: kept, logicalType: integer, required: true, description: "Kept ones."}
      - {name: attained, logicalType: number, required: true, description: "Percentage."}
      - {name: own, logicalType: number, required: true, description: "Percentage."}
      - {name: target, logicalType: number, required: true, description: "Percentage."}
      - {name: error_budget, logicalType: number, description: "What is left."}
      - {name: last_day, logicalType: date, required: true, description: "Last day."}
"""
ROWS = """
SELECT * FROM (VALUES
  ('shop/sales', '28 days', 28, 27, 96.4286, 100.0, 95e0, 0.2857, DATE '2026-11-26'),
  ('shop/sales', '2026-10', 31, 31, 100.0, 100.0, 95e0, 1.0, DATE '2026-10-31'),
  ('other/amounts', '28 days', 28, {kept}, {attained}, {attained}, 100e0, NULL, DATE '2026-11-26')
) AS t (product_id, period, promised, kept, attained, own, target, error_budget, last_day)
"""
ALL_KEPT = ROWS.format(kept=28, attained=100.0)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SmallMesh]:
    with here(tmp_path, "shop", "other", "platform") as mesh:
        mesh.write("governance/mesh.yaml", "service_levels: platform/levels\n")
        mesh.contract("platform/levels", LEVELS, promise=TWO_DAYS)
        for product in ("shop/sales", "other/amounts"):
            mesh.contract(product)
        mesh.publish("platform/levels", ALL_KEPT)
        yield mesh


def asked(capsys: Captured, *words: str, status: int = 0) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["slo", *words, "--json"]) == status
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["levels"]
    return found


def refused(capsys: Captured, *words: str) -> str:
    capsys.readouterr()
    assert main([*words]) in (1, 2)
    return capsys.readouterr().err


def test_the_levels_of_all_products_are_those_of_the_last_28_days(shop: SmallMesh, capsys: Captured) -> None:
    assert [(each["product_id"], each["period"]) for each in asked(capsys)] == [
        ("other/amounts", "28 days"),
        ("shop/sales", "28 days"),
    ]
    assert [each["period"] for each in asked(capsys, "shop/sales")] == ["2026-10", "28 days"]
    assert [each["product_id"] for each in asked(capsys, "--domain", "shop")] == ["shop/sales"]
    assert [each["kept"] for each in asked(capsys, "--period", "2026-10")] == [31]
    assert asked(capsys, "--domain", "other", "--period", "2026-10") == []


def test_the_table_has_the_budget_that_is_left(shop: SmallMesh, capsys: Captured) -> None:
    assert main(["slo"]) == 0
    answer = capsys.readouterr().out
    for words in ("27 of 28", "96.4 %", "95 %", "29%", "none allowed"):
        assert words in answer


def test_a_product_below_its_target_has_status_1(shop: SmallMesh, capsys: Captured) -> None:
    shop.publish("platform/levels", ROWS.format(kept=27, attained=96.4286))
    asked(capsys, status=1)
    asked(capsys, "--domain", "other", status=1)
    asked(capsys, "shop/sales", status=0)


def test_an_empty_ledger_is_not_a_fault(shop: SmallMesh, capsys: Captured) -> None:
    shop.publish("platform/levels", f"{ALL_KEPT} WHERE false")
    for words in (["slo"], ["slo", "--period", "2026-11"]):
        assert main(words) == 0
        assert "no entry yet" in capsys.readouterr().out


def test_a_question_without_an_answer_is_a_diagnostic(shop: SmallMesh, capsys: Captured) -> None:
    found = refused(capsys, "slo", "--period", "1999-01")
    assert "O009" in found
    assert "2026-10" in found
    assert "shop/sales" in refused(capsys, "slo", "shop/sale")
    assert "other" in refused(capsys, "slo", "--domain", "others")

    shop.contract("platform/levels", LEVELS, promise=TWO_DAYS, roles="[]")
    assert "A0" in refused(capsys, "slo")

    shop.contract("platform/later", LEVELS, promise=TWO_DAYS)
    shop.write("governance/mesh.yaml", "service_levels: platform/later\n")
    assert "R020" in refused(capsys, "slo")

    shop.write("governance/mesh.yaml", "service_levels: platform/level\n")
    assert "platform/level" in refused(capsys, "slo")

    shop.write("governance/mesh.yaml", "topology: federated\n")
    found = refused(capsys, "slo")
    assert "O008" in found
    assert "mesh.yaml" in found


def test_the_product_with_levels_may_lack_columns(shop: SmallMesh, capsys: Captured) -> None:
    shop.write("governance/mesh.yaml", "service_levels: shop/sales\n")
    shop.publish("shop/sales")
    found = refused(capsys, "slo")
    assert "error[" in found
    assert "Traceback" not in found


def test_the_page_of_a_product_has_what_the_watch_showed(shop: SmallMesh, capsys: Captured) -> None:
    level = next(each for each in service_levels(shop.root) if each.kept == 27)
    assert main(["show", "shop/sales"]) == 0
    assert "kept" not in capsys.readouterr().out

    with Journal.open(shop.root) as journal:
        journal.keep("levels", {"version": 1, "kept": {"shop/sales": level.words}})

    assert main(["show", "shop/sales"]) == 0
    assert "kept 27 of 28 in 28 days" in capsys.readouterr().out
    assert main(["show", "shop/sales", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == "kept 27 of 28 in 28 days"
