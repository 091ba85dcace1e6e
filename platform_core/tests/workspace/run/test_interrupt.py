"""Ctrl-C and SIGKILL: one line, the run recorded as ended, and no process left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import psutil
import pytest
from small_mesh import KEPT, TWO_DAYS, SmallMesh

from platform_core.workspace.home import Home
from platform_core.workspace.instance import shared_instance
from platform_core.workspace.run import coordinator
from platform_core.workspace.status import mesh_status

SLOW = """
import subprocess
import sys

@dg.asset(key=["slow", "first"])
def first(): ...

@dg.asset(key=["slow", "long"], deps=[first])
def long():
    # A child of the domain's code, as dbt is one.
    child = subprocess.Popen(["sleep", "600"])
    open("started", "w").write(str(child.pid))
    try:
        time.sleep(600)
    finally:
        open("rolled_back", "w").close()

defs = dg.Definitions(assets=[first, long])
"""
PATIENT_WORKER = """
assert 0 < sys.modules["__main__"].STOP_SECONDS < 600
sys.modules["__main__"].STOP_SECONDS = 3600
"""
PATIENT_COMMAND = f"""
import sys
from platform_core.cli import main
import {coordinator.__name__} as run
assert 0 < run.PATIENCE < 600
run.PATIENCE = 3600
sys.exit(main())
"""
ENOUGH = 300.0
"""Seconds after which a test gives up, however slow the machine is."""


def wait_for(met: Callable[[], object]) -> None:
    until = time.monotonic() + ENOUGH
    while not met():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def processes_of(root: Path) -> list[str]:
    """Every process whose working directory is a mesh, except the test's own."""
    found = []
    for process in psutil.process_iter(["pid", "cwd", "cmdline"]):
        if process.info["pid"] != os.getpid() and process.info["cwd"] == str(root):
            found.append(" ".join(process.info["cmdline"] or [str(process.info["pid"])]))
    return found


def run_statuses(root: Path) -> list[str]:
    with dg.DagsterInstance.from_config(str(root / ".mesh/dagster")) as instance:
        return [run.status.value for run in instance.get_runs()]


def test_ctrl_c_rolls_back_and_leaves_nothing(mesh: SmallMesh) -> None:
    mesh.location("slow", SLOW, "first long")
    process = mesh.start("run", "--json")
    wait_for((mesh.root / "started").exists)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=ENOUGH)
    assert process.returncode == 130
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith("interrupted: 1 made, 1 not made")
    statuses = {product["product"]: product["status"] for product in json.loads(out)["products"]}
    assert statuses == {"slow/first": "ok", "slow/long": "canceled"}
    assert (mesh.root / "rolled_back").exists()
    assert run_statuses(mesh.root) == ["CANCELED"]
    assert processes_of(mesh.root) == []


@pytest.mark.full
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_ctrl_c_while_locations_load(mesh: SmallMesh, workers: int) -> None:
    mesh.location("slow", SLOW, "first long")
    mesh.location("other", SLOW.replace('"slow"', '"other"'), "first long")
    process = mesh.start("run")
    wait_for(lambda: len(processes_of(mesh.root)) > workers)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=ENOUGH)
    if workers:
        assert process.returncode == 130
        assert err.strip().splitlines()[-1].startswith("interrupted")
    assert processes_of(mesh.root) == []


@pytest.mark.full
def test_a_second_ctrl_c_kills_and_the_next_run_closes_the_records(mesh: SmallMesh) -> None:
    stubborn = SLOW.replace(
        "    try:\n        time.sleep(600)\n",
        "    while True:\n        try:\n            time.sleep(600)\n"
        "        except BaseException: open('asked', 'w').close()\n    try: ...\n",
    )
    # Without the second Ctrl-C neither the worker nor the command would give up before the test does.
    mesh.location("slow", PATIENT_WORKER + stubborn, "first long")
    process = mesh.start("run", "slow/long", python=("-c", PATIENT_COMMAND))
    wait_for((mesh.root / "started").exists)
    process.send_signal(signal.SIGINT)
    wait_for((mesh.root / "asked").exists)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=ENOUGH)
    assert process.returncode == 130
    assert processes_of(mesh.root) == []
    assert run_statuses(mesh.root) == ["CANCELING"]
    assert mesh.coordinate("slow/first").ok
    assert sorted(run_statuses(mesh.root)) == ["CANCELED", "SUCCESS"]


@pytest.mark.full
def test_workers_end_when_the_command_is_killed(mesh: SmallMesh) -> None:
    mesh.location("slow", SLOW, "first long")
    process = mesh.start("run")
    wait_for((mesh.root / "started").exists)
    process.kill()
    process.communicate(timeout=ENOUGH)
    wait_for(lambda: processes_of(mesh.root) == [])
    assert (mesh.root / "rolled_back").exists()
    assert run_statuses(mesh.root) == ["CANCELED"]
    with pytest.raises(psutil.NoSuchProcess):
        psutil.Process(int((mesh.root / "started").read_text()))


COLUMNS = """\
    quality:
      - {metric: rowCount, mustBeGreaterThan: 0}
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: internal, description: "No."}
"""
COMPUTES = (
    "SELECT count(*)::BIGINT AS id FROM range(100000000) a, range(1000000) b WHERE a.range + b.range > 1"
)


def returning(mesh: SmallMesh, query: str) -> None:
    started = str(mesh.root / "started")
    mesh.code(
        "shop", f"@data_product\ndef sales():\n    open({started!r}, 'w').close()\n    return {query!r}\n"
    )


def shop(mesh: SmallMesh) -> None:
    """A published product whose next run never ends."""
    mesh.location("shop")
    mesh.contract("shop/sales", COLUMNS, roles="[]", promise=TWO_DAYS + KEPT)
    returning(mesh, "SELECT 1::BIGINT AS id")
    assert mesh.coordinate("shop/sales").ok
    (mesh.root / "started").unlink()
    returning(mesh, COMPUTES)


def checks_of_sales(mesh: SmallMesh) -> set[bool | None]:
    """The newest execution of each check; None without a result."""
    key, rules = dg.AssetKey(["shop", "sales"]), mesh.registry.get("shop/sales").rules
    keys = [dg.AssetCheckKey(key, rule.name) for rule in rules]
    with dg.DagsterInstance.from_config(str(mesh.root / ".mesh/dagster")) as instance:
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys).values()
        return {getattr(each.evaluation, "passed", None) for each in latest}


@pytest.mark.full
def test_ctrl_c_while_the_engine_computes_keeps_the_checks_of_the_published_version(mesh: SmallMesh) -> None:
    shop(mesh)
    process = mesh.start("run")
    wait_for((mesh.root / "started").exists)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=ENOUGH)
    assert process.returncode == 130
    assert run_statuses(mesh.root) == ["CANCELED", "SUCCESS"]
    assert checks_of_sales(mesh) == {True}
    status = mesh_status(mesh.root)
    assert (status.troubles, status.checks.passed) == ((), len(mesh.registry.get("shop/sales").rules))


@pytest.mark.full
@pytest.mark.skipif(os.geteuid() != 0, reason="another name for the machine needs root")
def test_a_run_killed_under_another_host_name_is_closed(mesh: SmallMesh) -> None:
    shop(mesh)
    renamed = (
        "import ctypes, socket; assert ctypes.CDLL(None).unshare(0x04000000) == 0; socket.sethostname('a')"
    )
    command = f"{renamed}\nimport sys\nfrom platform_core.cli import main\nsys.exit(main())"
    process = mesh.start("run", python=("-c", command))
    wait_for((mesh.root / "started").exists)
    home = Home.of(mesh.root).dagster
    with shared_instance(home, mesh.root, ["shop"]):
        assert run_statuses(mesh.root) == ["STARTED", "SUCCESS"]
    for each in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
        each.kill()
    process.communicate(timeout=ENOUGH)
    wait_for(lambda: processes_of(mesh.root) == [])
    with shared_instance(home, mesh.root, ["shop"]):
        assert run_statuses(mesh.root) == ["FAILURE", "SUCCESS"]
    assert checks_of_sales(mesh) == {True}


def test_help_is_quick_and_imports_no_verb(mesh: SmallMesh) -> None:
    process = mesh.start("--help")
    out, _ = process.communicate(timeout=ENOUGH)
    assert process.returncode == 0
    assert all(verb in out for verb in ("check", "products", "show", "query", "run", "serve"))


def test_wrong_arguments_are_one_message_and_exit_code_2(mesh: SmallMesh) -> None:
    mesh.location("slow", SLOW, "first long")
    for words, expected in (
        (("run", "slow/frist"), 'did you mean "slow/first"?'),
        (("run", "slow/first", "--partitions", "2017-01-01"), "U025"),
        (("rnu",), 'did you mean "run"?'),
    ):
        process = mesh.start(*words)
        _, err = process.communicate(timeout=ENOUGH)
        assert process.returncode == 2, err
        assert expected in err
        assert "Traceback" not in err
    assert processes_of(mesh.root) == []


def test_a_run_needs_the_root_as_working_directory(mesh: SmallMesh) -> None:
    mesh.location("slow", SLOW, "first long")
    ended = subprocess.run(
        [sys.executable, "-m", "platform_core.cli", "run"],
        cwd=mesh.root / "domains",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    refused = f"error[U026]: this command runs only at the root of the mesh: cd {mesh.root}"
    assert ended.stderr.splitlines()[0] == refused
