"""A missed deadline: found by the daemon, shown in the UI at the right product, and reported."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mesh_command import Mesh, until
from mesh_served import Served, serving
from small_mesh import KEPT, TWO_DAYS, SmallMesh

pytestmark = pytest.mark.full

IDS = """\
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: internal, description: Number.}
    quality: [{metric: rowCount, mustBeGreaterThan: 0}]"""
EACH_MINUTE = '  - {property: latency, value: 1, unit: min, scheduler: cron, schedule: "* * * * *"}'
PROMISES = {"late": EACH_MINUTE, "fine": TWO_DAYS}
CODE = """
from platform_core import Source, Table, data_product

@data_product(inputs={{"raw": Source("till/sales", path={file!r})}})
def late(raw: Table) -> str:
    return f"SELECT id FROM {{raw}}"

@data_product
def fine() -> str:
    return "SELECT 1 AS id"
"""


def shop(root: Path, file: Path) -> Mesh:
    """A mesh of one location; the daemon looks every two seconds."""
    mesh = SmallMesh.make(root, "shop")
    for name, promise in PROMISES.items():
        mesh.contract(f"shop/{name}", IDS, promise=promise + KEPT, roles="[]")
    mesh.write("domains/shop/src/shop/products.py", CODE.format(file=str(file)))
    mesh.location("shop")
    return Mesh(root, root / "state", {"FRESHNESS_DAEMON_INTERVAL_SECONDS": "2"})


def freshness(served: Served) -> dict[str, str]:
    answer = served.ask(
        "{ assetNodes { assetKey { path } freshnessStatusInfo { freshnessStatus } } }",
    )
    return {
        "/".join(node["assetKey"]["path"]): node["freshnessStatusInfo"]["freshnessStatus"]
        for node in answer["assetNodes"]
        if node["freshnessStatusInfo"]
    }


def test_only_the_overdue_product_is_shown_as_overdue(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    file.write_text("id\n1\n")
    mesh = shop(tmp_path / "mesh", file)
    made = mesh.run()
    assert made.code == 0, made.err + made.out
    assert mesh.call("status").code == 0
    # From now on nothing can be delivered, neither by hand nor by itself.
    file.unlink()
    began = datetime.now(UTC)

    with serving(mesh) as served:
        until(
            lambda: freshness(served).get("shop/late") == "DEGRADED",
            "the UI to show what is overdue",
            pause=1.0,
        )
        assert freshness(served) == {"shop/late": "DEGRADED", "shop/fine": "HEALTHY"}

    told = mesh.call("status", "--json")
    assert told.code == 1, told.err
    overdue = [each for each in told.document()["troubles"] if each["state"] == "overdue"]
    assert [(each["product"], each["owner"]) for each in overdue] == [("shop/late", "shop-team")]
    # On the first full minute in whose window it was not made.
    since = datetime.fromisoformat(overdue[0]["since"])
    assert (since.second, since.microsecond) == (0, 0)
    assert began - timedelta(minutes=1) < since < datetime.now(UTC)
