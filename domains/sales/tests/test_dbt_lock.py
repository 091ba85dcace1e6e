"""The dbt process itself holds the lake's lock, also when the process that started it is gone."""

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

WRITER = """
import sys, time, duckdb
from platform_core.lake.dbt_plugin import Plugin
plugin = Plugin("mesh", {"root": sys.argv[1], "write": "sales", "read": []})
for _ in range(2):
    plugin.configure_connection(duckdb.connect())
print("writing", flush=True)
time.sleep(60)
"""
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]], stdout=subprocess.PIPE, text=True)
print(child.pid, child.stdout.readline(), flush=True)
time.sleep(60)
"""


def test_a_killed_parent_does_not_free_the_lock_of_its_dbt(tmp_path: Path) -> None:
    location = LakeLocation(tmp_path)
    command = [sys.executable, "-c", PARENT, WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        writer = int(parent.stdout.readline().split()[0])
        parent.send_signal(signal.SIGKILL)
    try:
        with pytest.raises(LakeLocked, match="dbt"), lake_lock(location, "sales", holder="test", timeout=0.2):
            pass
    finally:
        os.kill(writer, signal.SIGKILL)
    for _ in range(2000):
        try:
            with lake_lock(location, "sales", holder="test", timeout=0.1):
                return
        except LakeLocked:
            time.sleep(0.05)
    pytest.fail("the lock of a dead dbt was not given back")
