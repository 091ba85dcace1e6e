from __future__ import annotations

from pathlib import Path

import pytest

from platform_core.diagnostics import DefinitionError, UsageError
from platform_core.source.workspace import Location, read_locations
from platform_core.workspace.home import require_root

ENTRY = "{module_name: sales.definitions, location_name: sales, executable_path: d/.venv/bin/python}"


def test_a_location_and_its_interpreter_relative_to_the_root(tmp_path: Path) -> None:
    (tmp_path / "workspace.yaml").write_text(f"load_from:\n  - python_module: {ENTRY}\n")
    python = tmp_path / "d/.venv/bin/python"
    assert read_locations(tmp_path) == (Location("sales", "sales.definitions", python),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "load_from: []",
        "load_from: {a: 1}",
        "load_from:\n  - python_file: x.py\n",
        "load_from:\n  - python_module: {module_name: x, location_name: x}\n",
        "load_from:\n  - python_module: {\n",
        f"load_from:\n  - python_module: {ENTRY}\n  - python_module: {ENTRY}\n",
    ],
)
def test_a_workspace_that_names_no_locations(tmp_path: Path, text: str) -> None:
    (tmp_path / "workspace.yaml").write_text(text)
    with pytest.raises(DefinitionError, match="D070"):
        read_locations(tmp_path)


def test_commands_start_at_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    require_root(tmp_path)
    with pytest.raises(UsageError) as caught:
        require_root(tmp_path / "elsewhere")
    [found] = caught.value.diagnostics
    assert found.code == "U026"
    assert found.message == f"this command runs only at the root of the mesh: cd {tmp_path}/elsewhere"
