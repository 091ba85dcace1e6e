"""``dg.toml`` against ``workspace.yaml``: each difference is a diagnostic at the line that has more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_mesh import SmallMesh, here

from platform_core.source.dg_workspace import disagreements
from platform_core.source.workspace import read_locations

SALES = '[[workspace.projects]]\npath = "domains/sales"\n'
HR = '[[workspace.projects]]\npath = "domains/hr"\n'


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[SmallMesh]:
    with here(tmp_path, "hr", "sales") as mesh:
        for domain in ("hr", "sales"):
            mesh.location(domain)
            mesh.write(f"domains/{domain}/pyproject.toml", "")
        yield mesh


def found(mesh: SmallMesh, text: str | None) -> list[str]:
    if text is not None:
        mesh.write("dg.toml", text)
    diagnostics = disagreements(mesh.root, read_locations(mesh.root))
    places = [(each.code, each.place) for each in diagnostics]
    return [f"{code} {place.path.name}:{place.line}" for code, place in places if place is not None]


def test_the_same_locations(mesh: SmallMesh) -> None:
    assert found(mesh, SALES + HR) == []
    assert found(mesh, SALES + HR.replace('hr"', 'hr/"')) == []


def test_a_mesh_without_the_file(mesh: SmallMesh) -> None:
    assert found(mesh, None) == []


def test_a_project_that_is_not_a_location(mesh: SmallMesh) -> None:
    assert found(mesh, SALES + HR + HR.replace("hr", "travel")) == ["D072 dg.toml:6"]


def test_a_location_that_is_not_a_project(mesh: SmallMesh) -> None:
    [fault] = found(mesh, SALES)
    assert fault.startswith("D072 workspace.yaml:")


def test_a_location_from_another_repository_needs_no_project(mesh: SmallMesh) -> None:
    (mesh.root / "domains/hr/pyproject.toml").unlink()
    assert found(mesh, SALES) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("workspace = 5\n", 1), ("[[workspace.projects]]\n", 1), ("\x00", 1)],
)
def test_a_file_of_another_form(mesh: SmallMesh, text: str, line: int) -> None:
    assert found(mesh, text) == [f"D072 dg.toml:{line}"]
