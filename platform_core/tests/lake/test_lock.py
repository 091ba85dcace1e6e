"""The writer lock: many writers, a live holder, a dead one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from platform_core.diagnostics import LakeLocked, UsageError
from platform_core.lake.connect import connect
from platform_core.lake.location import LakeLocation
from platform_core.lake.lock import lake_lock
from platform_core.settings import LOCK_TIMEOUT

COUNT = """
import sys
from pathlib import Path
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import Place
from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.location import LakeLocation
from platform_core.lake.transaction import Stamp
from platform_core.lake.publication.tables import publish_table

place = Place(Path("x"))
product = DataProduct("sales", "counter", Path("x"), place, "1", "active", (), ())
location = LocalLakes(Path(sys.argv[1]))
with connect(location, write=["sales"]) as con:
    for _ in range(int(sys.argv[2])):
        publish_table(con, location, product, "SELECT n + 1 AS n FROM sales.products.counter",
                      stamp=Stamp("run", product.id), audit=lambda relation: None)
"""

HOLD = """
import sys, time
from pathlib import Path
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.location import LakeLocation
from platform_core.lake.lock import lake_lock

with lake_lock(LocalLakes(Path(sys.argv[1])), "sales", holder="sales/baskets, run 7"):
    print("held", flush=True)
    time.sleep(120)
"""


def hold(location: LakeLocation) -> subprocess.Popen[str]:
    """Another process that has the lock by the time this returns."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(location.root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def stop(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.full
def test_no_update_is_lost_among_writers(con: duckdb.DuckDBPyConnection, location: LakeLocation) -> None:
    con.execute("CREATE TABLE sales.products.counter AS SELECT 0 AS n")
    writers = [
        subprocess.Popen([sys.executable, "-c", COUNT, str(location.root), "5"], stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    errors = [writer.communicate(timeout=300)[1].decode() for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0, 0, 0], errors
    assert con.execute("SELECT n FROM sales.products.counter").fetchall() == [(20,)]


def test_processes_that_create_the_same_lake_create_it_once(location: LakeLocation) -> None:
    make = (
        "import sys; from pathlib import Path; from platform_core.lake.connect import connect;"
        "from platform_core.lake.local.lakes import LocalLakes;"
        "c = connect(LocalLakes(Path(sys.argv[1])), write=['sales']); con = c.__enter__();"
        "print(con.execute('SELECT count(*) FROM sales.snapshots()').fetchone()[0])"
    )
    makers = [
        subprocess.Popen([sys.executable, "-c", make, str(location.root)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    found = [maker.communicate(timeout=300)[0] for maker in makers]

    assert [maker.returncode for maker in makers] == [0, 0, 0]
    assert len(set(found)) == 1
    assert sorted(path.name for path in location.folder("sales").glob("*sqlite")) == ["catalog.sqlite"]


def test_a_live_holder_is_named(location: LakeLocation) -> None:
    holder = hold(location)
    try:
        with (
            pytest.raises(LakeLocked) as error,
            lake_lock(location, "sales", holder="test", timeout=0.3),
        ):
            pass
    finally:
        stop(holder)

    assert error.value.diagnostics[0].code == "L001"
    assert f"process {holder.pid} (sales/baskets, run 7)" in str(error.value)


def test_a_holder_of_one_lake_does_not_hold_another(location: LakeLocation) -> None:
    holder = hold(location)
    try:
        with lake_lock(location, "hr", holder="test", timeout=0):
            pass
    finally:
        stop(holder)


def test_a_dead_holder_does_not_block_others(location: LakeLocation) -> None:
    holder = hold(location)
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()

    with lake_lock(location, "sales", holder="test", timeout=0):
        pass


def test_waiting_ends_when_the_lock_is_free(location: LakeLocation) -> None:
    holder = hold(location)
    freed = threading.Timer(0.2, stop, [holder])
    freed.start()
    with lake_lock(location, "sales", holder="test", timeout=300):
        pass
    freed.join()


def test_readers_need_no_lock(con: duckdb.DuckDBPyConnection, location: LakeLocation) -> None:
    con.execute("CREATE TABLE sales.products.t AS SELECT 1 AS i")
    with (
        lake_lock(location, "sales", holder="test"),
        connect(location, read=["sales"]) as reader,
    ):
        con.execute("BEGIN; DELETE FROM sales.products.t")
        assert reader.execute("FROM sales.products.t").fetchall() == [(1,)]
        con.execute("ROLLBACK")


def test_a_child_does_not_inherit_the_lock(location: LakeLocation) -> None:
    with lake_lock(location, "sales", holder="test"):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with lake_lock(location, "sales", holder="test", timeout=0):
            pass
    finally:
        child.communicate(b"\n")


@pytest.mark.parametrize("words", ["soon", "-1", "inf", "nan"])
def test_a_timeout_must_be_a_number_of_seconds(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setenv("MESH_LOCK_TIMEOUT", words)
    with pytest.raises(UsageError, match="U030"):
        LOCK_TIMEOUT.seconds(300)


def test_the_timeout_comes_from_the_environment(
    location: LakeLocation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MESH_LOCK_TIMEOUT", "0.1")
    holder = hold(location)
    try:
        message = r"still being written by .* after 0\.1 s"
        with pytest.raises(LakeLocked, match=message), lake_lock(location, "sales", holder="t"):
            pass
    finally:
        stop(holder)
