"""Growth from 10 to 20 domains: `mesh validate`, and the daemon's evaluation of automation."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from unittest.mock import patch

import dagster as dg
import psutil
import yaml
from mesh_command import ENOUGH, Mesh  # type: ignore[import-not-found]
from servers import PASSWORD, Postgres, free_port, postgres  # type: ignore[import-not-found]

from benchmarks.generated import product, write_domain, write_federation
from benchmarks.measure import MESH, ROOT, BenchmarkFailed, Measured, fresh_home, run
from benchmarks.report import Aim, Section, processor

PRODUCTS = 500
SIZES = (10, 20)
TICKS = 3
"""Of each sensor, after its first."""
LOADED = 600.0
"""Seconds for all code servers to load, and for the first tick of each sensor."""
TICKED = 600.0
DEFINITIONS = "from platform_core import domain_definitions\n\ndefs = domain_definitions({domain!r})\n"
PASSWORD_VARIABLE = "DAGSTER_INSTANCE_PASSWORD"


@dataclass(frozen=True)
class Ticks:
    """``evaluation``: the sum of all sensors' median seconds of a tick. ``processor``: seconds of the daemon
    per round of one tick of each sensor."""

    evaluation: float
    first: float
    """The sum of the first ticks."""
    processor: float


def measure(rounds: int) -> list[Section]:
    with fresh_home() as home:
        roots = {size: _write(home / f"{size}", size) for size in SIZES}
        cold: dict[int, list[Measured]] = {size: [] for size in SIZES}
        warm: dict[int, list[Measured]] = {size: [] for size in SIZES}
        for _ in range(rounds):
            for size, root in roots.items():
                mesh = Mesh(root, home / f"state-{size}")
                around = {**mesh.environment(), "MESH_ROOT": str(root)}
                shutil.rmtree(mesh.home / "introspection", ignore_errors=True)
                cold[size].append(run([str(MESH), "validate"], around))
                warm[size].append(run([str(MESH), "validate"], around))
        with postgres(home / "database") as database:
            ticks = {size: _ticks(root, home / f"served-{size}", database) for size, root in roots.items()}
    small, large = SIZES
    step = large / small

    def growth(name: str, of_small: float, of_large: float) -> Aim:
        return Aim(f"{name}, growth / {step:g}", of_large / of_small / step, at_most=1.2)

    return [
        Section(
            title=f"{small} and {large} domains x {PRODUCTS} products ({rounds} runs each, medians)",
            aims=[
                growth("mesh validate, cold, processor", processor(cold[small]), processor(cold[large])),
                growth("mesh validate, warm, processor", processor(warm[small]), processor(warm[large])),
                growth("the daemon's ticks", ticks[small].evaluation, ticks[large].evaluation),
                growth("the daemon's ticks, processor", ticks[small].processor, ticks[large].processor),
            ],
            columns=(
                "domains",
                "validate cold, processor, s",
                "warm, processor, s",
                "ticks of all sensors, s",
                "the first, s",
                "daemon per round, processor, s",
            ),
            rows=[
                (
                    size,
                    processor(cold[size]),
                    processor(warm[size]),
                    ticks[size].evaluation,
                    ticks[size].first,
                    ticks[size].processor,
                )
                for size in SIZES
            ],
        )
    ]


def _write(root: Path, size: int) -> Path:
    """A mesh in which each domain reads from the one before it, of locations in the environment of `mesh`."""
    names = [f"domain{number:03d}" for number in range(size)]
    root.mkdir()
    write_federation(root, names)
    shutil.copy(ROOT / "dagster.yaml", root)
    locations = []
    for number, name in enumerate(names):
        before = f"{names[number - 1]}/{product(0)}" if number else None
        write_domain(root, name, PRODUCTS, names[number + 1 : number + 2], before)
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


def _ticks(root: Path, home: Path, database: Postgres) -> Ticks:
    """Serve a mesh whose records are in Postgres, and wait for ticks."""
    name = f"dagster_{root.name}"
    database.run(f"CREATE DATABASE {name}")
    secret = home.parent / "secret"
    secret.write_text(PASSWORD)
    deployment = {
        "instance": {
            "host": "127.0.0.1",
            "port": database.port,
            "database": name,
            "user": "owner",
            "password": {"file": str(secret)},
        }
    }
    file = root / "mesh.deployment.yaml"
    file.write_text(yaml.safe_dump(deployment))
    mesh = Mesh(root, home, {"MESH_DEPLOYMENT": str(file)})
    with _serving(mesh) as server, patch.dict(os.environ, {PASSWORD_VARIABLE: PASSWORD}):
        locations = len(list((root / "domains").iterdir()))
        _until(server, LOADED, lambda: (home / "dagster" / "dagster.yaml").exists())
        with mesh.instance() as instance:

            def each_has(count: int) -> bool:
                found = _durations(instance)
                return len(found) == locations and min(map(len, found.values())) >= count

            _until(server, LOADED, lambda: each_has(1))
            daemon = next(each for each in mesh.processes() if "dagster._daemon" in each.cmdline())
            before, began = _done(instance), _used(daemon)
            _until(server, TICKED, lambda: each_has(1 + TICKS))
            after, used = _done(instance), _used(daemon) - began
            durations = _durations(instance)
    return Ticks(
        evaluation=sum(median(each[1:]) for each in durations.values()),
        first=sum(each[0] for each in durations.values()),
        processor=used * locations / (after - before),
    )


@contextmanager
def _serving(mesh: Mesh) -> Iterator[psutil.Popen]:
    mesh.home.mkdir(parents=True)
    with (mesh.home / "output").open("wb") as output:
        server = psutil.Popen(
            [str(MESH), "serve", "--port", str(free_port())],
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
                server.send_signal(signal.SIGINT)
                server.wait(timeout=ENOUGH)
            for left in mesh.processes():
                left.kill()


def _durations(instance: dg.DagsterInstance) -> dict[str, list[float]]:
    """The seconds of the ended ticks of each automation sensor, the oldest first."""
    found: dict[str, list[float]] = {}
    for state in instance.all_instigator_state():
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id)
        if failed := [tick.error for tick in ticks if tick.error]:
            raise BenchmarkFailed(f"a tick has failed: {failed[0]}")
        found[state.selector_id] = [
            tick.end_timestamp - tick.timestamp for tick in reversed(ticks) if tick.end_timestamp is not None
        ]
    return found


def _done(instance: dg.DagsterInstance) -> int:
    return sum(map(len, _durations(instance).values()))


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _until(server: psutil.Popen, seconds: float, happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if server.poll() is not None:
            raise BenchmarkFailed("the server has ended")
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"waited {seconds:.0f} s in vain")
        time.sleep(0.5)
