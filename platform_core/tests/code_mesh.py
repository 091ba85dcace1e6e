"""A mesh of two domains on disk whose packages can be loaded and materialized in this process."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import dagster as dg
import pytest

from platform_core.errors import DefinitionError
from platform_core.lake.connect import connect
from platform_core.lake.location import LakeLocation
from platform_core.products.definitions import assemble
from platform_core.products.domain import read_domain

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: {id}
version: 1.2.0
status: active
tags: [retail]
description: {{purpose: "All sales.", usage: "Add them up.", limitations: "Only some."}}
team: {{name: {team}}}
roles: [{{role: "domain:other", access: read}}, {{role: analysts, access: read}}]
slaProperties:
  - property: latency
    value: 2
    unit: h
    scheduler: cron
    schedule: "0 6 * * *"
    customProperties: [{{property: timezone, value: Europe/Berlin, vendor: platform-core}}]
schema:
  - name: {name}
{table}
"""
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


def code_mesh(root: Path, patch: pytest.MonkeyPatch) -> CodeMesh:
    """An empty mesh in a folder, which is the one that everything in this process means."""
    (root / "workspace.yaml").write_text("load_from: []\n")
    (root / "governance").mkdir()
    (root / "governance" / "teams.yaml").write_text(
        "teams:\n  shop-team: {name: Shop, email: shop@example.com}\n"
    )
    for name in ("MESH_CONTRACTS", "MESH_LAKE", "MESH_HOME"):
        patch.delenv(name, raising=False)
    patch.setenv("MESH_ROOT", str(root))
    # Modules of a package are looked up per test; a cached finder would see the last test's folder.
    sys.path_importer_cache.clear()
    return CodeMesh(root)


@dataclass(frozen=True)
class CodeMesh:
    root: Path

    def contract(self, product: str, table: str, *, team: str = "shop-team") -> Path:
        domain, name = product.split("/")
        path = self.root / "domains" / domain / "contracts" / f"{name}.odcs.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CONTRACT.format(id=product, name=name, table=table, team=team))
        return path

    def code(self, domain: str, text: str, module: str = "products") -> Path:
        package = self.root / "domains" / domain / "src" / domain
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        path = package / f"{module}.py"
        path.write_text("from platform_core import *\nimport dagster as dg\n" + dedent(text))
        return path

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
            tags = dict(
                zip(
                    ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end"),
                    partition,
                    strict=True,
                )
            )
        return job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(selection.split("/"))],
            partition_key=key,
            tags=tags,
            raise_on_error=False,
        )

    def read(self, query: str, *lakes: str) -> list[tuple[object, ...]]:
        with connect(LakeLocation.current(), read=lakes or ("shop",)) as connection:
            return connection.execute(query).fetchall()
