"""mesh-locked-dbt: the dbt process itself holds the lock, also when nobody else is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from platform_core.errors import LakeLocked
from platform_core.lake.location import LakeLocation
from platform_core.lake.lock import lake_lock

# The interpreter only looks as if it lived beside the fake dbt, so that no environment has to be made.
BECOME = """
import sys
from platform_core.lake.locked_dbt import main
sys.executable = sys.argv[1] + "/python"
main(sys.argv[2:])
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A folder with a dbt that says its arguments and pid, and then takes its time."""
    folder = tmp_path / "bin"
    folder.mkdir()
    dbt = folder / "dbt"
    dbt.write_text('#!/bin/sh\necho "$$ $*"\n[ "$1" = build ] && exec sleep 120\nexit 7\n')
    dbt.chmod(0o755)
    return folder


def command(environment: Path, *words: str) -> list[str]:
    return [sys.executable, "-c", BECOME, str(environment), *words]


def test_dbt_keeps_the_lock_when_its_parent_is_killed(location: LakeLocation, environment: Path) -> None:
    spawn = (
        "import subprocess, sys; subprocess.Popen(sys.argv[1:]); import time; print('up', flush=True);"
        "time.sleep(120)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", spawn, *command(environment, "build", "--select", "x")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "MESH_LOCK_FILE": str(location.lock("sales"))},
    )
    assert parent.stdout is not None
    said = sorted([parent.stdout.readline().split(), parent.stdout.readline().split()])
    assert said[1] == ["up"]
    pid = int(said[0][0])
    assert said[0][1:] == ["build", "--select", "x"]
    try:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        with (
            pytest.raises(LakeLocked, match=rf"process {pid} \(dbt\)"),
            lake_lock(location, "sales", holder="test", timeout=0.3),
        ):
            pass
    finally:
        parent.stdout.close()
        os.kill(pid, signal.SIGKILL)
    with lake_lock(location, "sales", holder="test", timeout=5):
        pass


def test_dbt_waits_for_the_lock(location: LakeLocation, environment: Path) -> None:
    environment.joinpath("dbt").write_text("#!/bin/sh\nexit 7\n")
    with lake_lock(location, "sales", holder="test"):
        dbt = subprocess.Popen(
            command(environment, "build"), env={**os.environ, "MESH_LOCK_FILE": str(location.lock("sales"))}
        )
        time.sleep(1.0)
        assert dbt.poll() is None
    assert dbt.wait(timeout=10) == 7


def run(environment: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "MESH_LOCK_FILE"}
    return subprocess.run(
        command(environment, *words),
        capture_output=True,
        text=True,
        env={**inherited, **variables},
        timeout=30,
    )


def test_a_holder_that_stays_is_one_message(location: LakeLocation, environment: Path) -> None:
    with lake_lock(location, "sales", holder="sales/baskets"):
        done = run(environment, "build", MESH_LOCK_FILE=str(location.lock("sales")), MESH_LOCK_TIMEOUT="0.2")
    assert done.returncode == 1
    assert "L001" in done.stderr
    assert "sales/baskets" in done.stderr


def test_commands_that_do_not_reach_the_lake_need_no_lock(environment: Path) -> None:
    done = run(environment, "--version")
    assert (done.returncode, done.stdout.split()[1:]) == (7, ["--version"])


def test_a_writing_command_without_a_lock_is_refused(environment: Path) -> None:
    done = run(environment, "build")
    assert (done.returncode, done.stdout) == (2, "")
    assert "U032" in done.stderr


def test_an_environment_without_dbt(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    assert done.returncode == 2
    assert "U031" in done.stderr


def test_a_lock_that_cannot_be_opened(environment: Path, tmp_path: Path) -> None:
    done = run(environment, "build", MESH_LOCK_FILE=str(environment / "dbt" / "lake.lock"))
    assert done.returncode == 2
    assert "U033" in done.stderr
