from __future__ import annotations

import pytest
from small_mesh import SmallMesh, published_mesh


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> SmallMesh:
    return published_mesh(tmp_path_factory.mktemp("mesh"))
