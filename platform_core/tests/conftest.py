"""An empty mesh in a folder, which everything in this process means, and an instance to run it in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from small_mesh import SmallMesh, here


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[SmallMesh]:
    with here(tmp_path, "shop", "other") as mesh:
        yield mesh


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
