"""Batches are in a stream once each, wherever the process that appended them was killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_mesh import SmallMesh

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, LakeError
from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.publication.streams import ledger, open_stream
from platform_core.lake.reading import at_version, insertions
from platform_core.lake.transaction import Stamp
from platform_core.lake.versions import published_version
from platform_core.products.inputs.changes import position_now, since

STREAM = """\
    physicalType: stream
    customProperties: [{property: eventTime, value: clicked, vendor: platform-core}]
    properties:
      - {name: id, logicalType: integer}
      - {name: clicked, logicalType: timestamp, required: true}
"""


def clicks(root: Path) -> DataProduct:
    """A stream without rules, so that only appending is looked at."""
    mesh = SmallMesh.make(root, "shop")
    mesh.contract("shop/clicks", STREAM)
    return mesh.registry.get("shop/clicks")


def rows(first: int, count: int = 2) -> str:
    return f"SELECT i AS id, TIMESTAMP '2024-05-01' AS clicked FROM range({first}, {first + count}) t(i)"


# Child n delivers batch n - 1 again, whose child was killed, and is killed in the n-th step of its own one.
KILLED = """
import json, os, signal, sys
from pathlib import Path
from platform_core.registry.lookup import Registry
from platform_core.lake.publication import streams as streams
from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.transaction import Stamp

root = Path(sys.argv[1])
product = Registry.open(root).get("shop/clicks")

class Killer:
    def __init__(self, con, steps):
        self.con, self.steps = con, steps
    def execute(self, *words):
        if self.steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps -= 1
        return self.con.execute(*words)

def rows(n):
    return f"SELECT i AS id, TIMESTAMP '2024-05-01' AS clicked FROM range({2 * n}, {2 * n + 2}) t(i)"

def child(n):
    location, stamp = LocalLakes(root / "lake"), Stamp("run", product.id)
    with (
        connect(location, write=["shop"]) as con,
        streams.open_stream(con, location, product, stamp=stamp) as s,
    ):
        state = s.append(str(n - 1), rows(n - 1), audit=str.join).state if n else "none"
        os.write(2, (state + " ").encode())
        s.connection = Killer(con, n + 3)  # before its transaction there is nothing to be lost
        s.append(str(n), rows(n), audit=str.join)

whole = 0
for n in range(40):
    pid = os.fork()
    if not pid:
        child(n)
        os._exit(0)
    whole += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != -signal.SIGKILL
    if whole == 2:  # the last one delivered a batch again that had been published
        break
print(n)
"""


@pytest.mark.full
def test_a_batch_is_there_once_wherever_its_process_was_killed(tmp_path: Path) -> None:
    product = clicks(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, check=True, timeout=300
    )
    batches = int(done.stdout) + 1
    # Killed before the commit, a batch is published when it comes again; killed after it, it is known.
    assert {"published", "skipped"} <= set(done.stderr.split()), done.stderr
    with connect(LocalLakes(tmp_path / "lake"), read=["shop"]) as con:
        entries = ledger(con, product)
        assert [entry.batch for entry in entries] == [str(n) for n in range(batches)]
        assert con.execute("SELECT id FROM shop.products.clicks ORDER BY id").fetchall() == [
            (n,) for n in range(2 * batches)
        ]


def test_the_same_rows_in_another_order_are_the_same_batch(tmp_path: Path) -> None:
    product = clicks(tmp_path)
    location, stamp = LocalLakes(tmp_path / "lake"), Stamp("run", product.id)
    with (
        connect(location, write=["shop"]) as con,
        open_stream(con, location, product, stamp=stamp) as stream,
    ):
        assert stream.append("a", rows(0), audit=str.join).state == "published"
        assert stream.append("a", f"{rows(0)} ORDER BY id DESC", audit=str.join).state == "skipped"
        extra = con.execute(
            "SELECT commit_extra_info FROM shop.snapshots() ORDER BY snapshot_id DESC"
        ).fetchone()
    assert extra is not None
    stamped = json.loads(extra[0])
    assert (stamped["batch"], stamped["rows"], stamped["rows_written"]) == ("a", 2, 2)


def test_a_stream_is_given_new_columns_and_keeps_the_old(tmp_path: Path) -> None:
    product = clicks(tmp_path)
    location, stamp = LocalLakes(tmp_path / "lake"), Stamp("run", product.id)
    with (
        connect(location, write=["shop"]) as con,
        open_stream(con, location, product, stamp=stamp) as stream,
    ):
        stream.append("a", rows(0), audit=str.join)
        stream.append("b", f"SELECT *, 'home' AS page FROM ({rows(2)})", audit=str.join)
        assert con.execute("SELECT page FROM shop.products.clicks ORDER BY id").fetchall() == [
            (None,), (None,), ("home",), ("home",),
        ]  # fmt: skip
        other = f"SELECT * REPLACE (id::VARCHAR AS id), 'x' AS page FROM ({rows(4)})"
        for query, fault in ((rows(4), '"page" is gone'), (other, '"id" was BIGINT and is VARCHAR')):
            with pytest.raises(DefinitionError) as error:
                stream.append("c", query, audit=str.join)
            assert [found.code for found in error.value.diagnostics] == ["L041"]
            assert fault in error.value.diagnostics[0].message
        assert "c" not in stream.entries


def test_files_of_many_batches_are_merged_and_new_rows_stay_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_core.lake.publication.streams.COMPACT_EVERY", 4)
    product = clicks(tmp_path)
    location, stamp = LocalLakes(tmp_path / "lake"), Stamp("run", product.id)
    versions = []
    with (
        connect(location, write=["shop"]) as con,
        open_stream(con, location, product, stamp=stamp) as stream,
    ):
        for number in range(6):
            stream.append(str(number), rows(2 * number), audit=str.join)
            versions.append(published_version(con, product) or 0)
        files = "FROM ducklake_list_files('shop', 'clicks', schema => 'products')"
        assert con.execute(f"SELECT count(*) {files}").fetchone() == (3,)
        new = insertions(product, versions[1], versions[4])
        assert con.execute(f"SELECT list(id ORDER BY id) FROM {new}").fetchone() == ([4, 5, 6, 7, 8, 9],)
        old = at_version("shop.products.clicks", versions[1])
        assert con.execute(f"SELECT max(id) FROM {old}").fetchone() == (3,)
        # What has grown is left alone, or merging would take longer each time.
        monkeypatch.setattr("platform_core.lake.publication.streams.SMALL_FILE", 1)
        stream.compact()
        assert con.execute(f"SELECT count(*) {files}").fetchone() == (3,)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT 1", None),
        ("CREATE OR REPLACE TABLE shop.products.clicks AS FROM shop.products.clicks", "L043"),
        ("DELETE FROM shop.products.clicks WHERE id = 1", "L043"),
        ("UPDATE shop.products.clicks SET id = 7 WHERE id = 1", "L043"),
        ("CALL ducklake_expire_snapshots('shop', versions => [{next}])", "L042"),
    ],
)
def test_a_reader_is_refused_if_new_rows_cannot_be_identified(
    tmp_path: Path, statement: str, code: str | None
) -> None:
    product = clicks(tmp_path)
    location, stamp = LocalLakes(tmp_path / "lake"), Stamp("run", product.id)
    with (
        connect(location, write=["shop"]) as con,
        open_stream(con, location, product, stamp=stamp) as stream,
    ):
        stream.append("a", rows(0), audit=str.join)
        read = published_version(con, product) or 0
        position = position_now(con, product, read)
        for number, batch in enumerate("bc", start=1):  # the newest version cannot be expired
            stream.append(batch, rows(2 * number), audit=str.join)
        con.execute(statement.format(next=read + 1))
        stream.append("d", rows(6), audit=str.join)
        now = published_version(con, product) or 0
        if code is None:
            assert since(con, product, product, position, now, product.place) == read
            assert since(con, product, product, None, now, product.place) is None
            return
        with pytest.raises(LakeError) as error:
            since(con, product, product, position, now, product.place)
    assert [fault.code for fault in error.value.diagnostics] == [code]
