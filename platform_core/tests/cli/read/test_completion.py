"""Completion in a real bash, out of a file of names."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from small_mesh import SmallMesh

from platform_core.cli import main
from platform_core.cli.grammar import VERBS

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


@pytest.fixture
def script(mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("MESH_ROOT", str(mesh.root))
    assert main(["products"]) == 0
    capsys.readouterr()
    assert main(["completion", "bash"]) == 0
    return capsys.readouterr().out


def completed(script: str, folder: Path, *words: str) -> list[str]:
    """The words that bash proposes for the last one, without any other program."""
    quoted = " ".join(map(shlex.quote, words))
    asked = f'COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}; _mesh; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        [shutil.which("bash") or "", "-c", f"{script}\n{asked}"],
        cwd=folder, env={"PATH": ""}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.full
def test_verbs_options_formats_and_products(script: str, mesh: SmallMesh) -> None:
    below = mesh.root / "domains"
    below.mkdir(exist_ok=True)
    for folder in (mesh.root, below):
        assert completed(script, folder, "mesh", "qu") == ["query"]
        assert completed(script, folder, "mesh", "") == ["help", *VERBS]
        assert completed(script, folder, "/x/bin/mesh", "help", "sh") == ["show"]
        assert completed(script, folder, "mesh", "query", "--format", "par") == ["parquet"]
        assert completed(script, folder, "mesh", "products", "--wi") == ["--wide"]
        assert completed(script, folder, "mesh", "show", "sales/tr") == ["sales/transactions"]
        assert "hr/employees" in completed(script, folder, "mesh", "run", "")


def test_outside_of_a_mesh_and_before_a_list(script: str, tmp_path: Path) -> None:
    assert completed(script, tmp_path, "mesh", "show", "sales/tr") == []
    assert completed(script, tmp_path, "mesh", "sho") == ["show"]


def test_a_name_is_not_run(script: str, mesh: SmallMesh) -> None:
    contract = mesh.root / "contracts"
    [file] = list(mesh.root.rglob("transactions.odcs.yaml"))
    bad = file.with_name("$(touch harm).odcs.yaml")
    bad.write_text(file.read_text())
    try:
        main(["products"])
        names = (mesh.root / ".mesh" / "products.txt").read_text().split()
        assert "sales/transactions" in names
        assert not [name for name in names if "$" in name], contract
    finally:
        bad.unlink()


def test_zsh_loads_bash_s_completion_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    assert capsys.readouterr().out.startswith("autoload -Uz compinit bashcompinit")
    assert main(["completion", "fish"]) == 2
    assert "error[U094]" in capsys.readouterr().err
