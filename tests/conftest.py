"""The mesh of the tests: materialized once, from the real data, in a temporary folder."""

from __future__ import annotations

import pytest
from mesh_command import ROOT, Answer, Mesh


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test` runs these as a suite of their own."""
    for item in items:
        if "new_mesh" in getattr(item, "fixturenames", ()):
            item.add_marker("real_mesh")


@pytest.fixture(scope="session")
def new_mesh(tmp_path_factory: pytest.TempPathFactory) -> Mesh:
    return Mesh(ROOT, tmp_path_factory.mktemp("mesh") / "state")


@pytest.fixture(scope="session")
def full_run(new_mesh: Mesh) -> Answer:
    """The output of the first `mesh run` over everything."""
    return new_mesh.run()


@pytest.fixture(scope="session")
def mesh(new_mesh: Mesh, full_run: Answer) -> Mesh:
    """The mesh with every product published. Tests may publish again, never otherwise than right."""
    assert full_run.code == 0, full_run.err + full_run.out
    return new_mesh
