"""`mesh run --dry-run`: products, partitions and their cost, without making anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_mesh import SALES, SmallMesh

from platform_core.cli import main

CODE = """
from pathlib import Path

@data_product
def sales():
    Path("called").touch()
    return "SELECT DATE '2024-01-01' + i::INT AS day, i AS id, 1.0 AS amount, 'Ada' AS who FROM range(3) t(i)"
"""


def forecast(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["run", "--dry-run", "--json", *words]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)["products"]
    return found


def test_a_product_that_was_never_made_has_no_cost(
    mesh: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mesh.root)
    mesh.location("shop")
    mesh.contract("shop/sales", SALES)
    mesh.code("shop", CODE)
    [found] = forecast(capsys)
    assert found == {
        "product": "shop/sales", "location": "shop", "partitions": "", "rows": None, "seconds": None,
        "bytes_read": None,
    }  # fmt: skip
    assert not Path("called").exists()
    assert main(["run", "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert "never made" in shown.out
    assert "would make 1: about 0 s of work, reads 0 B, without 1 that were never made" in shown.err
