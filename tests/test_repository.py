"""The files that hold the repository together agree with what is in it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
DOMAINS = sorted(path.parent.name for path in ROOT.glob("domains/*/pyproject.toml"))


def test_every_domain_is_kept_apart_by_import_linter():
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    by_type = {contract["type"]: contract for contract in linter["contracts"]}
    assert sorted(by_type["independence"]["modules"]) == DOMAINS
    assert sorted(by_type["forbidden"]["forbidden_modules"]) == DOMAINS
    assert set(DOMAINS) < set(linter["root_packages"])


def test_every_target_explains_itself():
    makefile = (ROOT / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make (\w+) +\S", said, re.MULTILINE) == phony.split()


def test_continuous_integration_runs_what_people_run():
    script = (ROOT / ".ci/run").read_text().strip().splitlines()
    assert script[-1] == "make test"
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert steps == ["make setup", "make check", "make test"]
    assert workflow["permissions"] == {"contents": "read"}
