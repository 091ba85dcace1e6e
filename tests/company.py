"""A company of two domains that read each other's products and keep every policy.

`shop/stores` <- `crew/roster` <- `shop/performance`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from small_mesh import DEADLINE, KEPT, SmallMesh

STORE = "primaryKey: true, classification: public, description: Number of the store."
PRODUCTS = {
    "shop/stores": (
        "30 5 * * *",
        f"{{name: store_id, logicalType: integer, {STORE}}}",
        "{name: sale_count, logicalType: integer, classification: internal, description: Sales of the year.}",
    ),
    "crew/roster": (
        "0 6 * * *",
        "{name: employee_id, logicalType: integer, primaryKey: true, classification: internal, "
        "description: Number of the person.}",
        "{name: store_id, logicalType: integer, classification: public, description: Where., "
        "relationships: [{to: shop/stores.odcs.yaml#/schema/stores/properties/store_id}]}",
    ),
    "shop/performance": (
        "0 8 * * *",
        f"{{name: store_id, logicalType: integer, {STORE}}}",
        "{name: staff_count, logicalType: integer, classification: internal, description: People there.}",
    ),
}
SHOP = '''\
from platform_core import Table, data_product


@data_product
def stores() -> str:
    return "SELECT range AS store_id, 10 * range AS sale_count FROM range(1, 4)"


@data_product(inputs={"stores": "shop/stores", "roster": "crew/roster"})
def performance(stores: Table, roster: Table) -> str:
    return f"""
        SELECT store_id, count(r.employee_id) AS staff_count
        FROM {stores} LEFT JOIN {roster} AS r USING (store_id) GROUP BY store_id"""
'''
CREW = """\
from platform_core import Table, data_product


@data_product(inputs={"stores": "shop/stores"})
def roster(stores: Table) -> str:
    return f"SELECT 100 + store_id AS employee_id, store_id FROM {stores}"
"""


def repository(root: Path) -> SmallMesh:
    """A repository of the company, without a domain so far."""
    return SmallMesh.make(root, "crew", "shop")


def add_domain(mesh: SmallMesh, domain: str, python: Path | str = sys.executable) -> None:
    """`shop` or `crew`: its contracts, its package, its location."""
    reader = "shop" if domain == "crew" else "crew"
    for product, (schedule, *columns) in PRODUCTS.items():
        if product.startswith(f"{domain}/"):
            lines = "".join(f"      - {column}\n" for column in columns)
            table = f"    properties:\n{lines}    quality: [{{metric: rowCount, mustBeGreaterThan: 0}}]"
            promise = DEADLINE.format(hours=6, schedule=schedule) + KEPT
            mesh.contract(
                product, table, roles=f'[{{role: "domain:{reader}", access: read}}]', promise=promise
            )
    mesh.write(f"domains/{domain}/src/{domain}/products.py", SHOP if domain == "shop" else CREW)
    mesh.location(domain, python=python)
