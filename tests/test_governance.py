"""The real mesh under its policies: when its locations load, and as a whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from mesh_command import ENOUGH, ROOT, Mesh
from mesh_copy import Copy, copy_mesh

OWNER = "team: {name: people-analytics}\n"
CONTRACT = "domains/hr/contracts/store_staffing.odcs.yaml"
DAGSTER = str(Path(sys.executable).parent / "dagster")


def call(words: list[str], root: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=root,
        env={**environ, "MESH_ROOT": str(root)},
        capture_output=True,
        text=True,
        timeout=ENOUGH,
        check=False,
    )


@pytest.fixture(scope="module")
def without_owner(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    copy = copy_mesh(tmp_path_factory.mktemp("ungoverned") / "mesh")
    copy.edit(CONTRACT, OWNER, "")
    return copy


def test_the_mesh_keeps_its_own_policies(mesh: Mesh) -> None:
    validated = call([str(Path(sys.executable).parent / "mesh"), "validate"], ROOT, mesh.environment())
    assert validated.returncode == 0, validated.stdout
    assert validated.stdout.startswith("0 errors, 0 warnings")
    assert "in 4 locations" in validated.stdout


def test_mesh_validate_shows_the_violation_alone(mesh: Mesh, without_owner: Copy) -> None:
    words = [str(Path(sys.executable).parent / "mesh"), "validate"]
    validated = call(words, without_owner.root, mesh.environment())
    assert (validated.returncode, validated.stderr) == (1, "")
    assert validated.stdout.count("error[") == 1
    assert validated.stdout.startswith("error[G101]: hr/store_staffing has no owner\n")
    assert f"--> {CONTRACT}:" in validated.stdout


def test_a_location_that_breaks_a_policy_does_not_load_and_prints_one_block(
    mesh: Mesh, without_owner: Copy
) -> None:
    words = [DAGSTER, "definitions", "validate", "-w", "workspace.yaml"]
    validated = call(words, without_owner.root, mesh.environment())
    said = validated.stdout + validated.stderr

    assert validated.returncode != 0
    _, _, after = said.partition("Validation failed for code location hr:")
    lines = after.strip().splitlines()
    assert lines[0].endswith("error[G101]: hr/store_staffing has no owner")
    assert lines.index("Stack Trace:") < 15
    # The code server tells it in a line and without a traceback of its own.
    assert said.count("Stack Trace:") == 1
    assert "Traceback (most recent call last)" not in said
    assert "The location breaks policies: G101" in said
    for domain in ("central_data_platform", "marketing", "sales"):
        assert f"Validation successful for code location {domain}" in said
