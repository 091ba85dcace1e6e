"""A mesh of two domains that read each other's products, small enough to be made, moved and run in a test.

`shop/stores` <- `crew/roster` <- `shop/performance`; every policy is kept.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: {id}
version: 1.0.0
status: active
description:
  purpose: About {name}.
team: {{name: {domain}-team}}
roles:
  - {{role: "domain:{reader}", access: read}}
slaProperties:
  - property: latency
    value: 6
    unit: h
    scheduler: cron
    schedule: "{schedule}"
    customProperties:
      - {{property: timezone, value: Europe/Berlin, vendor: platform-core}}
  - {{property: retention, value: 30, unit: d}}
schema:
  - name: {name}
    properties:
{columns}
    quality:
      - {{metric: rowCount, mustBeGreaterThan: 0}}
"""
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
TEAMS = """\
teams:
  shop-team:
    domain: shop
    email: shop@example.com
    channels: [{channel: "#shop", tool: slack}]
    members: [{role: owner, email: a@example.com}]
  crew-team:
    domain: crew
    email: crew@example.com
    channels: [{channel: "#crew", tool: slack}]
    members: [{role: owner, email: b@example.com}]
"""


def write_domain(root: Path, domain: str, python: Path = Path(sys.executable)) -> None:
    """Add a domain to a mesh: its contracts, its package, its entry in the workspace file."""
    folder = root / "domains" / domain
    package = folder / "src" / domain
    package.mkdir(parents=True)
    (folder / "contracts").mkdir()
    for product, (schedule, *columns) in PRODUCTS.items():
        owner, name = product.split("/")
        if owner == domain:
            lines = "\n".join(f"      - {column}" for column in columns)
            reader = "shop" if domain == "crew" else "crew"
            text = CONTRACT.format(
                id=product, name=name, domain=domain, reader=reader, schedule=schedule, columns=lines
            )
            (folder / "contracts" / f"{name}.odcs.yaml").write_text(text)
    (package / "__init__.py").touch()
    (package / "products.py").write_text(SHOP if domain == "shop" else CREW)
    (package / "definitions.py").write_text(
        f'from platform_core import domain_definitions\n\ndefs = domain_definitions("{domain}")\n'
    )
    write_home(root)
    workspace = root / "workspace.yaml"
    text = workspace.read_text() if workspace.exists() else "load_from:\n"
    workspace.write_text(
        f"{text}  - python_module: {{module_name: {domain}.definitions, location_name: {domain}, "
        f"executable_path: {python}, working_directory: domains/{domain}/src}}\n"
    )


def write_home(root: Path) -> None:
    """What every repository of a mesh has beside its domains."""
    (root / "governance").mkdir(exist_ok=True)
    (root / "governance" / "teams.yaml").write_text(TEAMS)
    (root / "governance" / "mesh.yaml").write_text("email_domains: [example.com]\n")
    shutil.copy(ROOT / "dagster.yaml", root)
