"""``mesh new domain``: all files or none, and entries in the shared files that keep comments and layout."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from small_mesh import SmallMesh, here

from platform_core import files
from platform_core.cli import main
from platform_core.source.federation import read_federation
from platform_core.source.workspace import read_locations

Capture = pytest.CaptureFixture[str]
WORDS = ("new", "domain", "travel", "--team", "travel-analytics")
DG = '# of dg\n[workspace]\n\n[[workspace.projects]]\npath = "domains/shop"  # the first\n'


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallMesh]:
    monkeypatch.chdir(tmp_path)
    with here(tmp_path, "shop") as mesh:
        mesh.location("shop")
        mesh.write("dg.toml", DG)
        text = "# Agreed in May.\nemail_domains: [shop.example]\n\n# Who speaks.\nrepresentatives:\n"
        mesh.write("governance/mesh.yaml", f"{text}  shop: [a@shop.example]  # for now\n\n# The end.\n")
        yield mesh


def tree(root: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


def test_a_domain_with_its_team_representative_and_location(mesh: SmallMesh, capsys: Capture) -> None:
    assert main([*WORDS, "--dbt", "--json"]) == 0
    wrote = json.loads(capsys.readouterr().out)["wrote"]
    assert wrote[-1] == "workspace.yaml"  # the last step makes the domain a part of the mesh
    federation = read_federation(mesh.root)
    assert not federation.faults
    assert federation.teams["travel-analytics"].domain == "travel"
    assert federation.representatives["travel"] == ("travel-analytics-owner@shop.example",)
    assert [location.name for location in read_locations(mesh.root)] == ["shop", "travel"]
    mesh_yaml = (mesh.root / "governance/mesh.yaml").read_text()
    assert "shop: [a@shop.example]  # for now\n  travel: [travel" in mesh_yaml
    assert mesh_yaml.endswith("\n# The end.\n")
    dg = (mesh.root / "dg.toml").read_text()
    assert dg.startswith(DG)
    projects = tomllib.loads(dg)["workspace"]["projects"]
    assert [each["path"] for each in projects] == ["domains/shop", "domains/travel"]
    project = tomllib.loads((mesh.root / "domains/travel/pyproject.toml").read_text())
    assert project["project"]["dependencies"] == ["platform-core[dagster,dbt]"]
    assert project["tool"]["dg"]["project"]["root_module"] == "travel"
    dbt = yaml.safe_load((mesh.root / "dbt_projects/travel/dbt_project.yml").read_text())
    assert dbt["name"] == dbt["profile"] == "travel"
    assert mesh.registry.domains() == ("travel",)  # it has a folder for contracts
    assert "{" not in (mesh.root / "domains/travel/src/travel/definitions.py").read_text()


@pytest.mark.parametrize(
    ("domain", "team", "code"),
    [
        ("shop", "new-team", "U066"),
        ("travel", "shop-team", "U066"),
        ("left_over", "new-team", "U066"),
        ("json", "new-team", "U067"),
        ("dagster", "new-team", "U067"),
        ("select", "new-team", "U067"),
        ("class", "new-team", "U067"),
        ("memory", "new-team", "U067"),
        ("travel_restricted", "new-team", "U067"),
        ("two words", "new-team", "U067"),
        ("größe", "new-team", "U067"),
        ("Travel", "new-team", "U067"),
        ("../travel", "new-team", "U067"),
        ("", "new-team", "U067"),
        ("t" * 41, "new-team", "U067"),
        ("travel", "new team", "U067"),
        ("travel", "équipe", "U067"),
    ],
)
def test_a_refused_name_leaves_nothing_behind(
    mesh: SmallMesh, capsys: Capture, domain: str, team: str, code: str
) -> None:
    mesh.write("dbt_projects/left_over/dbt_project.yml", "")
    before = tree(mesh.root)
    assert main(["new", "domain", domain, "--team", team]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error[{code}]")
    assert error.count("error[") == 1
    assert tree(mesh.root) == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("new", "domain", "travel"), "U093"),
        (("new", "domain", "travel", "--team", "a", "--from", "x.csv"), "U091"),
        (("new", "product", "shop/a"), "U093"),
        (("new", "product", "shop/a", "--from", "x.csv", "--dbt"), "U091"),
        (("new", "team", "a"), "U094"),
    ],
)
def test_options_belong_to_their_kind(
    mesh: SmallMesh, capsys: Capture, words: tuple[str, ...], code: str
) -> None:
    assert main([*words]) == 2
    assert f"error[{code}]" in capsys.readouterr().err


def test_a_layout_that_cannot_be_edited_is_left_to_a_person(mesh: SmallMesh, capsys: Capture) -> None:
    mesh.write("governance/teams.yaml", "teams: {shop-team: {domain: shop}}\n")
    before = tree(mesh.root)
    assert main([*WORDS]) == 2
    error = capsys.readouterr().err
    assert "error[U071]" in error
    assert "travel-analytics-owner@shop.example" in error  # what to add by hand
    assert tree(mesh.root) == before


def test_ctrl_c_at_any_step_leaves_the_tree_as_it_was(
    mesh: SmallMesh, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, steps = tree(mesh.root), 0
    write, replace = files._write_draft, Path.replace

    def interrupted(left: list[int], do: object) -> object:
        def step(*words: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            return do(*words)  # type: ignore[operator]

        return step

    while True:
        steps += 1
        left = [steps]
        with monkeypatch.context() as patch:
            patch.setattr(files, "_write_draft", interrupted(left, write))
            patch.setattr(Path, "replace", interrupted(left, replace))
            status = main([*WORDS, "--dbt"])
        if status == 0:
            break
        assert status == 130
        assert tree(mesh.root) == before, steps
        assert capsys.readouterr().err == "interrupted\n"
    assert steps == 27  # thirteen files, each written and moved
