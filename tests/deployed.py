"""A small mesh of two domains on the servers of a deployment: Dagster's instance in Postgres, and two code
servers for each domain. Each product takes about a second to make, so that a test can meet its run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from mesh_command import Mesh
from mesh_served import Served, serving
from servers import PASSWORD, Postgres, free_port, postgres
from small_mesh import DAYS, DEADLINE, GOVERNED, KEPT, SmallMesh

CODE = """
import os
import time
from pathlib import Path

def slowly(select: str) -> str:
    began, computing = time.monotonic(), Path(f"computing-{os.getpid()}")
    computing.touch()
    while time.monotonic() - began < float(Path("pause").read_text()):
        time.sleep(0.05)
    computing.unlink()
    return select
"""
SHOP = """
from {domain}.slow import slowly

@data_product
def one() -> str:
    return slowly("SELECT range AS id, 1.0 AS amount FROM range(3)")

@data_product(inputs={{"one": "shop/one"}})
def two(one: Table) -> str:
    return slowly(f"FROM {{one}}")

@data_product(inputs={{"three": "crew/three"}})
def four(three: Table) -> str:
    return slowly(f"FROM {{three}}")

"""
CREW = """
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from {domain}.slow import slowly

@data_product
def zero() -> str:
    return slowly(f"SELECT range AS id, {{Path('amount').read_text()}} AS amount FROM range(4)")

@data_product
def days() -> Iterator[dict]:
    for day in (30, 31):
        yield {{"sold": datetime(2024, 3, day, 12), "amount": day}}

@data_product(inputs={{"two": "shop/two"}})
def three(two: Table) -> str:
    return slowly(f"FROM {{two}}")
"""
PRODUCTS = ("crew/three", "crew/zero", "shop/four", "shop/one", "shop/two")
LONG_AGO = "0 {hour} 1 1 *"
"""Once a year, so that the daemon starts no run by itself."""
DEPLOYMENT = """\
instance: {{host: 127.0.0.1, port: {postgres}, database: shop, user: owner, password: {{file: {secret}}}}}
servers:
  ui: 127.0.0.1:{ui}
  domains:
    shop: [127.0.0.1:{shop}, 127.0.0.1:{shop_two}]
    crew: [127.0.0.1:{crew}, 127.0.0.1:{crew_two}]
  start: [ui, daemon, shop, crew]
  patience: {patience}
"""


@dataclass(frozen=True)
class Deployed:
    """A served deployment; ``mesh`` runs commands as its clients."""

    mesh: Mesh
    database: Postgres
    ports: dict[str, int]
    served: Served

    def pace(self, seconds: float) -> None:
        """How long each product computes, from now on; those that do at this moment too."""
        new = self.mesh.root / "pause.new"
        new.write_text(str(seconds))
        new.replace(self.mesh.root / "pause")

    def computing(self) -> int:
        """How many products compute at this moment: their runs write nothing meanwhile."""
        marks = self.mesh.root.glob("computing-*")
        return sum(psutil.pid_exists(int(mark.name.partition("-")[2])) for mark in marks)

    def code_servers(self, domain: str) -> list[psutil.Process]:
        return [each for each in self.mesh.processes() if f"{domain}.definitions" in _words(each)]

    def daemon(self) -> psutil.Process:
        return next(each for each in self.mesh.processes() if "dagster._daemon" in _words(each))

    def executing(self, domain: str) -> list[psutil.Process]:
        """The processes of runs."""
        return [
            child
            for server in self.code_servers(domain)
            for child in server.children()
            if any("spawn_main" in word for word in _words(child))
        ]

    def stop_sensors(self) -> None:
        """The daemon starts no run by itself: a product would follow its inputs, also while a test counts."""
        for domain in ("shop", "crew"):
            selector = f'{{repositoryLocationName: "{domain}", repositoryName: "__repository__"}}'
            sensors = "{ ... on Sensors { results { id } } }"
            query = f"{{ sensorsOrError(repositorySelector: {selector}) {sensors} }}"
            for sensor in self.served.ask(query)["sensorsOrError"]["results"]:
                self.served.ask(f'mutation {{ stopSensor(id: "{sensor["id"]}") {{ __typename }} }}')

    def made_since(self, before: dict[str, int]) -> dict[str, int]:
        """How many versions each product got."""
        now = self.counts()
        return {name: now[name] - before.get(name, 0) for name in PRODUCTS}

    def counts(self) -> dict[str, int]:
        return {name: len(versions) for name, versions in self.mesh.versions().items()}


def small_company(root: Path) -> SmallMesh:
    mesh = SmallMesh.make(root, "crew", "shop")
    roles = '[{role: "domain:shop", access: read}, {role: "domain:crew", access: read}]'
    for hour, product in enumerate(("crew/zero", "shop/one", "shop/two", "crew/three", "shop/four"), start=1):
        schedule = LONG_AGO.format(hour=hour)
        promise = DEADLINE.format(hours=12, schedule=schedule) + KEPT
        mesh.contract(product, GOVERNED, roles=roles, promise=promise)
    for domain, code in (("shop", SHOP), ("crew", CREW)):
        mesh.code(domain, CODE, "slow")
        mesh.code(domain, code.format(domain=domain))
        mesh.location(domain)
    described = 'classification: internal, description: "As it is."'
    days = DAYS.replace("required: true}", f"required: true, primaryKey: true, {described}}}")
    days = days.replace("100}}", f"100}}, {described}}}")
    promise = DEADLINE.format(hours=1, schedule=LONG_AGO.format(hour=1)) + KEPT
    mesh.contract("crew/days", days, roles=roles, promise=promise)
    mesh.write("pause", "0")
    mesh.write("amount", "2.0")
    return mesh


def deployment(root: Path, database: Postgres, patience: int = 120) -> dict[str, int]:
    """Write the deployment's file; returns the ports."""
    names = ("ui", "shop", "shop_two", "crew", "crew_two")
    ports = {name: free_port() for name in names}
    (root / "secret").write_text(PASSWORD)
    text = DEPLOYMENT.format(postgres=database.port, secret="secret", patience=patience, **ports)
    (root / "mesh.deployment.yaml").write_text(text)
    return ports


@contextmanager
def deployed(folder: Path) -> Iterator[Deployed]:
    with postgres(folder / "database") as database, pytest.MonkeyPatch.context() as patch:
        root = small_company(folder / "mesh").root
        ports = deployment(root, database)
        settings = {"MESH_DEPLOYMENT": str(root / "mesh.deployment.yaml")}
        mesh = Mesh(
            root, folder / "state", {**settings, "MESH_SECRET_SHOP_ONLY": "x", "MESH_SECRET_CREW_ONLY": "y"}
        )
        patch.setenv("DAGSTER_INSTANCE_PASSWORD", PASSWORD)
        with serving(mesh, ()) as served:
            found = Deployed(mesh, database, ports, served)
            found.stop_sensors()
            yield found


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
