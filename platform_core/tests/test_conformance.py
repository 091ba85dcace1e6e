"""The conformance plugin in the tests of a domain."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from governance.mutating import Edit, valid_copy
from governance.mutations import OWNER, STORES

from platform_core.governance.policy_set import BUILT_IN

ONE_LINE = 'pytest_plugins = ["platform_core.conformance"]\n'


def conformance(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The tests of the domain `shop` of a mesh, in their own process."""
    domain = root / "domains" / "shop"
    (domain / "tests").mkdir()
    (domain / "tests" / "conftest.py").write_text(ONE_LINE)
    (domain / "tests" / "test_own.py").write_text("def test_own():\n    assert True\n")
    (domain / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MESH_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=domain,
        env=environ | {"PYTHONPATH": str(domain / "src"), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_valid_domain_passes_one_test_per_policy(tmp_path: Path) -> None:
    done = conformance(valid_copy(tmp_path), "-rp")
    assert done.returncode == 0, done.stdout
    passed = {line.partition("::")[2] for line in done.stdout.splitlines() if line.startswith("PASSED")}
    assert {policy.code for policy in BUILT_IN} < passed
    assert {"soundness", "test_own"} <= passed


def test_a_violation_fails_the_test_of_its_policy_alone(tmp_path: Path) -> None:
    done = conformance(valid_copy(tmp_path, Edit(STORES, OWNER + "\n", "")), "-rf")
    assert done.returncode == 1
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert failed == ["tests/conftest.py::G101"]
    assert "error[G101]: shop/stores has no owner" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        (STORES, "status: active", "status: active\nstatos: active", "C0"),
        ("domains/shop/src/shop/policies.py", None, 'STRICTER = {"G101": "warn"}\n', "G405"),
    ],
)
def test_other_faults_fail_a_test_too(
    tmp_path: Path, file: str, old: str | None, new: str, code: str
) -> None:
    done = conformance(valid_copy(tmp_path, Edit(file, old, new)), "-rf")
    assert done.returncode == 1
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert "tests/conftest.py::soundness" in failed
    assert f"error[{code}" in done.stdout
