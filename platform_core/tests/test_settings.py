"""Every variable of the environment: typed, absolute, and the same for all callers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from platform_core.diagnostics import UsageError
from platform_core.lake.lakes import current_lakes
from platform_core.masking.keys import KeyRing
from platform_core.settings import (
    CONTRACTS,
    HOME,
    KEYS,
    LAKE,
    MEMORY,
    REGISTRY,
    ROOT,
    SETTINGS,
    Setting,
    forget,
    mesh_home,
    mesh_root,
)
from platform_core.workspace.home import Home


@pytest.fixture(autouse=True)
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for setting in SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    root = tmp_path / "a mesh"
    root.mkdir()
    (root / "workspace.yaml").write_text("load_from: []\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(root)
    return root


@pytest.mark.parametrize(
    ("written", "meant"),
    [("~/m", "m"), ("state", "a mesh/state"), ("~/with a space", "with a space"), ("../m", "a mesh/../m")],
)
def test_a_folder_is_the_same_for_all_callers(
    written: str, meant: str, tmp_path: Path, mesh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME.name, written)
    wanted = tmp_path / meant

    assert mesh_home(mesh) == mesh_home() == Home.of(mesh).path == wanted
    assert current_lakes(mesh).root == current_lakes().root == wanted / "lake"
    assert KeyRing.current(mesh).folder == wanted / "keys"


@pytest.mark.parametrize("setting", [HOME, LAKE, KEYS, CONTRACTS, REGISTRY, ROOT], ids=lambda s: s.name)
def test_every_folder_is_absolute(setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert setting in SETTINGS
    for written, meant in (("~/x", tmp_path / "x"), ("x", Path.cwd() / "x"), ("/x y", Path("/x y"))):
        monkeypatch.setenv(setting.name, written)
        assert setting.folder() == meant


def test_an_empty_value_counts_as_unset(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in SETTINGS:
        monkeypatch.setenv(setting.name, "")
    assert mesh_root() == mesh
    assert mesh_home() == mesh / ".mesh"
    assert LAKE.folder() is None


@pytest.mark.parametrize("setting", [CONTRACTS, REGISTRY], ids=lambda s: s.name)
def test_a_folder_that_must_exist(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(setting.name, "nowhere")
    with pytest.raises(UsageError, match="nowhere: not a directory") as error:
        setting.existing_folder()
    assert error.value.diagnostics[0].code == setting.code


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.kind == "folder"], ids=lambda s: s.name)
@pytest.mark.parametrize("value", ["/etc/passwd", "x" * 300])
def test_an_impossible_folder_is_refused(
    monkeypatch: pytest.MonkeyPatch, setting: Setting, value: str
) -> None:
    monkeypatch.setenv(setting.name, value)
    with pytest.raises(UsageError, match=setting.code):
        setting.folder()


@pytest.mark.parametrize("value", ["foo", "0", "0GB", "-1GB", "4", "4 apples", "\u0663GB", "1_0GB"])
def test_a_wrong_amount_of_memory_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(MEMORY.name, value)
    with pytest.raises(UsageError, match="U034"):
        MEMORY.memory()


@pytest.mark.parametrize("value", ["512MiB", "4GB", "0.5 GB", "1kb"])
def test_an_amount_of_memory(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(MEMORY.name, value)
    assert MEMORY.memory() == value


def test_a_folder_without_permission_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setenv(KEYS.name, "/secure/keys")
    monkeypatch.setattr(Path, "exists", refused)
    assert KEYS.folder() == Path("/secure/keys")


def test_variables_with_a_prefix_are_removed_with_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DBT_TARGET", "DBT_FULL_REFRESH", "DBT_ENV_SECRET_TOKEN", "MESH_HOME"):
        monkeypatch.setenv(name, "x")
    forget("DBT_", but="DBT_ENV_")
    assert {name for name in os.environ if name.startswith(("DBT_", "MESH_H"))} == {
        "DBT_ENV_SECRET_TOKEN",
        "MESH_HOME",
    }
