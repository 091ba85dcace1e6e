"""A small mesh in a folder: locations of plain assets, each loaded by this test's interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

from platform_core.contracts.registry import Registry
from platform_core.source.workspace import read_locations
from platform_core.workspace.home import Home
from platform_core.workspace.result import MeshResult, ProductResult
from platform_core.workspace.run import MeshRun
from platform_core.workspace.selection import parse_selection

HEAD = "import time, os, sys\nimport dagster as dg\n"


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


@dataclass
class SmallMesh:
    """A mesh of locations; a product is an asset that has a (here: empty) contract."""

    root: Path
    watcher: Watcher = field(default_factory=Watcher)

    def location(self, name: str, code: str, products: str = "") -> None:
        """Add a location with the code of its module and the names of its products."""
        (self.root / f"{name}_code.py").write_text(HEAD + textwrap.dedent(code))
        folder = self.root / "domains" / name / "contracts"
        folder.mkdir(parents=True)
        for product in products.split():
            (folder / f"{product}.odcs.yaml").touch()
        workspace = self.root / "workspace.yaml"
        text = workspace.read_text() if workspace.exists() else "load_from:\n"
        module = f"module_name: {name}_code, location_name: {name}, working_directory: {self.root}"
        text += f"  - python_module: {{{module}, executable_path: {sys.executable}}}\n"
        workspace.write_text(text)

    def run(self, *words: str, partitions: str | None = None) -> MeshResult:
        selection = parse_selection(words, Registry.open(self.root).names())
        home = Home.of(self.root)
        run = MeshRun(self.root, home, read_locations(self.root), selection, partitions, self.watcher)
        return run.execute()

    def start(
        self, *words: str, python: tuple[str, ...] = ("-m", "platform_core.cli")
    ) -> subprocess.Popen[str]:
        """The mesh command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, *python, *words],
            cwd=self.root,
            env={key: value for key, value in os.environ.items() if not key.startswith("MESH_")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
