"""A mesh of two domains in a folder: contracts, teams and published tables of three rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from platform_core.contracts.registry import Registry
from platform_core.lake.connect import connect
from platform_core.lake.location import LakeLocation
from platform_core.lake.publish import publish_table, publish_view
from platform_core.lake.transaction import Stamp

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: {id}
version: 1.2.0
status: active
description: {{purpose: "All about {id}.", usage: "Join it.", limitations: "It is small."}}
team: {{name: {team}}}
roles: {roles}
slaProperties:
  - {{property: latency, value: 2, unit: d}}
schema:
  - name: {name}
    properties:
      - {{name: id, logicalType: integer, primaryKey: true, classification: internal, description: "Number."}}
      - {{name: amount, logicalType: number, classification: {classification}, tags: [pseudonymous]}}
"""
ROWS = "SELECT range AS id, range * 1.5::DOUBLE AS amount FROM range(3)"


@dataclass(frozen=True)
class SmallMesh:
    root: Path

    @property
    def registry(self) -> Registry:
        return Registry.open(self.root)

    @property
    def location(self) -> LakeLocation:
        return LakeLocation(self.root / ".mesh" / "lake")

    def contract(self, product: str, roles: str = "[]", classification: str = "internal") -> Path:
        domain, name = product.split("/")
        path = self.root / "domains" / domain / "contracts" / f"{name}.odcs.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        team = f"{domain}-team"
        path.write_text(
            CONTRACT.format(id=product, name=name, team=team, roles=roles, classification=classification)
        )
        return path

    def publish(self, product: str, select: str = ROWS, *, pinned: bool = False) -> None:
        found = self.registry.get(product)
        stamp = Stamp(run_id="run-1", asset=product)
        with connect(self.location, write=[found.lake]) as con:
            if pinned:
                con.execute(f'CREATE TABLE {found.lake}.staging."{found.name}" AS {select}')
                publish_view(con, self.location, found, stamp=stamp, audit=str)
            else:
                publish_table(con, self.location, found, select, stamp=stamp, audit=str)


def make_mesh(root: Path) -> SmallMesh:
    """Analysts may read ``sales/transactions``, ``sales/pinned`` and the never published ``sales/later``."""
    mesh = SmallMesh(root)
    (root / "governance").mkdir()
    (root / "workspace.yaml").write_text("load_from: []\n")
    (root / "governance" / "teams.yaml").write_text(
        "teams:\n  hr-team: {name: People, email: people@example.com}\n  sales-team: {email: s@example.com}\n"
    )
    analysts = "[{role: analysts, access: read}]"
    mesh.contract("sales/transactions", "[{role: analysts, access: read}, {role: 'domain:hr', access: read}]")
    mesh.contract("sales/pinned", analysts)
    mesh.contract("sales/later", analysts)
    mesh.contract("sales/costs")
    mesh.contract("hr/employees", classification="restricted")
    mesh.contract("hr/payroll", analysts, classification="restricted")
    mesh.contract("hr/staffing", "[{role: 'domain:sales', access: read}]")
    for product in ("sales/transactions", "sales/costs", "hr/employees", "hr/payroll", "hr/staffing"):
        mesh.publish(product)
    mesh.publish("sales/pinned", pinned=True)
    return mesh
