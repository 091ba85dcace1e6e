"""Two versions of a product, compared by key or by whole rows, without what its contract hides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_mesh import AMOUNTS, ANALYSTS, SmallMesh, here

from platform_core.access.diff.versions import Difference, difference

KEYED = """\
    properties:
      - {name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1, classification: internal}
      - {name: part, logicalType: string, primaryKey: true, primaryKeyPosition: 2, classification: internal}
      - {name: amount, logicalType: number, classification: internal}
      - {name: remark, logicalType: string, classification: internal}
"""
HIDDEN = """\
    properties:
      - {name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1, classification: internal}
      - {name: name, logicalType: string, primaryKey: true, primaryKeyPosition: 2, tags: [personal]}
      - {name: mail, logicalType: string, tags: [personal], classification: confidential}
      - {name: amount, logicalType: number, classification: internal}
"""
KEYLESS = AMOUNTS.replace("primaryKey: true, ", "")


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[SmallMesh]:
    with here(tmp_path, "shop") as mesh:
        yield mesh


def compared(mesh: SmallMesh, *selects: str, table: str = KEYED, **options: Any) -> Difference:
    """The last two of some published versions, of a new product."""
    mesh.contract("shop/items", table, roles=f"[{ANALYSTS}]")
    for select in selects:
        mesh.publish("shop/items", select)
    return difference(mesh.registry.get("shop/items"), mesh.lakes, **options)


def items(*rows: str) -> str:
    return f"SELECT * FROM (VALUES {', '.join(rows)}) t(id, part, amount, remark)"


def test_rows_by_key(mesh: SmallMesh) -> None:
    found = compared(
        mesh,
        items("(1, 'a', 1.5, 'x')", "(1, NULL, 2.5, 'x')", "(2, 'a', 3.5, NULL)", "(3, 'a', 4.5, 'x')"),
        items("(1, 'a', 1.5, 'x')", "(1, NULL, 2.6, 'x')", "(2, 'a', 3.7, 'y')", "(4, 'a', 4.5, 'x')"),
    )
    assert found.rows == {"added": 1, "removed": 1, "changed": 2, "same": 1}
    assert {name: each["changed"] for name, each in found.columns.items()} == {"amount": 2, "remark": 1}
    assert found.columns["remark"]["examples"] == [{"key": {"id": "2", "part": "a"}, "old": None, "new": "y"}]
    first = {"key": {"id": "1", "part": None}, "old": "2.5", "new": "2.6"}
    assert first in found.columns["amount"]["examples"]
    assert found.by == ("id", "part")
