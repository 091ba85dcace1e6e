"""The base of the distribution, in its own environment: it reads without Dagster, and names the extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small_mesh import SmallMesh, published_mesh

LIBRARY = Path(__file__).resolve().parents[2]
READ = """
import platform_core.client as mesh
rows = mesh.read("sales/transactions")
print(rows.arrow().num_rows, rows.pandas()["amount"].sum(), rows.polars()["amount"].sum())
print(mesh.query("SELECT TIMESTAMPTZ '2024-01-01' AS t FROM sales.pinned LIMIT 1").duckdb().fetchall())
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the base, pandas and polars."""
    uv, folder = Path(sys.executable).with_name("uv"), tmp_path_factory.mktemp("base") / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--system-certs", "--python", python]
    subprocess.run([*install, LIBRARY, "pandas", "polars"], check=True)
    return python


def done(mesh: SmallMesh, *command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), cwd=mesh.root, capture_output=True, text=True)


@pytest.mark.full
def test_the_base_reads_and_names_the_extra(tmp_path: Path, python: Path) -> None:
    mesh, command = published_mesh(tmp_path), python.with_name("mesh")
    installed = done(mesh, python, "-c", "import dagster")
    assert "No module named 'dagster'" in installed.stderr
    read = done(mesh, python, "-c", READ)
    assert (read.stderr, read.stdout.splitlines()[0]) == ("", "3 4.5 4.5")
    query = done(mesh, command, "query", "SELECT sum(amount) AS s FROM sales.transactions", "--format", "csv")
    assert (query.stderr, query.stdout) == ("", "s\n4.5\n")
    assert "sales/transactions" in done(mesh, command, "products").stdout
    for verb in (["run", "sales/transactions"], ["serve"], ["validate"], ["status"]):
        ended = done(mesh, command, *verb)
        assert ended.returncode == 2
        assert "error[U110]" in ended.stderr
        assert "pip install 'platform-core[dagster]'" in ended.stderr
        assert "Traceback" not in ended.stderr
    declared = done(mesh, python, "-c", "from platform_core import domain_definitions")
    assert "error[U110]: dagster is not installed" in declared.stderr
