import re
import shutil
from pathlib import Path

import pytest

from central_data_platform.catalog import data_product_catalog
from platform_core.testing import evaluate

CONTRACT = Path(__file__).parents[1] / "contracts" / "data_product_catalog.odcs.yaml"
LIKES = """
apiVersion: v3.2.0
kind: DataContract
id: sales/likes
version: 2.1.0
status: draft
team: {name: sales-analytics}
description: {purpose: Who likes what.}
roles:
  - {role: analysts, access: read}
schema:
  - name: likes
    properties:
      - {name: household_id, logicalType: integer, primaryKey: true, tags: [pseudonymous], description: Who.}
      - {name: product_id, logicalType: integer}
"""


@pytest.fixture
def contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mesh of two contracts: the catalog's own, and one of sales."""
    own, sales = tmp_path / "central_data_platform", tmp_path / "sales"
    own.mkdir()
    sales.mkdir()
    shutil.copy(CONTRACT, own)
    (sales / "likes.odcs.yaml").write_text(LIKES)
    monkeypatch.setenv("MESH_CONTRACTS", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("contracts")
def test_a_contract_is_a_row() -> None:
    result = evaluate(data_product_catalog)
    assert result.failed == []
    row = {row["product_id"]: row for row in result.rows}["sales/likes"]
    assert (row["contract_version"], row["status"], row["owner"]) == ("2.1.0", "draft", "sales-analytics")
    assert (row["column_count"], row["documented_columns"], row["personal_columns"]) == (2, 1, 1)
    assert (row["granted_to"], row["restricted"], row["contract_faults"]) == ("analysts", False, 0)


def test_an_unreadable_contract_keeps_its_row(contracts: Path) -> None:
    (contracts / "sales" / "likes.odcs.yaml").write_text(LIKES.replace("roles:", "rolls:"))
    result = evaluate(data_product_catalog)
    row = {row["product_id"]: row for row in result.rows}["sales/likes"]
    assert row["contract_faults"] > 0
    assert row["owner"] is None
    assert result.failed == []


def test_an_id_that_sql_cannot_name_is_refused(contracts: Path) -> None:
    (contracts / "sales" / "Who Likes.odcs.yaml").write_text(LIKES)
    assert evaluate(data_product_catalog).failed == ["pattern__product_id"]


def test_the_catalog_lists_the_whole_mesh() -> None:
    domains = CONTRACT.parents[2]
    expected = set()
    for file in domains.glob("*/contracts/*.odcs.yaml"):
        domain = file.parents[1].name
        expected.add(f"{domain}/{file.name.removesuffix('.odcs.yaml')}")
        # A masked twin has no file of its own, and is a product all the same.
        expected |= {f"{domain}/{twin}" for twin in re.findall(r"maskedAs, value: (\w+)", file.read_text())}
    result = evaluate(data_product_catalog)
    assert {row["product_id"] for row in result.rows} == expected
    assert all(row["contract_faults"] == 0 for row in result.rows)
