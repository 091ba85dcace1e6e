"""A mesh of code in a folder, and an instance to run it in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from code_mesh import CodeMesh


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeMesh]:
    (tmp_path / "workspace.yaml").write_text("load_from: []\n")
    (tmp_path / "governance").mkdir()
    (tmp_path / "governance" / "teams.yaml").write_text(
        "teams:\n  shop-team: {name: Shop, email: shop@example.com}\n"
    )
    for name in ("MESH_CONTRACTS", "MESH_LAKE", "MESH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MESH_ROOT", str(tmp_path))
    # Modules of a package are looked up per test; a cached finder would see the last test's folder.
    sys.path_importer_cache.clear()
    yield CodeMesh(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] in ("shop", "other")]:
        del sys.modules[name]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
