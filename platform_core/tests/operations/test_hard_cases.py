"""Hard cases of the watch: nothing is lost, and nobody hears of a recovery that is none."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._daemon.types import DaemonHeartbeat
from operations.watched import BAD, CODE, GOOD, WatchedShop, watched_shop
from operations.watching import Watch
from small_mesh import SmallMesh, here

from platform_core.cli import main
from platform_core.operations.incidents.book import Book
from platform_core.operations.incidents.signals import Signal
from platform_core.operations.store.database import FORMAT, database_file, leadership
from platform_core.operations.store.journal import Journal
from platform_core.operations.watch.answers import acknowledge
from platform_core.operations.watch.findings import SILENT, SLOT
from platform_core.operations.watch.process import once
from platform_core.operations.watch.round import Rounds

START = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
BROKEN = "def sales(:\n"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[SmallMesh]:
    """A mesh without a product."""
    with here(tmp_path, "shop") as mesh:
        mesh.location("shop")
        yield mesh


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[WatchedShop]:
    with watched_shop(tmp_path) as found:
        found.round()
        yield found


# Two watches, and the database


def test_a_second_watch_waits_for_the_end_of_the_first(empty: SmallMesh) -> None:
    with Journal.open(empty.root) as journal, leadership(empty.root, journal.database) as leads:
        assert leads
        with Journal.open(empty.root) as other, leadership(empty.root, other.database) as both:
            assert not both
        assert once(empty.root, None) is None
    with Journal.open(empty.root) as journal, leadership(empty.root, journal.database) as leads:
        assert leads


@pytest.mark.full
def test_a_second_watch_leads_when_the_first_is_killed(empty: SmallMesh) -> None:
    first = Watch(empty.root)
    second = None
    try:
        first.leads()
        second = Watch(empty.root)
        second.waits()
        first.end()
        second.leads()
        assert second.end(signal.SIGINT) == 130
    finally:
        for each in filter(None, (first, second)):
            each.process.kill()


def test_a_database_of_a_newer_version_is_left_alone(
    empty: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(empty.root)
    with Journal.open(empty.root) as journal:
        journal.keep("format", FORMAT + 1)
    before = database_file(empty.root).read_bytes()

    assert main(["watch", "--once"]) != 0

    said = capsys.readouterr().err
    assert "O002" in said
    assert "Update platform_core" in said
    assert database_file(empty.root).read_bytes() == before


FULL = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from platform_core.operations.incidents.signals import Signal
from platform_core.operations.store.database import OperationsError
from platform_core.operations.store.journal import Journal

written = 0
try:
    with Journal.open(Path(sys.argv[1])) as journal:
        for number in range(10_000):
            with journal.transaction():
                at = datetime.now(UTC)
                journal.record(Signal.of("refused", f"shop/{number}", at, text="x" * 500 ) for _ in range(2))
                journal.keep("count", number + 1)
            written = number + 1
except OperationsError as error:
    print(written, error.diagnostics[0].code, error.diagnostics[0].message)
"""


@pytest.mark.parametrize("room", [200_000, 1_000_000])
def test_a_full_disk_loses_nothing(empty: SmallMesh, room: int) -> None:
    with Journal.open(empty.root):
        pass
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(empty.root)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    written, code, message = done.stdout.split(maxsplit=2)
    assert (code, done.stderr) == ("O001", "")
    assert "operate.sqlite cannot be read or written: " in message
    assert "disk" in message
    assert 10 < int(written) < 10_000
    # All that was written is there, and nothing of the transaction that failed.
    with Journal.open(empty.root) as journal:
        assert journal.fact("count") == int(written)
        assert len([*journal.signals(START - timedelta(days=9999))]) == int(written)
        journal.record([Signal.of("refused", "shop/last", START)])


@pytest.mark.full
def test_a_round_on_a_full_disk_is_done_again(shop: WatchedShop) -> None:
    assert shop.make("shop/sales", query=BAD) == [False]
    codes = set[str]()
    for room in (40_000, 80_000):
        done = subprocess.run(
            [sys.executable, "-m", "platform_core.cli", "watch", "--once"],
            cwd=shop.mesh.root,
            preexec_fn=lambda room=room: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        codes |= {*re.findall(r"\[(\w+)\]", done.stderr)}
    assert codes == {"O001", "R010"}

    shop.round()

    assert [each["cause"] for each in shop.incidents()] == ["shop/sales"]
    assert {*shop.messages("shop")} == {"shop/sales was not published: range__amount fails"}
    assert len({*shop.receiver.keys()}) == 2


# The clock


@pytest.mark.full
def test_a_step_back_of_the_clock_loses_nothing(shop: WatchedShop) -> None:
    real = shop.now
    # The clock is three days ahead: two products are late.
    shop.round(timedelta(days=3))
    assert {each["kind"] for each in shop.incidents()} == {"late"}
    [incident] = [each for each in shop.incidents() if each["cause"] == "shop/sales"]

    shop.receiver.answers = [(503, "3600")] * 9
    shop.make("shop/sales", query=BAD)
    shop.now = real
    result = shop.round()
    assert any("the clock went back by" in each for each in result.remarks)
    assert acknowledge(shop.mesh.root, incident["id"], "Ada", shop.now)["state"] == "acknowledged"
    assert [each["kind"] for each in shop.incidents()] == ["refused"]

    shop.make("shop/sales", "other/amounts", "third/names")
    shop.round()
    assert shop.incidents() == []
    # No message waits for the time that was.
    shop.receiver.answers.clear()
    shop.round(timedelta(hours=2))
    assert "shop/sales was not published: range__amount fails" not in shop.messages("third")
    assert shop.messages("shop")[-1] == "shop/sales works again"


@pytest.mark.full
def test_a_publication_with_a_slow_clock_ends_the_lateness_that_it_repairs(
    shop: WatchedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.round(timedelta(days=3)).open == 1
    # The machine that makes the products is an hour behind that of the watch.
    slow = (shop.now - timedelta(hours=1)).timestamp()
    monkeypatch.setattr(time, "time", lambda: slow)
    for name in ("shop/sales", "other/amounts", "third/names"):
        made = dg.AssetMaterialization(dg.AssetKey(name.split("/")), metadata={"mesh/version": 99})
        shop.instance.report_runless_asset_event(made)
    monkeypatch.undo()
    assert shop.round(timedelta(minutes=1)).open == 0


# Locations and products


@pytest.mark.full
def test_an_incident_outlives_the_purge_of_the_event_log(shop: WatchedShop) -> None:
    shop.make("shop/sales", query=BAD)
    shop.round()
    for run in shop.instance.get_runs():
        shop.instance.delete_run(run.run_id)
    shop.instance.wipe_assets([*shop.instance.get_asset_keys()])

    shop.round(timedelta(hours=1))
    (incident,) = shop.incidents()
    assert (incident["cause"], incident["kind"]) == ("shop/sales", "refused")

    shop.make("shop/sales")
    shop.round()
    assert shop.incidents() == []
    assert shop.messages("shop")[-1] == "shop/sales works again"


@pytest.mark.full
def test_a_broken_location_recovers_only_when_it_loads(shop: WatchedShop) -> None:
    shop.mesh.code("shop", BROKEN)
    shop.round()
    affected = ["other/amounts", "shop/sales", "third/names"]
    for hours in (1, 50, 7, 7):
        shop.round(timedelta(hours=hours))
        (incident,) = shop.incidents()
        assert (incident["cause"], incident["affected"]) == ("location:shop", affected)
    assert [*incident["late"]] == affected
    assert not any("works again" in title for title in shop.messages("shop"))

    shop.mesh.code("shop", CODE.format(query=GOOD))
    shop.round()
    assert shop.incidents() == []
    assert shop.messages("shop")[-1] == "the code location shop works again"

    # Nothing was made: they are late still, by a cause of their own.
    shop.round(2 * SLOT)
    (incident,) = shop.incidents()
    assert (incident["cause"], incident["kind"]) == ("shop/sales", "late")
    assert [*incident["late"]] == ["other/amounts", "third/names"]


@pytest.mark.full
@pytest.mark.parametrize("broken", [True, False])
def test_the_incident_of_a_removed_location_ends(shop: WatchedShop, broken: bool) -> None:
    if broken:
        shop.mesh.code("other", BROKEN)
    else:
        shop.mesh.code("other", READS_BADLY)
        shop.make("other/amounts")
    shop.round()
    (incident,) = shop.incidents()
    assert incident["cause"] == ("location:other" if broken else "other/amounts")

    shutil.rmtree(shop.mesh.root / "domains" / "other")
    workspace = yaml.safe_load((shop.mesh.root / "workspace.yaml").read_text())
    workspace["load_from"] = [
        each for each in workspace["load_from"] if each["python_module"]["location_name"] != "other"
    ]
    shop.mesh.write("workspace.yaml", yaml.safe_dump(workspace))
    shop.round()
    assert shop.incidents() == []

    # It is no reader any more.
    shop.make("shop/sales", query=BAD)
    shop.round()
    (incident,) = shop.incidents()
    assert incident["affected"] == []


READS_BADLY = """
@data_product(inputs={"sales": "shop/sales"})
def amounts(sales: Table):
    return f"SELECT id, -amount AS amount, 'x' AS who FROM {sales}"
"""


@pytest.mark.full
def test_the_incident_of_a_removed_product_ends(shop: WatchedShop) -> None:
    shop.mesh.code("other", READS_BADLY)
    shop.make("other/amounts")
    shop.round()
    assert [each["cause"] for each in shop.incidents()] == ["other/amounts"]
    (shop.mesh.root / "domains/other/contracts/amounts.odcs.yaml").unlink()
    shop.mesh.code("other", "")
    shop.round()
    assert shop.incidents() == []


def graph(location: str, at: datetime, **reads: str) -> Signal:
    part = {f"{location}/{name}": {"": {source: []}, "x": {source: ["x"]}} for name, source in reads.items()}
    return Signal.of("graph", location, at, at.isoformat(), part=part)


def test_an_incident_of_a_source_ends_with_its_last_reader() -> None:
    minute = timedelta(minutes=1)
    failed = Signal.of("failed", "shop/sales", START, source="tills", code="S001", title="It is missing")
    signals = [graph("shop", START - minute, sales="tills"), failed]
    assert [each.cause for each in Book.replay(signals).open] == ["source:tills"]
    assert [*Book.replay([*signals, graph("shop", START + minute)]).open] == []
    assert [*Book.replay([*signals, graph("shop", START + minute, sales="others")]).open] == []


def test_a_graph_that_is_as_before_again_counts(empty: SmallMesh) -> None:
    columns = [{"": {"tills": []}, "x": {"tills": [column]}} for column in ("a", "b", "a")]
    with Journal.open(empty.root) as journal:
        rounds = Rounds(empty.root, journal, None)
        for number, uses in enumerate(columns):
            at = START + timedelta(minutes=number)
            for seconds in (0, 30):  # as each new watch does, it looks at a graph that is known
                now = at + timedelta(seconds=seconds)
                shown = Signal.of("graph", "shop", now, now.isoformat(), part={"shop/sales": uses})
                rounds.mesh.__dict__["locations"] = [type("Location", (), {"name": "shop"})()]
                rounds._commit([shown], None, now, [])
        rows = journal.database.rows("SELECT count(*) FROM mesh_signal WHERE kind = 'graph'")
        assert rows == [(3,)]
        book = Book.replay(journal.signals(START + timedelta(hours=1)))
        assert [*book.reach.readers("tills", frozenset({"a"}))] == ["shop/sales"]
        assert [*book.reach.readers("tills", frozenset({"b"}))] == []


# The daemon, and what people see


@pytest.mark.full
def test_a_silent_daemon_is_an_incident_until_it_beats(shop: WatchedShop) -> None:
    def beat(ago: timedelta) -> None:
        at = (shop.now - ago).timestamp()
        shop.instance.add_daemon_heartbeat(DaemonHeartbeat(at, "ASSET", "x", errors=[]))

    shop.now = datetime.now(UTC) + timedelta(hours=1)
    beat(timedelta(seconds=30))
    shop.round()
    assert shop.incidents() == []

    shop.round(SILENT)
    (incident,) = shop.incidents()
    assert (incident["cause"], incident["kind"]) == ("daemon", "broken")
    assert shop.messages("platform") == [
        "Dagster's daemon has not answered for 2 minutes: nothing runs by itself"
    ]

    shop.round(timedelta(days=3))
    (incident,) = shop.incidents()
    assert [*incident["late"]] == ["other/amounts", "shop/sales", "third/names"]

    beat(timedelta(seconds=1))
    shop.round()
    assert shop.incidents() == []
    assert shop.messages("platform")[-1] == "Dagster's daemon works again"


@pytest.mark.full
def test_status_names_the_incident_and_the_last_round(
    shop: WatchedShop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.make("shop/sales", query=BAD)
    shop.round()
    (incident,) = shop.incidents()
    capsys.readouterr()

    assert main(["status"]) == 1

    said = capsys.readouterr().out
    assert "because of" in said
    [line] = [each for each in said.splitlines() if each.startswith("shop/sales ")]
    assert f"{incident['id']} (shop/sales)" in line
    assert "the watch last ran" in said

    shutil.rmtree(database_file(shop.mesh.root).parent)
    assert main(["status"]) == 1
    assert "the watch has never run: nobody is alerted" in capsys.readouterr().out


def test_status_goes_on_without_the_incidents(mesh: SmallMesh, capsys: pytest.CaptureFixture[str]) -> None:
    file = database_file(mesh.root)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no database at all" * 300)
    assert main(["status"]) == 1
    out, err = capsys.readouterr()
    assert "nothing has run in this mesh yet" in out
    assert "O001" in err
    assert "Move the file away" in err
