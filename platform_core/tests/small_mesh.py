"""The one small mesh of all tests: what is in its folder, and every way to run it.

In this process: ``publish`` rows that nothing made, or ``run`` the code of a domain. With workers, as
`mesh run` does it: ``coordinate``. As a person does: ``start`` the command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import dagster as dg
import duckdb
import pytest
import yaml

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.location import LakeLocation
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp, number, transaction
from platform_core.products.definitions import assemble
from platform_core.products.makers.domain import read_domain
from platform_core.registry.lookup import Registry
from platform_core.source.workspace import read_locations
from platform_core.workspace.home import Home
from platform_core.workspace.run.coordinator import MeshRun
from platform_core.workspace.run.result import MeshResult, ProductResult
from platform_core.workspace.run.selection import parse_selection

SETTINGS = Path(__file__).resolve().parents[2] / "dagster.yaml"
CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: {id}
version: 1.2.0
status: active
tags: [retail]
description: {{purpose: "All about {id}.", usage: "Join it.", limitations: "It is small."}}
team: {{name: {team}}}
roles: {roles}
slaProperties:
{promise}
schema:
  - name: {name}
{table}
"""
ANALYSTS = "{role: analysts, access: read}"
ROLES = f'[{{role: "domain:other", access: read}}, {ANALYSTS}]'
DEADLINE = """\
  - property: latency
    value: {hours}
    unit: h
    scheduler: cron
    schedule: "{schedule}"
    customProperties: [{{property: timezone, value: Europe/Berlin, vendor: platform-core}}]"""
AT_SIX = DEADLINE.format(hours=2, schedule="0 6 * * *")
TWO_DAYS = "  - {property: latency, value: 2, unit: d}"
KEPT = "\n  - {property: retention, value: 30, unit: d}"
AMOUNTS = """\
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: internal, description: "Number."}
      - {name: amount, logicalType: number, classification: internal, tags: [pseudonymous]}
"""
GOVERNED = AMOUNTS.replace("tags:", 'description: "Money.", logicalTypeOptions: {minimum: 0}, tags:')
"""The same, as the policies want it, with ``AT_SIX + KEPT``."""
SALES = """\
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: internal, description: "No."}
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {minimum: 0}, description: E}
      - {name: who, logicalType: string, tags: [personal], classification: confidential, description: "Name."}
"""
DAYS = """\
    customProperties:
      - property: partitions
        value: {every: day, start: 2024-03-30, end: 2024-04-02, timezone: Europe/Berlin}
        vendor: platform-core
    properties:
      - {name: sold, logicalType: timestamp, partitioned: true, required: true}
      - {name: amount, logicalType: integer, logicalTypeOptions: {maximum: 100}}
"""
TEAM = """\
  {domain}-team:
    name: Team of {domain}
    domain: {domain}
    email: {domain}@example.com
    channels: [{{channel: "#{domain}", tool: slack}}]
    members: [{{role: owner, email: {domain}-owner@example.com}}]
"""
PLAIN = "import time, os, sys\nimport dagster as dg\n"
ROWS = "SELECT range AS id, range * 1.5::DOUBLE AS amount FROM range(3)"


def publish_pinned(
    con: duckdb.DuckDBPyConnection, location: LakeLocation, product: DataProduct, stamp: Stamp
) -> int:
    """A view pinned to a staged table, which dbt's models were published as before 0.4.0; its version."""
    relation, behind = f"{product.lake}.products.{product.name}", f"staging.{product.name}"
    with transaction(con, location, product.lake, holder=stamp.holder) as commit:
        pinned = number(con, f"SELECT max(snapshot_id) FROM {product.lake}.snapshots()")
        rows = number(con, f"SELECT count(*) FROM {product.lake}.{behind}")
        con.execute(f"CREATE OR REPLACE VIEW {relation} AS FROM {behind} AT (VERSION => {pinned})")
        facts = {"rows": rows, "rows_written": rows, "pinned": pinned, "staged": product.name}
        commit.sign(stamp, {"kind": "view", "seconds": None, **facts})
    return commit.version


@dataclass
class Watcher:
    """Keeps what it saw of a run, in order."""

    seen: list[ProductResult] = field(default_factory=list)

    def moved(self, result: ProductResult) -> None:
        self.seen.append(result)

    def tick(self) -> None:
        return

    def order_of(self, status: str) -> list[str]:
        return [result.product for result in self.seen if result.status == status]


@dataclass(frozen=True)
class SmallMesh:
    root: Path
    watcher: Watcher = field(default_factory=Watcher, compare=False)

    @classmethod
    def make(cls, root: Path, *domains: str) -> SmallMesh:
        """An empty mesh in a folder, with a team for each domain, those of its neighbours too."""
        mesh = cls(root)
        teams = "".join(TEAM.format(domain=domain) for domain in domains)
        mesh.write("governance/teams.yaml", f"teams:\n{teams}")
        mesh.write("governance/mesh.yaml", "email_domains: [example.com]\n")
        mesh.write("workspace.yaml", "load_from: []\n")
        shutil.copy(SETTINGS, root)
        return mesh

    @property
    def registry(self) -> Registry:
        return Registry.open(self.root)

    @property
    def lakes(self) -> LakeLocation:
        return LocalLakes(self.root / ".mesh" / "lake")

    def write(self, file: str, text: str) -> Path:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        # Python takes what it compiled for current if the size and the second of the source are the same.
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()
        return path

    def contract(
        self,
        product: str,
        table: str = AMOUNTS,
        *,
        roles: str = ROLES,
        promise: str = AT_SIX,
        team: str | None = None,
    ) -> Path:
        domain, name = product.split("/")
        words = {"id": product, "name": name, "team": team or f"{domain}-team", "roles": roles}
        text = CONTRACT.format(**words, promise=promise, table=table)
        return self.write(f"domains/{domain}/contracts/{name}.odcs.yaml", text)

    def code(self, domain: str, text: str, module: str = "products") -> Path:
        """A module of a domain's package, with all that the library offers imported."""
        head = "from platform_core import *\nimport dagster as dg\n"
        self.write(f"domains/{domain}/src/{domain}/__init__.py", "")
        return self.write(f"domains/{domain}/src/{domain}/{module}.py", head + dedent(text))

    def location(
        self, domain: str, code: str | None = None, products: str = "", python: Path | str = sys.executable
    ) -> None:
        """Make a domain a location: by default of what its package declares, judged by the policies.

        With ``code`` its definitions are plain assets, and ``products`` those that have a contract, an
        empty one.
        """
        package = f"domains/{domain}/src/{domain}"
        self.write(f"{package}/__init__.py", "")
        declared = f"from platform_core import domain_definitions\n\ndefs = domain_definitions({domain!r})\n"
        self.write(f"{package}/definitions.py", declared if code is None else PLAIN + dedent(code))
        for product in products.split():
            self.write(f"domains/{domain}/contracts/{product}.odcs.yaml", "")
        workspace = yaml.safe_load((self.root / "workspace.yaml").read_text())
        location = {
            "module_name": f"{domain}.definitions",
            "location_name": domain,
            "executable_path": str(python),
            "working_directory": f"domains/{domain}/src",
        }
        workspace["load_from"].append({"python_module": location})
        self.write("workspace.yaml", yaml.safe_dump(workspace))

    def publish(self, product: str, select: str = ROWS, *, pinned: bool = False) -> None:
        found = self.registry.get(product)
        stamp = Stamp(run_id="run-1", asset=product)
        with connect(self.lakes, write=[found.lake]) as con:
            if pinned:
                con.execute(f'CREATE OR REPLACE TABLE {found.lake}.staging."{found.name}" AS {select}')
                publish_pinned(con, self.lakes, found, stamp)
            else:
                publish_table(con, self.lakes, found, select, stamp=stamp, audit=str)

    def read(self, query: str, *lakes: str) -> list[tuple[object, ...]]:
        with connect(current_lakes(self.root), read=lakes or ("shop",)) as connection:
            return connection.execute(query).fetchall()

    def definitions(self, domain: str) -> dg.Definitions:
        for name in [name for name in sys.modules if name.split(".")[0] == domain]:
            del sys.modules[name]
        sys.path.insert(0, str(self.root / "domains" / domain / "src"))
        try:
            # Without governance: its policies ask for more than these tests are about.
            found = read_domain(domain)
            definitions, faults = assemble(found)
            if found.faults or faults:
                raise DefinitionError(*found.faults, *faults)
            return definitions
        finally:
            sys.path.pop(0)

    def run(
        self,
        domain: str,
        selection: str,
        instance: dg.DagsterInstance,
        partition: str | tuple[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        repository = self.definitions(domain).get_repository_def()
        job = repository.get_implicit_global_asset_job_def()
        tags, key = {}, partition if isinstance(partition, str) else None
        if isinstance(partition, tuple):
            ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
            tags = dict(zip(ends, partition, strict=True))
        return job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(selection.split("/"))],
            partition_key=key,
            tags=tags,
            raise_on_error=False,
        )

    def coordinate(self, *words: str, partitions: str | None = None) -> MeshResult:
        """Run `mesh run` with these arguments, and report to the watcher."""
        selection = parse_selection(words, self.registry.names())
        home, locations = Home.of(self.root), read_locations(self.root)
        return MeshRun(self.root, home, locations, selection, partitions, self.watcher).execute()

    def start(
        self, *words: str, python: tuple[str, ...] = ("-m", "platform_core.cli"), **variables: str
    ) -> subprocess.Popen[str]:
        """The command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, *python, *words],
            cwd=self.root,
            env={key: value for key, value in os.environ.items() if not key.startswith("MESH_")} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


@contextmanager
def here(root: Path, *domains: str) -> Iterator[SmallMesh]:
    """An empty mesh, which is the one that everything in this process means until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("MESH_", "DAGSTER_"))]:
            patch.delenv(name)
        patch.setenv("MESH_ROOT", str(root))
        # Modules of a package are looked up per test; a cached finder would see the last test's folder.
        sys.path_importer_cache.clear()
        try:
            yield SmallMesh.make(root, *domains)
        finally:
            found = {path.name for path in (root / "domains").glob("*")}
            for name in [name for name in sys.modules if name.split(".")[0] in found]:
                del sys.modules[name]


def published_mesh(root: Path) -> SmallMesh:
    """Analysts may read ``sales/transactions``, ``sales/pinned`` and the never published ``sales/later``."""
    mesh = SmallMesh.make(root, "hr", "sales")
    restricted = AMOUNTS.replace("internal, tags", "restricted, tags")
    for product, roles, table in (
        ("sales/transactions", f"[{ANALYSTS}, {{role: 'domain:hr', access: read}}]", AMOUNTS),
        ("sales/pinned", f"[{ANALYSTS}]", AMOUNTS),
        ("sales/later", f"[{ANALYSTS}]", AMOUNTS),
        ("sales/costs", "[]", AMOUNTS),
        ("hr/employees", "[]", restricted),
        ("hr/payroll", f"[{ANALYSTS}]", restricted),
        ("hr/staffing", "[{role: 'domain:sales', access: read}]", AMOUNTS),
    ):
        mesh.contract(product, table, roles=roles, promise=TWO_DAYS)
    for product in ("sales/transactions", "sales/costs", "hr/employees", "hr/payroll", "hr/staffing"):
        mesh.publish(product)
    mesh.publish("sales/pinned", pinned=True)
    return mesh
