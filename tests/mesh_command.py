"""The `mesh` command as a person calls it, on a mesh with a temporary state folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import psutil  # type: ignore[import-untyped]

from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.location import LakeLocation
from platform_core.lake.versions import Version, history
from platform_core.registry.lookup import Registry

ROOT = Path(__file__).resolve().parent.parent
MESH = Path(sys.executable).parent / "mesh"
ENOUGH = 300.0
"""Seconds after which a test gives up, however slow the machine is."""
# What the shell that runs the tests may have set must not reach the mesh under test.
OURS = ("MESH_", "DAGSTER_", "PYTHONPATH", "PYTHONHOME")


@dataclass(frozen=True)
class Answer:
    """The output of a command."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """Standard output as the one JSON document that it must be."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    def products(self) -> dict[str, dict[str, Any]]:
        """The entries of `mesh run --json` by their product."""
        return {entry["product"]: entry for entry in self.document()["products"]}

    def statuses(self) -> dict[str, str]:
        return {name: entry["status"] for name, entry in self.products().items()}


@dataclass(frozen=True)
class Mesh:
    """One mesh: the tree of its definitions and the folder of its state."""

    root: Path
    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further environment variables, such as MESH_LAKE."""

    @property
    def lakes(self) -> LakeLocation:
        return LocalLakes(self.home / "lake")

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return {**kept, "MESH_HOME": str(self.home), **self.settings}

    def start(self, *words: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """The command, running; a terminal's Ctrl-C in the tests does not reach it."""
        return subprocess.Popen(
            [str(MESH), *words],
            cwd=cwd or self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def call(self, *words: str, cwd: Path | None = None) -> Answer:
        return finished(self.start(*words, cwd=cwd))

    def run(self, *words: str) -> Answer:
        return self.call("run", "--json", *words)

    def query(self, sql: str, principal: str = "analysts") -> list[dict[str, Any]]:
        answer = self.call("query", "--json", "--as", principal, sql)
        assert answer.code == 0, answer.err
        rows: list[dict[str, Any]] = answer.document()["rows"]
        return rows

    def published(self) -> dict[str, Version]:
        """The versions that readers see now, by product, read from the lakes."""
        return {product: versions[0] for product, versions in self.versions().items()}

    def versions(self) -> dict[str, tuple[Version, ...]]:
        """Every version that was published, the newest first, by product."""
        products, faults = Registry(self.root / "domains", "contracts").scan()
        assert not faults
        with connect(self.lakes, read={product.lake for product in products}) as connection:
            return {product.id: history(connection, product) for product in products}

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.from_config(str(self.home / "dagster")) as instance:
            yield instance

    def processes(self) -> list[psutil.Process]:
        """Every live process that uses this state."""
        mine = f"{self.home}"
        return [process for process in psutil.process_iter() if _home_of(process) == mine]


def finished(process: subprocess.Popen[str]) -> Answer:
    """The answer of a running command; one that hangs is killed and fails the test."""
    try:
        out, err = process.communicate(timeout=ENOUGH)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Answer(process.returncode, out, err)


def until(happened: Callable[[], Any], what: str, pause: float = 0.05) -> Any:
    """Wait until a condition holds, within a bound; returns its value."""
    deadline = time.monotonic() + ENOUGH
    while not (found := happened()):
        assert time.monotonic() < deadline, f"waited {ENOUGH:.0f} s in vain for {what}"
        time.sleep(pause)
    return found


def _home_of(process: psutil.Process) -> str | None:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        home: str | None = process.environ().get("MESH_HOME")
    except psutil.Error:
        return None
    return home
