"""The real mesh as a watch knows it, looked at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mesh_command import ROOT, Mesh
from operations.nights import START, KnownMesh, Nights

from platform_core.operations.store.journal import Journal
from platform_core.operations.watch.mesh import WatchedMesh


@pytest.fixture(scope="module")
def known(new_mesh: Mesh) -> KnownMesh:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESH_HOME", str(new_mesh.home))
        mesh = WatchedMesh(ROOT)
        mesh.refresh()
        graphs, faults = mesh.look(START.replace(day=1))
    assert {*faults.values()} == {None}
    return KnownMesh(mesh.products, mesh.directory, tuple(graphs))


@pytest.fixture
def nights(known: KnownMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    with Journal.open(tmp_path) as journal:
        yield Nights(known, journal)
