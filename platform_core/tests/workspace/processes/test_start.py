"""The environment of a location's interpreter: common variables, and those that its domain names."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_core.diagnostics import DefinitionError
from platform_core.settings import SETTINGS
from platform_core.source.workspace import Location
from platform_core.workspace.home import Home
from platform_core.workspace.processes.start import location_variables, mesh_variables, names_of

TABLE = "[tool.platform-core]\nenvironment = {names}\n"


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    for name, value in {
        "MESH_SECRET_HR": "a password of hr",
        "MESH_SECRET_HR_FILE": "/run/secrets/hr",
        "MESH_SECRET_SALES": "a password of sales",
        "AWS_SECRET_ACCESS_KEY": "of whoever runs this",
        "PYTHONPATH": "/somewhere",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "MESH_LAKE": "lakes",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


def project(root: Path, domain: str, text: str) -> Path:
    folder = root / "domains" / domain
    folder.mkdir(parents=True)
    path = folder / "pyproject.toml"
    path.write_text(text)
    return path


def of(domain: str, root: Path) -> dict[str, str]:
    return location_variables(Location(domain, domain, Path("python")), root, Home(root / "state"))


def test_a_domain_gets_its_variables_and_not_those_of_another(tmp_path: Path) -> None:
    project(tmp_path, "hr", TABLE.format(names='["MESH_SECRET_HR", "HTTPS_PROXY"]'))
    project(tmp_path, "sales", TABLE.format(names='["MESH_SECRET_SALES"]'))
    hr, sales, bare = (of(domain, tmp_path) for domain in ("hr", "sales", "marketing"))

    assert hr["MESH_SECRET_HR"] == "a password of hr"
    assert hr["MESH_SECRET_HR_FILE"] == "/run/secrets/hr"
    assert hr["HTTPS_PROXY"]
    assert "MESH_SECRET_HR_FILE" not in sales
    assert "MESH_SECRET_SALES" not in hr
    assert sales.keys() & {"MESH_SECRET_HR", "HTTPS_PROXY"} == set()
    assert [name for name in bare if name.startswith("MESH_SECRET")] == []
    for variables in (hr, sales, bare):
        assert variables.keys() & {"AWS_SECRET_ACCESS_KEY", "PYTHONPATH"} == set()
        assert {"HOME", "PATH", "TZ", "LC_ALL", "PYTHONWARNINGS"} <= variables.keys()
        assert variables["MESH_LAKE"] == str(tmp_path / "lakes")
        assert variables["MESH_ROOT"] == str(tmp_path)
        assert variables["MESH_HOME"] == str(tmp_path / "state")
        assert variables["DAGSTER_HOME"] == str(tmp_path / "state" / "dagster")


def test_the_platform_s_own_processes_get_no_secrets(tmp_path: Path) -> None:
    found = mesh_variables(tmp_path, Home(tmp_path / "state"))
    assert [name for name in found if name.startswith("MESH_SECRET")] == []
    assert found["HTTPS_PROXY"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (TABLE.format(names='"HTTPS_PROXY"'), 2),
        (TABLE.format(names="[5]"), 2),
        (TABLE.format(names='["A B"]'), 2),
        ("[tool]\nplatform-core = 5\n", 1),
        ("[tool.platform-core\n", 1),
    ],
)
def test_wrong_names_of_variables_are_reported_with_their_place(tmp_path: Path, text: str, line: int) -> None:
    path = project(tmp_path, "hr", text)
    with pytest.raises(DefinitionError) as caught:
        names_of("hr", tmp_path)
    (fault,) = caught.value.diagnostics
    assert (fault.code, fault.place and (fault.place.path, fault.place.line)) == ("D071", (path, line))


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "domains" / "hr" / "pyproject.toml").mkdir(parents=True)
    with pytest.raises(DefinitionError, match="D071"):
        names_of("hr", tmp_path)
    project(tmp_path, "sales", "").write_bytes(b"x = '\xff'")
    with pytest.raises(DefinitionError, match="D071"):
        names_of("sales", tmp_path)
