"""The files of the repository's tools agree with its content."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
DOMAINS = sorted(path.parent.name for path in ROOT.glob("domains/*/pyproject.toml"))


@pytest.mark.full
@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ("from platform_core.testing import evaluate", None),
        ("from platform_core.lake.connect import connect", "Domains import only public modules"),
        ("import sales.sources", "Domains never import each other"),
    ],
)
def test_imports_of_a_new_domain_are_checked(tmp_path, line, broken):
    """The domains are found in the tree: no list names them."""
    for folder in ("platform_core/src", "scripts", *(f"domains/{name}/src" for name in DOMAINS)):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    package = tmp_path / "domains/ops/src/ops"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "reports.py").write_text(f"{line}\n")
    done = subprocess.run(
        [sys.executable, tmp_path / "scripts/lint_imports.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode == 0) == (broken is None), done.stdout + done.stderr
    assert broken is None or "ops.reports" in done.stdout.partition(broken)[2]


def test_every_target_explains_itself():
    makefile = (ROOT / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make ([\w-]+) +\S", said, re.MULTILINE) == phony.split()


def test_continuous_integration_runs_the_same_targets_as_people():
    script = (ROOT / ".ci/run").read_text().strip().splitlines()
    assert script[-3:] == ["make validate", "make test", "make test-full"]
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert steps == ["make setup", "make check", "make test", "make test-full"]
    assert workflow["permissions"] == {"contents": "read"}


@pytest.fixture
def runner(monkeypatch):
    spec = importlib.util.spec_from_file_location("run_tests", ROOT / "scripts/run_tests.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "run_tests", module)  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("full", "scale"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("real_mesh", [False, True])
def test_every_test_is_run_once_by_make_test_and_make_test_full_together(runner, real_mesh, full, scale):
    marks = {"real_mesh": real_mesh, "full": full, "scale": scale}
    most, rest = runner.suites("most"), runner.suites("full")
    for folder in (ROOT, ROOT / "platform_core", *(ROOT / "domains" / name for name in DOMAINS)):
        running = [each for each in (*most, *rest) if each.folder == folder and eval(each.only, {}, marks)]
        if folder.name == "platform_core":
            one, other = running
            assert other.words == tuple(f"--ignore={tests}" for tests in one.words)
        else:
            assert [each.words for each in running] == [()]
        assert {each in rest for each in running} == {full}


def test_the_fast_tests_are_those_without_the_mesh_of_all_products(runner):
    [left_out] = set(runner.suites("most")) - set(runner.suites("fast"))
    assert set(runner.suites("fast")) < set(runner.suites("most"))
    assert (left_out.folder, left_out.only) == (ROOT, "real_mesh and not full")


@pytest.mark.parametrize(
    ("found", "may_be_empty", "passed"),
    [("one", True, True), ("one", False, False), (None, True, False), ("failing", True, False)],
)
def test_only_a_suite_that_may_be_empty_passes_without_a_test(runner, tmp_path, found, may_be_empty, passed):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    if found:
        mark = "" if found == "one" else "@pytest.mark.full\n"
        code = f"import pytest\n\n\n{mark}def test_it():\n    assert False\n"
        (tmp_path / "test_it.py").write_text(code)
    suite = runner.Suite("it", tmp_path, Path(sys.executable), "full", may_be_empty=may_be_empty)
    assert runner.Runner().run(suite).passed is passed
