"""Growth from 10 to 20 domains: `mesh validate`, and the work of Dagster's daemon.

``python -m benchmarks.scale_growth WORKSPACE`` is that work alone: Dagster's own code for a workspace of
code servers, without the threads that share its process in `mesh serve`.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import dagster as dg
import psutil
import yaml
from mesh_command import ENOUGH, Mesh  # type: ignore[import-not-found]
from servers import PASSWORD, Postgres, free_port, postgres  # type: ignore[import-not-found]

from benchmarks.generated import product, write_domain, write_federation
from benchmarks.measure import MESH, ROOT, BenchmarkFailed, Measured, fresh_home, module, run
from benchmarks.report import Aim, Section, processor

SIZES = (10, 20)
ROUNDS = 1
"""Ticks of each sensor, after its first. A round of 5,000 products takes minutes."""
INTERVAL = 31.0
"""Seconds between ticks of a sensor; Dagster permits 30."""
LOADED = 600.0
"""Seconds for all code servers to load."""
DEFINITIONS = "from platform_core import domain_definitions\n\ndefs = domain_definitions({domain!r})\n"


def measure(rounds: int, products: int) -> list[Section]:
    """Measure each size; without a cache `mesh validate` runs once, because it takes minutes."""
    with fresh_home() as home:
        roots = {size: _write(home / f"{size}", size, products) for size in SIZES}
        cold: dict[int, list[Measured]] = {size: [] for size in SIZES}
        warm: dict[int, list[Measured]] = {size: [] for size in SIZES}
        for number in range(rounds):
            for size, root in roots.items():
                around = {**Mesh(root, home / f"state-{size}").environment(), "MESH_ROOT": str(root)}
                if number == 0:
                    cold[size].append(run([str(MESH), "validate"], around))
                warm[size].append(run([str(MESH), "validate"], around))
        with postgres(home / "database") as database:
            daemon = {size: _daemon(root, home / f"served-{size}", database) for size, root in roots.items()}
    small, large = SIZES
    step = large / small

    def growth(name: str, of_small: float, of_large: float) -> Aim:
        return Aim(f"{name}, growth / {step:g}", of_large / of_small / step, at_most=1.2)

    return [
        Section(
            title=f"{small} and {large} domains x {products} products (warm: {rounds} runs each, medians)",
            aims=[
                growth("mesh validate, cold, processor", processor(cold[small]), processor(cold[large])),
                growth("mesh validate, warm, processor", processor(warm[small]), processor(warm[large])),
                growth("ticks of all sensors, processor", *(median(daemon[size]["ticks"]) for size in SIZES)),
                growth("load of the workspace, processor", *(daemon[size]["load"] for size in SIZES)),
            ],
            columns=(
                "domains",
                "validate cold, processor, s",
                "warm, processor, s",
                "ticks of all sensors, processor, s",
                "the first ticks, s",
                "load of the workspace, s",
            ),
            rows=[
                (
                    size,
                    processor(cold[size]),
                    processor(warm[size]),
                    round(median(daemon[size]["ticks"]), 3),
                    round(daemon[size]["first"], 3),
                    round(daemon[size]["load"], 3),
                )
                for size in SIZES
            ],
        )
    ]


def _write(root: Path, size: int, products: int) -> Path:
    """A mesh in which each domain reads from the one before it, of locations in the environment of `mesh`."""
    names = [f"domain{number:03d}" for number in range(size)]
    root.mkdir()
    write_federation(root, names)
    shutil.copy(ROOT / "dagster.yaml", root)
    locations = []
    for number, name in enumerate(names):
        before = f"{names[number - 1]}/{product(0)}" if number else None
        write_domain(root, name, products, names[number + 1 : number + 2], before)
        (root / "domains" / name / "src" / name / "definitions.py").write_text(
            DEFINITIONS.format(domain=name)
        )
        locations.append(
            {
                "module_name": f"{name}.definitions",
                "location_name": name,
                "executable_path": str(MESH.with_name("python")),
                "working_directory": f"domains/{name}/src",
            }
        )
    entries = [{"python_module": location} for location in locations]
    (root / "workspace.yaml").write_text(yaml.safe_dump({"load_from": entries}))
    return root


def _daemon(root: Path, home: Path, database: Postgres) -> Mapping[str, Any]:
    """Serve the code servers of a mesh whose records are in Postgres, and do the daemon's work for them."""
    name = f"dagster_{root.name}"
    database.run(f"CREATE DATABASE {name}")
    secret = home.parent / "secret"
    secret.write_text(PASSWORD)
    domains = sorted(folder.name for folder in (root / "domains").iterdir())
    ports = {domain: free_port() for domain in domains}
    deployment = {
        "instance": {
            "host": "127.0.0.1",
            "port": database.port,
            "database": name,
            "user": "owner",
            "password": {"file": str(secret)},
        },
        "servers": {
            "domains": {domain: [f"127.0.0.1:{port}"] for domain, port in ports.items()},
            "start": domains,
        },
    }
    file, workspace = root / "mesh.deployment.yaml", root / "served.yaml"
    file.write_text(yaml.safe_dump(deployment))
    entries = [
        {"grpc_server": {"host": "127.0.0.1", "port": port, "location_name": domain}}
        for domain, port in ports.items()
    ]
    workspace.write_text(yaml.safe_dump({"load_from": entries}))
    mesh = Mesh(root, home, {"MESH_DEPLOYMENT": str(file)})
    with _serving(mesh) as server:
        deadline = time.monotonic() + LOADED
        for port in ports.values():
            while not _listens(port):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise BenchmarkFailed(f"no code server listens on {port}")
                time.sleep(0.2)
        around = {
            **mesh.environment(),
            "DAGSTER_HOME": str(home / "dagster"),
            "DAGSTER_INSTANCE_PASSWORD": PASSWORD,
            "PYTHONPATH": os.environ["PYTHONPATH"],
        }
        return run(module("scale_growth", str(workspace)), around).said


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@contextmanager
def _serving(mesh: Mesh) -> Iterator[psutil.Popen]:
    mesh.home.mkdir(parents=True)
    with (mesh.home / "output").open("wb") as output:
        server = psutil.Popen(
            [str(MESH), "serve"],
            cwd=mesh.root,
            env=mesh.environment(),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield server
        except BenchmarkFailed as error:
            end = (mesh.home / "output").read_text(errors="replace").strip().splitlines()[-15:]
            raise BenchmarkFailed("\n  ".join([str(error), *end])) from None
        finally:
            if server.poll() is None:
                server.terminate()
                server.wait(timeout=ENOUGH)
            for left in mesh.processes():
                left.kill()


def work(workspace: str) -> dict[str, Any]:
    """Processor seconds of the daemon: to load the workspace, for the first tick of all sensors, and for each
    later round of ticks."""
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster._daemon.asset_daemon import AssetDaemon

    with (
        dg.DagsterInstance.get() as instance,
        WorkspaceProcessContext(instance, WorkspaceFileTarget([workspace])) as context,
    ):
        deadline = time.monotonic() + LOADED
        while faults := [
            entry.load_error.message
            for entry in context.create_request_context().get_code_location_entries().values()
            if entry.load_error is not None
        ]:
            if time.monotonic() > deadline:
                raise SystemExit(faults[0])
            time.sleep(1)
            context.refresh_workspace()
        began = time.process_time()
        context.refresh_workspace()
        load = time.process_time() - began
        daemon = AssetDaemon(instance.get_auto_materialize_settings(), pre_sensor_interval_seconds=30)
        rounds = []
        for number in range(1 + ROUNDS):
            time.sleep(INTERVAL if number else 0)
            began = time.process_time()
            daemon._run_iteration_impl(context, None, {}, {})
            rounds.append(time.process_time() - began)
        sensors = len(context.create_request_context().code_locations)
        ticks = [
            tick
            for state in instance.all_instigator_state()
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
        ]
    statuses = {tick.status.value for tick in ticks}
    if len(ticks) != sensors * len(rounds) or not statuses <= {"SKIPPED", "SUCCESS"}:
        raise SystemExit(f"{len(ticks)} ticks of {sensors} sensors: {', '.join(statuses)}")
    return {"load": load, "first": rounds[0], "ticks": rounds[1:]}


if __name__ == "__main__":
    print(json.dumps(work(sys.argv[1])))
