from pathlib import Path

import pytest
from workspace.meshes import SmallMesh


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallMesh:
    for name in ("MESH_ROOT", "MESH_HOME", "MESH_CONTRACTS", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    return SmallMesh(tmp_path)
