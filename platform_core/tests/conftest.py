"""An empty mesh in a folder, which everything in this process means, and an instance to run it in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from small_mesh import SmallMesh, here


@pytest.fixture(autouse=True)
def _imports_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A test's packages of domains end with it: the next one has others of the same names."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    base = tmp_path_factory.getbasetemp()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(base):
            del sys.modules[name]


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[SmallMesh]:
    with here(tmp_path, "shop", "other") as mesh:
        yield mesh


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
