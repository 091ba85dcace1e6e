"""The mesh of these tests: other/totals and other/ids read shop/orders, in git where a test asks for it."""

from __future__ import annotations

import subprocess

import pytest
from small_mesh import AT_SIX, GOVERNED, KEPT, SmallMesh

ORDERS = """
@data_product
def orders() -> str:
    return "SELECT range AS id, range * 1.5::DOUBLE AS amount FROM range(3)"
"""
TOTALS = """
@data_product(inputs={"orders": "shop/orders"})
def totals(orders: Table) -> str:
    return f"SELECT id, amount * 2 AS amount FROM {orders}"


@data_product(inputs={"orders": "shop/orders"})
def ids(orders: Table) -> str:
    return f"SELECT id, 1.0::DOUBLE AS amount FROM {orders}"
"""


@pytest.fixture
def shop(mesh: SmallMesh) -> SmallMesh:
    """other/totals and other/ids read shop/orders, other/ids only its ids."""
    for domain in ("shop", "other"):
        mesh.location(domain)
    for product in ("shop/orders", "other/totals", "other/ids"):
        mesh.contract(product, GOVERNED, promise=AT_SIX + KEPT)
    mesh.code("shop", ORDERS)
    mesh.code("other", TOTALS)
    return mesh


def git(mesh: SmallMesh, *words: str) -> str:
    name = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    done = subprocess.run(["git", *name, *words], cwd=mesh.root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def committed(shop: SmallMesh) -> SmallMesh:
    shop.write(".gitignore", ".mesh/\n__pycache__/\n")
    git(shop, "init", "-q", "-b", "main")
    git(shop, "add", ".")
    git(shop, "commit", "-qm", "one")
    return shop
