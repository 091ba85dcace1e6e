"""A part of the mesh of all products, made again on Postgres and an object store: the same content."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mesh_command import Mesh
from on_servers import deployed, write_deployment
from small_mesh import SmallMesh

from platform_core.lake.connect import connect, read_catalog
from platform_core.lake.location import LakeLocation
from platform_core.lake.remote.lakes import RemoteLakes
from platform_core.lake.versions import stamps
from platform_core.registry.lookup import Registry

pytestmark = [pytest.mark.full, pytest.mark.scale]

PART = (
    "sales/products",  # a table
    "sales/stores",
    "sales/transactions",  # in partitions
    "sales/net_sales_by_department",
    "sales/store_performance",  # a model of dbt, over two domains
    "hr/employees",  # restricted, with a masked twin
    "hr/workforce_profiles",
    "hr/store_staffing",
    "hr/headcount_extract",  # a file
    "marketing/campaigns",
    "marketing/households",
    "marketing/coupons",
    "marketing/campaign_targets",
    "marketing/coupon_redemptions",  # a stream
    "marketing/household_segments",  # a model
)


def contents(location: LakeLocation, products: set[str]) -> dict[str, Any]:
    """The content hashes, and the hash of the file, of the published versions."""
    registry = Registry.open(Path(os.environ["MESH_ROOT"]))
    found = {}
    for product in (registry.get(name) for name in sorted(products)):
        [(_, _, facts)] = read_catalog(
            location,
            product.lake,
            lambda catalog, p=product: list(stamps(catalog, p.lake, p.id, limit=1)),  # type: ignore[misc]
        )
        found[product.id] = facts["content"], facts.get("file"), [c["status"] for c in facts["checks"]]
    return found


def test_the_content_of_every_product_is_the_same(
    mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_ROOT", str(mesh.root))
    monkeypatch.setattr("on_servers.write_deployment", lambda _, *given: write_deployment(tmp_path, *given))
    with deployed(SmallMesh(mesh.root), tmp_path / "servers") as servers:
        # The hashes of twins are equal only under the same keys.
        settings = {"MESH_DEPLOYMENT": str(servers.file), "MESH_KEYS": str(mesh.home / "keys")}
        there = replace(mesh, home=tmp_path / "state", settings=settings)
        answer = there.run(*PART)
        assert answer.code == 0, answer.err + answer.out
        made = {name for name, entry in answer.products().items() if entry["status"] == "ok"}
        assert made >= set(PART)

        here = contents(mesh.lakes, made)
        monkeypatch.setenv("MESH_PRINCIPAL", "admin")
        location = RemoteLakes(tmp_path / "lake", servers.lakes)
        assert contents(location, made) == here

        # Rows as readers get them, by the engine that reads ranges through its parent.
        asked = "SELECT store_id, count(*) AS n, sum(sales_value) AS sold"
        asked += " FROM sales.transactions GROUP BY 1 ORDER BY 1"
        rows = there.call("query", "--json", asked)
        assert rows.code == 0, rows.err
        assert rows.document()["rows"] == mesh.query(asked)
        with connect(location, read=["sales"]) as connection:
            [(known,)] = connection.execute("SELECT count(*) FROM sales.products.transactions").fetchall()
        assert known == 1_469_307
