from __future__ import annotations

from collections.abc import Iterator

import pytest
from operations.alerted import AlertedMesh, alerted_mesh


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertedMesh]:
    with alerted_mesh(tmp_path_factory.mktemp("mesh")) as found:
        yield found


@pytest.fixture
def alerted(shared: AlertedMesh) -> AlertedMesh:
    shared.clean()
    return shared
