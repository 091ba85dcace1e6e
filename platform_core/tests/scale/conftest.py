"""A deployed small mesh for each module: two domains, readers, and a product of each kind of right."""

from __future__ import annotations

import os
from collections.abc import Iterator

import dagster as dg
import pytest
from on_servers import Deployed, deployed
from small_mesh import AMOUNTS, SmallMesh, here

PRODUCTS = """
@data_product
def orders():
    return "SELECT range AS id, range * 1.5::DOUBLE AS amount FROM range(50000)"

@data_product(inputs={"orders": "sales/orders"}, engine="spark")
def doubled(orders: Table) -> str:
    return f"SELECT id, 2 * amount AS amount FROM {orders} WHERE id < 1000"

@data_product
def costs():
    return "SELECT range AS id, range * 7777.5::DOUBLE AS amount FROM range(3)"
"""
STAFF = """
@data_product(inputs={"orders": "sales/orders"})
def staff(orders):
    return "SELECT * FROM orders LIMIT 5"

@data_product
def pay():
    return "SELECT range AS id, range * 9999.5::DOUBLE AS amount FROM range(3)"
"""


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMesh]:
    root = tmp_path_factory.mktemp("mesh")
    with here(root, "sales", "hr") as mesh:
        readers = "{role: analysts, access: read}, {role: 'domain:hr', access: read}"
        mesh.contract("sales/orders", roles=f"[{readers}]")
        mesh.contract("sales/costs", roles="[]")
        mesh.contract("sales/doubled", roles="[]")
        mesh.contract("hr/staff", roles="[]")
        restricted = AMOUNTS.replace("internal, tags", "restricted, tags")
        mesh.contract("hr/pay", restricted, roles="[{role: analysts, access: read}]")
        for domain, code in (("sales", PRODUCTS), ("hr", STAFF)):
            mesh.location(domain)
            mesh.code(domain, code)
        yield mesh


@pytest.fixture(scope="module")
def servers(mesh: SmallMesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Its servers, with every product published by the role of its domain."""
    with deployed(mesh, tmp_path_factory.mktemp("servers")) as servers, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESH_DEPLOYMENT", str(servers.file))
        with dg.DagsterInstance.ephemeral() as instance:
            for product in ("sales/orders", "sales/costs", "hr/staff", "hr/pay"):
                domain = product.partition("/")[0]
                patch.setenv("MESH_PRINCIPAL", domain)
                assert mesh.run(domain, product, instance).success
        os.environ.pop("MESH_PRINCIPAL")
        yield servers
