from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from small_mesh import SmallMesh, published_mesh


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect()) as connection:
        yield connection


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> SmallMesh:
    return published_mesh(tmp_path_factory.mktemp("mesh"))


@pytest.fixture
def at_the_mesh(mesh: SmallMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallMesh:
    """The mesh that commands find; the working directory is a folder for files."""
    for name in ("MESH_LAKE", "MESH_HOME", "MESH_CONTRACTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MESH_ROOT", str(mesh.root))
    monkeypatch.chdir(tmp_path)
    return mesh
