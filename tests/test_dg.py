"""`dg` at the root and in a domain, with the real environments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mesh_command import ROOT
from mesh_copy import copy_mesh

pytestmark = pytest.mark.full
DG = str(Path(sys.executable).parent / "dg")


def dg(*words: str, folder: Path, program: str = DG) -> str:
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("MESH_", "DAGSTER_"))
    }
    done = subprocess.run([program, *words], cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


def test_the_root_checks_all_domains() -> None:
    assert "All definitions loaded successfully" in dg("check", "defs", folder=ROOT)
    listed = dg("list", "projects", folder=ROOT)
    assert sorted(listed.split()) == [f"domains/{path.name}" for path in sorted((ROOT / "domains").iterdir())]


@pytest.mark.parametrize("domain", ["central_data_platform", "hr", "marketing", "sales"])
def test_a_domain_lists_its_products(domain: str) -> None:
    folder = ROOT / "domains" / domain
    listed = json.loads(dg("list", "defs", "--json", folder=folder, program=str(folder / ".venv/bin/dg")))
    keys = {asset["asset_key"] for asset in listed["assets"]}
    contracts = {f"{domain}/{path.name.partition('.')[0]}" for path in (folder / "contracts").iterdir()}
    assert contracts <= keys


def test_a_domain_scaffolds_a_component(tmp_path: Path) -> None:
    copy = copy_mesh(tmp_path / "mesh")
    folder = copy.root / "domains" / "hr"
    copy.write("domains/hr/pyproject.toml", (ROOT / "domains/hr/pyproject.toml").read_text())
    kind, words = "platform_core.components.DataProduct", ("--reads", "hr/store_staffing")
    program = str(folder / ".venv/bin/dg")
    dg("scaffold", "defs", kind, "staff", *words, folder=folder, program=program)
    made = folder / "src/hr/defs/staff"
    assert "store_staffing: hr/store_staffing" in (made / "defs.yaml").read_text()
    assert (made / "staff.sql").read_text() == 'SELECT *\nFROM "store_staffing"\n'
    assert "validated successfully" in dg(
        "check", "yaml", folder=folder, program=str(folder / ".venv/bin/dg")
    )
