"""A promise that the clock breaks: seen by the daemon, shown by the UI for the right product, and told."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from mesh_command import ROOT, Mesh, until
from mesh_served import Served, serving

pytestmark = pytest.mark.full

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: shop/{name}
version: 1.0.0
status: active
description: {{purpose: Sales., usage: Add them up., limitations: Of one shop.}}
team: {{name: sales-analytics}}
slaProperties:
  - {promise}
  - {{property: retention, value: 1, unit: y}}
schema:
  - name: {name}
    dataGranularityDescription: One row per sale.
    properties:
      - {{name: id, logicalType: integer, primaryKey: true, classification: internal, description: Number.}}
    quality:
      - {{metric: rowCount, mustBeGreaterThan: 0}}
"""
EACH_MINUTE = '{property: latency, value: 1, unit: min, scheduler: cron, schedule: "* * * * *"}'
PROMISES = {"late": EACH_MINUTE, "fine": "{property: latency, value: 1, unit: d}"}
CODE = """
from platform_core import Source, Table, data_product

@data_product(inputs={{"raw": Source("till/sales", path={file!r})}})
def late(raw: Table) -> str:
    return f"SELECT id FROM {{raw}}"

@data_product
def fine() -> str:
    return "SELECT 1 AS id"
"""
DEFINITIONS = 'from platform_core import domain_definitions\n\ndefs = domain_definitions("shop")\n'


def shop(root: Path, file: Path) -> Mesh:
    """A mesh of one location, which runs in this test's interpreter; the daemon looks every two seconds."""
    shutil.copytree(ROOT / "governance", root / "governance")
    (root / "governance" / "waivers.yaml").unlink()
    shutil.rmtree(root / "governance" / "policies")
    shutil.copy(ROOT / "dagster.yaml", root)
    contracts, package = (root / "domains" / "shop" / part for part in ("contracts", "src/shop"))
    for folder in (contracts, package):
        folder.mkdir(parents=True)
    for name, promise in PROMISES.items():
        (contracts / f"{name}.odcs.yaml").write_text(CONTRACT.format(name=name, promise=promise))
    (package / "__init__.py").write_text('"""The shop."""\n')
    (package / "products.py").write_text(CODE.format(file=str(file)))
    (package / "definitions.py").write_text(DEFINITIONS)
    location = {
        "module_name": "shop.definitions",
        "location_name": "shop",
        "executable_path": sys.executable,
        "working_directory": "domains/shop/src",
    }
    (root / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"python_module": location}]}))
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


def test_what_is_overdue_shows_and_its_neighbour_does_not(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    file.write_text("id\n1\n")
    root = tmp_path / "mesh"
    root.mkdir()
    mesh = shop(root, file)
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
    assert [(each["product"], each["owner"]) for each in overdue] == [("shop/late", "sales-analytics")]
    # On the first full minute in whose window it was not made.
    since = datetime.fromisoformat(overdue[0]["since"])
    assert (since.second, since.microsecond) == (0, 0)
    assert began - timedelta(minutes=1) < since < datetime.now(UTC)
