"""A pull request: the rules of its workflows, its comment, and the owners who review it."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from company import add_domain, repository
from mesh_command import OURS, ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
RUN = {
    "id": 7,
    "event": "pull_request",
    "head_sha": "a" * 40,
    "head_branch": "fix&sort=created",
    "head_repository": {"owner": {"login": "someone"}},
}
# Answers from files, and keeps each call with its input.
GH = """\
#!{python}
import json, pathlib, sys
folder, words = pathlib.Path({folder!r}), sys.argv[1:]
body = sys.stdin.read() if "--input" in words else ""
with (folder / "calls").open("a") as file:
    print(json.dumps([words, body]), file=file)
path = next(each for each in words if each.startswith("repos/"))
for name in ("pulls", "artifacts?", "zip", "comments?"):
    if name in path:
        sys.stdout.buffer.write((folder / name.rstrip("?")).read_bytes())
"""


def jobs(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each job of a workflow, with the permissions of its token."""
    workflow = yaml.safe_load(path.read_text())
    for job in workflow["jobs"].values():
        yield job, job.get("permissions", workflow.get("permissions"))


def uses(job: dict[str, Any]) -> list[str]:
    return [step["uses"] for step in job["steps"] if "uses" in step]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_keeps_the_rules(path: Path) -> None:
    events = yaml.safe_load(path.read_text())[True]  # YAML 1.1 reads the key `on` so
    assert "pull_request_target" not in events
    assert not re.search(r"\$\{\{[^}]*secrets", path.read_text())
    for job, permissions in jobs(path):
        assert permissions is not None, "the default token may write"
        checkout = any(name.startswith("actions/checkout@") for name in uses(job))
        assert not (checkout and "write" in permissions.values())
        assert not (checkout and "workflow_run" in events)
        for name in uses(job):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name), f"{name} is not pinned by a commit"
        for step in job["steps"]:
            # A title or the name of a branch is read from a variable or a file, never pasted into code.
            assert "${{" not in step.get("run", "")


def test_the_workflows_have_the_form_of_github() -> None:
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*schema, *WORKFLOWS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_plan_is_made_by_the_script_that_make_ci_runs() -> None:
    [(job, _)] = jobs(ROOT / ".github/workflows/plan.yml")
    assert [
        step["with"].get("fetch-depth") for step in job["steps"] if "checkout" in step.get("uses", "")
    ] == [0]
    assert any(step.get("run", "").startswith(".ci/plan ") for step in job["steps"])
    assert '".ci/plan"' in (ROOT / "scripts/try_ci.py").read_text()
    [comment] = yaml.safe_load((ROOT / ".github/workflows/plan-comment.yml").read_text())[True].values()
    assert comment["workflows"] == [yaml.safe_load((ROOT / ".github/workflows/plan.yml").read_text())["name"]]


class Commenting:
    """The step that comments, with a GitHub that answers from files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        [(job, self.permissions)] = jobs(ROOT / ".github/workflows/plan-comment.yml")
        [self.step] = job["steps"]
        gh = folder / "gh"
        gh.write_text(GH.format(python=sys.executable, folder=str(folder)))
        gh.chmod(0o755)
        (folder / "event").write_text(json.dumps({"workflow_run": RUN}))
        (folder / "comments").write_text("")
        self.answer("pulls", [{"number": 12, "head": {"sha": RUN["head_sha"]}}])
        self.answer("artifacts", {"artifacts": [{"id": 34, "size_in_bytes": 999}]})

    def answer(self, name: str, value: object) -> None:
        (self.folder / name).write_text(json.dumps(value))

    def artifact(self, text: str) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("plan.md", text)
        (self.folder / "zip").write_bytes(packed.getvalue())

    def run(self) -> list[tuple[str, str, str]]:
        """The calls that write: method, path and comment."""
        environment = {
            "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_REPOSITORY": "our/mesh",
            "GITHUB_EVENT_PATH": str(self.folder / "event"),
            "GH_TOKEN": "",
        }
        code = [sys.executable, "-c", self.step["run"]]
        done = subprocess.run(code, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        calls = [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]
        return [
            (words[2], words[3], json.loads(body)["body"]) for words, body in calls if words[1] == "--method"
        ]


@pytest.fixture
def commenting(tmp_path: Path) -> Commenting:
    return Commenting(tmp_path)


def test_the_plan_becomes_one_comment(commenting: Commenting) -> None:
    assert commenting.step["shell"] == "python"
    assert commenting.permissions == {"actions": "read", "pull-requests": "write"}
    table = "### Plan\n\n| product | change |\n|---|---|\n| a/b | changed |\n\n- a/b: read by c/d (e) of f\n"
    commenting.artifact(table)
    first = ("POST", "repos/our/mesh/issues/12/comments", f"<!-- mesh plan -->\n{table}")
    assert commenting.run() == [first]
    (commenting.folder / "comments").write_text("56\n78\n")
    assert commenting.run()[1:] == [("PATCH", "repos/our/mesh/issues/comments/56", first[2])]
    asked = (commenting.folder / "calls").read_text()
    assert "head=someone%3Afix%26sort%3Dcreated" in asked


@pytest.mark.parametrize(
    "hostile",
    [
        "@everyone",
        "[text](https://example.com)",
        "[text][1]",
        "[1]: https://example.com",
        "![](//example.com/pixel)",
        "<img src=x>",
        "&#64;everyone",
        "www.example.com",
        "fixes #1",
        "\n/merge",
        "before\u202eafter",
        "before\x1bafter",
    ],
)
def test_the_artifact_is_only_text(commenting: Commenting, hostile: str) -> None:
    commenting.artifact(f"plan\n{hostile}\n")
    [(_, _, comment)] = commenting.run()
    assert "plan\n" in comment
    assert hostile not in comment
    readable = comment.replace("\u200b", "")
    assert hostile in readable or readable.endswith("before after\n")


def test_a_long_artifact_is_cut(commenting: Commenting) -> None:
    commenting.artifact("@" * 300_000)
    [(_, _, comment)] = commenting.run()
    assert 50_000 < len(comment) < 65_536
    assert comment.endswith("The rest is in the summary of the run.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pulls", []),
        ("pulls", [{"number": 12, "head": {"sha": "b" * 40}}]),
        ("pulls", [{"number": number, "head": {"sha": RUN["head_sha"]}} for number in (12, 13)]),
        ("artifacts", {"artifacts": []}),
        ("artifacts", {"artifacts": [{"id": 34, "size_in_bytes": 10**9}]}),
    ],
)
def test_no_comment_without_a_single_pull_request_and_an_artifact(
    commenting: Commenting, name: str, value: object
) -> None:
    commenting.artifact("plan")
    commenting.answer(name, value)
    assert commenting.run() == []


@pytest.mark.full
def test_the_owners_are_those_of_the_contracts(tmp_path: Path) -> None:
    mesh = repository(tmp_path)
    for domain in ("crew", "shop"):
        add_domain(mesh, domain)
    teams = tmp_path / "governance/teams.yaml"
    text = teams.read_text().replace('"#shop", tool: slack', '"@company/shop", tool: github')
    teams.write_text(f"{text}  platform: {{name: The platform, email: platform@example.com}}\n")
    mesh.write("governance/mesh.yaml", "email_domains: [example.com]\ncentral_team: platform\n")
    (tmp_path / ".github").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}

    def codeowners(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, ROOT / "scripts/codeowners.py", *words]
        return subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True)

    assert codeowners("--check").returncode == 1
    assert codeowners().returncode == 0
    lines = (tmp_path / ".github/CODEOWNERS").read_text().splitlines()
    owned = dict(line.split(maxsplit=1) for line in lines if not line.startswith("#"))
    assert owned == {
        "*": "platform@example.com",
        "/domains/crew/": "crew-owner@example.com",
        "/dbt_projects/crew/": "crew-owner@example.com",
        "/governance/changes/crew/": "crew-owner@example.com",
        "/domains/crew/contracts/roster.odcs.yaml": "crew-owner@example.com",
        "/domains/crew/src/crew/products.py": "crew-owner@example.com",
        "/domains/shop/": "@company/shop",
        "/dbt_projects/shop/": "@company/shop",
        "/governance/changes/shop/": "@company/shop",
        "/domains/shop/contracts/performance.odcs.yaml": "@company/shop",
        "/domains/shop/contracts/stores.odcs.yaml": "@company/shop",
        "/domains/shop/src/shop/products.py": "@company/shop",
    }
    assert next(iter(owned)) == "*", "the last pattern that matches counts"
    assert codeowners("--check").returncode == 0
    contract = tmp_path / "domains/shop/contracts/stores.odcs.yaml"
    contract.write_text(re.sub(r"team: .*", "team: {name: crew-team}", contract.read_text()))
    done = codeowners("--check")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "call `.venv/bin/python scripts/codeowners.py`" in line


@pytest.mark.full
def test_make_ci_compares_two_commits_and_leaves_the_repository(tmp_path: Path) -> None:
    def state() -> str:
        command = ["git", "status", "--porcelain", "--branch"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    before = state()
    command = ["make", "--assume-old", "setup", "ci"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "MESH_BASE": "nonsense"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| sales/stores | changed | its contract: K102" in done.stdout
    assert "exit status of .ci/plan: 1" in done.stdout
    assert state() == before
