"""The documents are true: every command in them is run here."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml
from company import add_domain, repository
from mesh_command import ENOUGH, ROOT, Mesh

from platform_core.codes import family
from platform_core.compatibility.change import GRADE_OF
from platform_core.compatibility.document import keys
from platform_core.contracts.product_id import ProductId
from platform_core.registry.lookup import Registry

# test_tutorial executes the tutorial.
PAGES = sorted(p for p in (ROOT / "docs").rglob("*.md") if not {"decisions", ".venv"} & set(p.parts))
DOCUMENTS = [ROOT / "README.md", *(page for page in PAGES if page.name != "tutorial.md")]
# Run by `make test` itself, or too long for it: that they exist is all that is looked at here.
ONLY_NAMED = {
    "make attack",
    "make bench",
    "make bench-scale",
    "make check",
    "make ci",
    "make demo",
    "make docs",
    "make screenshots",
    "make lock",
    "make setup",
    "make test",
    "make test-fast",
    "make test-full",
    "make test-scale",
}
# What `make test` does anyway, or what a test of its own below does.
ELSEWHERE = {
    "cd domains/sales && .venv/bin/python -m pytest",
    "make materialize",
    ".venv/bin/mesh run",
    # Twice at the same time, with more: test_concurrent_runs.
    ".venv/bin/mesh run sales/stores+",
    # test_dg, and `make validate`.
    ".venv/bin/dg check defs",
    # test_bi_file: here the file of the last test run, with another state, stands in its way.
    ".venv/bin/mesh attach --as analysts .mesh/mesh.duckdb",
    # test_pull_requests, in a scratch repository.
    ".ci/plan origin/main plan.md",
    ".venv/bin/python scripts/codeowners.py",
    # In a small mesh: platform_core/tests/change.
    ".venv/bin/mesh run --changed",
    # In a new clone: test_tutorial.
    ".venv/bin/mesh new domain travel --team travel-analytics",
}
# Answers of the mesh as other tests have left it: 1 says that something is not as promised.
TELLING = {".venv/bin/mesh status", ".venv/bin/mesh incident list", ".venv/bin/mesh slo"}


def blocks(path: Path, language: str) -> list[str]:
    """The code blocks of a document in a language; without one where it is empty."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)
    return [text for named, text in fenced if named == language]


def commands() -> list[str]:
    """Every command of every document, without its comment."""
    found: dict[str, None] = {}
    for document in DOCUMENTS:
        for block in blocks(document, "sh"):
            for line in block.splitlines():
                command = re.sub(r"\s+#.*$", "", line).strip()
                if command and not command.startswith("#"):
                    found[command] = None
    return list(found)


def shell(mesh: Mesh, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=mesh.environment(),
        capture_output=True,
        text=True,
        timeout=ENOUGH,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    "command",
    [c for c in commands() if c not in ONLY_NAMED | ELSEWHERE and not c.startswith("git clone")],
)
def test_a_command_of_the_documents_works(mesh: Mesh, command: str) -> None:
    done = shell(mesh, command)
    assert done.returncode in ((0, 1) if command in TELLING else (0,)), done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", sorted(ONLY_NAMED))
def test_a_target_of_the_documents_exists(mesh: Mesh, command: str) -> None:
    assert shell(mesh, command.replace("make", "make -n")).returncode == 0


def test_materialize_reports_the_new_versions(tmp_path: Path) -> None:
    """In a mesh of three small products with an existing environment."""
    mesh = repository(tmp_path)
    for domain in ("crew", "shop"):
        add_domain(mesh, domain)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    small = Mesh(tmp_path, tmp_path / "state")
    done = shell(small, f"cd {tmp_path} && make --file {ROOT}/Makefile --assume-old setup materialize")
    assert done.returncode == 0, done.stderr
    assert "3 made" in done.stdout + done.stderr
    assert small.query("SELECT count(*) AS n FROM shop.performance", "domain:shop") == [{"n": 3}]


def test_the_contract_of_the_readme_is_a_part_of_the_real_one() -> None:
    (shown,) = blocks(ROOT / "README.md", "yaml")
    part = yaml.safe_load(shown)
    whole = yaml.safe_load((ROOT / "domains/sales/contracts/household_baskets.odcs.yaml").read_text())
    assert part["id"] == whole["id"]
    assert part["team"] == whole["team"]
    assert part["roles"] == whole["roles"]
    columns = {column["name"]: column for column in whole["schema"][0]["properties"]}
    for column in part["schema"][0]["properties"]:
        assert column.items() <= columns[column["name"]].items()


def test_the_wrong_contract_of_the_readme_gets_that_answer(mesh: Mesh, tmp_path: Path) -> None:
    registry = tmp_path / "contracts"
    for contract in sorted(ROOT.glob("domains/*/contracts/*.yaml")):
        copy = registry / contract.parts[-3] / contract.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = contract.read_text()
        if contract.name == "household_baskets.odcs.yaml":
            text = re.sub(r"(name: store_id.*?)required", r"\1requierd", text, count=1)
        copy.write_text(text)
    done = subprocess.run(
        [".venv/bin/mesh", "check", "sales/household_baskets"],
        cwd=ROOT,
        env={**mesh.environment(), "MESH_CONTRACTS": str(registry)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    said = done.stderr.replace(str(registry / "sales"), "domains/sales/contracts")
    (shown,) = [block for block in blocks(ROOT / "README.md", "") if block.startswith("error[")]
    # The list of all that was expected is left out of the readme.
    said = "".join(line for line in said.splitlines(keepends=True) if "= expected:" not in line)
    assert said.strip() == shown.strip()


def test_the_json_of_the_documents_has_the_fields_of_a_run(mesh: Mesh) -> None:
    (shown,) = blocks(ROOT / "docs/ci.md", "json")
    example = json.loads(shown)
    real = mesh.run("sales/products").document()
    assert example.keys() == real.keys()
    assert example["products"][0].keys() == real["products"][0].keys()
    assert example["products"][0]["checks"].keys() == real["products"][0]["checks"].keys()


def test_the_picture_of_the_readme_has_every_domain() -> None:
    (picture,) = blocks(ROOT / "README.md", "mermaid")
    drawn = {name: int(count) for name, count in re.findall(r'\["(\w+)<br>(\d+) products', picture)}
    assert drawn == Counter(ProductId(name).domain for name in Registry.open(ROOT).names())


def test_the_page_of_compatibility_has_each_rule_and_each_key() -> None:
    """Where this fails, copy the rows that it prints into the page."""
    table, texts = keys(), family("K").codes
    rows = [f"| `{code}` | {GRADE_OF[code[1]].word} | {texts[code].title} |" for code in texts]
    for part in (table.model, table.document):
        rows += [f"| `{key}` | {' '.join(codes)} |" for key, codes in part.items() if codes]
    page = (ROOT / "docs/compatibility.md").read_text()
    assert [line for line in page.splitlines() if line.startswith("| `")] == rows, "\n".join(rows)


def test_every_link_leads_somewhere() -> None:
    checked = subprocess.run(
        [".venv/bin/python", "scripts/build_site.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
