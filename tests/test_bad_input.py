"""Mistakes of people and failures of machines: one clear message, and nothing is lost."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mesh_command import MESH, ROOT, Mesh
from mesh_copy import copy_mesh

from platform_core.lake.lock import lake_lock

CATALOG = "central_data_platform/data_product_catalog"
HOLD = """
import sys, time
from pathlib import Path
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.lock import lake_lock
with lake_lock(LocalLakes(Path(sys.argv[1])), "central_data_platform", holder="a writer that dies"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_an_unknown_product_is_refused_with_a_guess(mesh: Mesh) -> None:
    answer = mesh.run("sales/transaction")

    assert answer.code == 2
    assert 'did you mean "sales/transactions"?' in answer.err
    assert answer.out == ""


@pytest.mark.parametrize("verb", ["run", "serve"])
def test_from_another_folder_one_line_names_the_root(mesh: Mesh, verb: str) -> None:
    answer = mesh.call(verb, cwd=ROOT / "domains")

    assert answer.code == 2
    assert answer.out == ""
    [line, more] = answer.err.splitlines()
    assert f"cd {ROOT}" in line
    assert more == "   = more: mesh explain U026"


def test_outside_of_a_mesh_the_message_names_the_cause(mesh: Mesh, tmp_path: Path) -> None:
    answer = mesh.call("run", cwd=tmp_path)

    assert answer.code == 2
    assert "error[U001]" in answer.err


def test_a_lake_that_cannot_be_written(mesh: Mesh, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    elsewhere = Mesh(ROOT, mesh.home, {"MESH_LAKE": str(tmp_path / "file" / "lake")})

    answer = elsewhere.run(CATALOG)

    assert answer.code == 1
    error = answer.products()[CATALOG]["error"]
    assert "error[L002]" in error
    assert "MESH_LAKE" in error


def test_a_disk_without_room(mesh: Mesh) -> None:
    """A limit on the size of files stands for a full disk: the system refuses the write in the same place."""
    before = mesh.published()
    room = 4 * 1024 * 1024
    process = subprocess.run(
        [MESH, "run", "--json", "marketing/promotions"],
        cwd=ROOT,
        env=mesh.environment() | {"MESH_LAKE": str(mesh.lakes.root)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert process.returncode == 1
    assert "error[L003]" in process.stdout
    assert mesh.published() == before


def test_a_lake_locked_by_a_live_process_is_waited_for_and_then_named(mesh: Mesh) -> None:
    impatient = Mesh(ROOT, mesh.home, {"MESH_LOCK_TIMEOUT": "1"})

    with lake_lock(mesh.lakes, "central_data_platform", holder="a long report"):
        answer = impatient.run(CATALOG)

    assert answer.code == 1
    error = answer.products()[CATALOG]["error"]
    assert "error[L001]" in error
    assert f"process {os.getpid()} (a long report)" in error


def test_a_lake_locked_by_a_dead_process_is_free(mesh: Mesh) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(mesh.lakes.root)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGKILL)
    holder.wait()

    answer = Mesh(ROOT, mesh.home, {"MESH_LOCK_TIMEOUT": "1"}).run(CATALOG)

    assert answer.code == 0, answer.out


@pytest.mark.full
def test_contracts_too_long_malformed_and_doubled(mesh: Mesh, tmp_path: Path) -> None:
    """A product with a broken contract fails with its own fault, and the others of its location are made."""
    copy = copy_mesh(tmp_path / "mesh")
    folder = copy.root / "domains/central_data_platform/contracts"
    original = (folder / "data_product_catalog.odcs.yaml").read_text()
    (folder / "endless.odcs.yaml").write_text("# " + "x" * 10_000_000 + "\n")
    (folder / "malformed.odcs.yaml").write_text("schema: [unclosed\n")
    (folder / "doubled.odcs.yaml").write_text(original)

    answer = Mesh(copy.root, tmp_path / "state").run("central_data_platform", "hr/employees")

    products = answer.products()
    assert answer.code == 1
    assert [products[name]["status"] for name in ("hr/employees", CATALOG)] == ["ok", "ok"]
    faults = {"endless": "endless.odcs.yaml", "malformed": "malformed.odcs.yaml:", "doubled": "error[C022]"}
    for name, fault in faults.items():
        error = products[f"central_data_platform/{name}"]["error"]
        assert fault in error
        assert len(error) < 20_000


def test_a_missing_contract_is_reported_to_its_consumers(mesh: Mesh, tmp_path: Path) -> None:
    copy = copy_mesh(tmp_path / "mesh")
    (copy.root / "domains/hr/contracts/store_staffing.odcs.yaml").unlink()

    answer = Mesh(copy.root, mesh.home).run("sales/store_performance", "hr/employees")

    products = answer.products()
    assert answer.code == 1
    assert (
        'error[D001]: unknown data product "hr/store_staffing"'
        in products["sales/store_performance"]["error"]
    )
    assert 'the product "store_staffing" of hr has no contract' in products["hr/employees"]["error"]
    assert "staffing.py:" in products["hr/employees"]["error"]
