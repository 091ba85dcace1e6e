"""A code location is independent: its interpreter, its faults and its data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mesh_command import ENOUGH, ROOT, Answer, Mesh
from mesh_copy import Copy, copy_mesh

# Put into every location of a copy: at each publication it writes down what this process is.
WITNESS = """
import json, os, sys
from pathlib import Path
from platform_core.products.assets import table

def _note(connection, product):
    databases = connection.execute("SELECT database_name FROM duckdb_databases()").fetchall()
    pandas = sys.modules.get("pandas")
    note = {
        "product": product.id,
        "attached": [name for name, in databases],
        "pandas": pandas and pandas.__version__,
        "pandas_file": pandas and pandas.__file__,
        "interpreter": sys.prefix,
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    }
    with Path(os.environ["MESH_HOME"], "notes.jsonl").open("a") as notes:
        notes.write(json.dumps(note) + "\\n")

_metadata = table.publication_metadata
def _noted(connection, product, *rest):
    _note(connection, product)
    return _metadata(connection, product, *rest)
table.publication_metadata = _noted
"""
DOMAINS = ("central_data_platform", "hr", "marketing", "sales")


@pytest.fixture(scope="module")
def notes(mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Facts about the processes of the four locations, which they wrote while they published."""
    copy = copy_mesh(tmp_path_factory.mktemp("witness") / "mesh")
    for domain in DOMAINS:
        definitions = copy.root / f"domains/{domain}/src/{domain}/definitions.py"
        definitions.write_text(WITNESS + definitions.read_text())
    answer = Mesh(copy.root, mesh.home).run(
        "central_data_platform/data_product_catalog",
        "hr/employees",
        "hr/store_staffing",
        "marketing/household_segments",
        "sales/stores",
        "sales/store_performance",
    )
    assert answer.code == 0, answer.out
    lines = (mesh.home / "notes.jsonl").read_text().splitlines()
    return {note["product"]: note for note in map(json.loads, lines)}


def test_sales_runs_on_pandas_2_and_hr_on_pandas_3(notes: dict[str, dict[str, Any]]) -> None:
    sales, hr = notes["sales/stores"], notes["hr/employees"]

    assert sales["pandas"].startswith("2.")
    assert hr["pandas"].startswith("3.")
    assert "/domains/sales/.venv/" in sales["pandas_file"]
    assert "/domains/hr/.venv/" in hr["pandas_file"]


def test_each_location_runs_in_its_own_environment(notes: dict[str, dict[str, Any]]) -> None:
    for product, note in notes.items():
        domain = product.split("/")[0]

        assert note["interpreter"].endswith(f"/domains/{domain}/.venv")
        assert domain in note["modules"]
        assert not set(note["modules"]) & (set(DOMAINS) - {domain}), "a domain imported another one's code"


def test_only_hr_attaches_its_restricted_lake(notes: dict[str, dict[str, Any]]) -> None:
    lakes = {product: set(note["attached"]) & {*DOMAINS, "hr_restricted"} for product, note in notes.items()}

    assert lakes == {
        "central_data_platform/data_product_catalog": {"central_data_platform"},
        "hr/employees": {"hr_restricted"},
        "hr/store_staffing": {"hr", "hr_restricted", "sales"},
        "marketing/household_segments": {"marketing", "sales"},
        "sales/stores": {"sales"},
        "sales/store_performance": {"hr", "sales"},
    }


def test_dbt_attaches_only_the_sources_of_its_model(mesh: Mesh, notes: dict[str, dict[str, Any]]) -> None:
    assert "sales/store_performance" in notes
    for profile in (mesh.home / "dbt" / "sales").glob("profile-*/profiles.yml"):
        assert "hr_restricted" not in profile.read_text()


@pytest.mark.parametrize("reader", ["analysts", "domain:sales", "domain:marketing"])
def test_others_cannot_read_the_personnel_file(mesh: Mesh, reader: str) -> None:
    answer = mesh.call("query", "--as", reader, "SELECT count(*) FROM hr.employees")

    assert answer.code == 1
    assert "error[A002]" in answer.err
    assert answer.out == ""


def test_hr_itself_reads_it(mesh: Mesh) -> None:
    assert mesh.query("SELECT count(*) AS people FROM hr.employees", "domain:hr") == [{"people": 1_470}]


@pytest.fixture(scope="module")
def broken_hr(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A mesh in which hr does not even compile."""
    copy = copy_mesh(tmp_path_factory.mktemp("broken") / "mesh")
    file = copy.root / "domains/hr/src/hr/staffing.py"
    file.write_text(file.read_text() + "\ndef unfinished(:\n")
    return copy


@pytest.fixture(scope="module")
def run_without_hr(mesh: Mesh, broken_hr: Copy) -> Answer:
    return Mesh(broken_hr.root, mesh.home).run(
        "central_data_platform/data_product_catalog",
        "hr/employees",
        "hr/store_staffing",
        "marketing/campaigns",
        "sales/products",
        "sales/store_performance",
    )


def test_a_syntax_error_in_hr_leaves_the_others_materializing(run_without_hr: Answer) -> None:
    assert run_without_hr.code == 1
    assert run_without_hr.statuses() == {
        "central_data_platform/data_product_catalog": "ok",
        "hr/employees": "failed",
        "hr/store_staffing": "failed",
        "marketing/campaigns": "ok",
        "sales/products": "ok",
        "sales/store_performance": "skipped",
    }


def test_the_syntax_error_is_shown_at_its_place(run_without_hr: Answer) -> None:
    error = run_without_hr.products()["hr/employees"]["error"]

    assert "error[R001]" in error
    assert "staffing.py:" in error
    assert "def unfinished(:" in error
    assert "Traceback" not in error


def test_validation_reports_hr_alone(mesh: Mesh, broken_hr: Copy) -> None:
    """Dagster's own validation of the workspace, as `make check` calls it."""
    dagster = Path(sys.executable).parent / "dagster"
    validated = subprocess.run(
        [dagster, "definitions", "validate", "-w", "workspace.yaml"],
        cwd=broken_hr.root,
        env={**mesh.environment(), "MESH_ROOT": str(broken_hr.root)},
        capture_output=True,
        text=True,
        timeout=ENOUGH,
        check=False,
    )
    said = validated.stdout + validated.stderr

    assert validated.returncode != 0
    assert "Validation failed for code location hr" in said
    for domain in ("central_data_platform", "marketing", "sales"):
        assert f"Validation successful for code location {domain}" in said


def test_the_copies_run_their_own_code(broken_hr: Copy) -> None:
    """Else the tests above would prove nothing: the editable installs point to the tree itself."""
    for domain in DOMAINS:
        found = subprocess.run(
            [
                broken_hr.root / f"domains/{domain}/.venv/bin/python",
                "-c",
                f"import {domain} as d; print(d.__file__)",
            ],
            cwd=broken_hr.root,
            env={"PYTHONPATH": str(broken_hr.root / f"domains/{domain}/src")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

        assert Path(found).is_relative_to(broken_hr.root)
        assert not Path(found).is_relative_to(ROOT)
