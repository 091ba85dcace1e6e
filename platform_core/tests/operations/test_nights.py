"""The ledger of the mesh itself over a real event log: entered once, and never judged again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData
from small_mesh import TWO_DAYS, SmallMesh, here

from platform_core.mesh import nights
from platform_core.operations.ledger.levels import service_levels
from platform_core.operations.store.journal import Journal, kept_in_words
from platform_core.operations.watch.round import Rounds
from platform_core.workspace.home import Home

PLATFORM = "central_data_platform"
DOMAIN = Path(__file__).resolve().parents[3] / "domains" / PLATFORM
CLOCK = "now = datetime.fromisoformat(open({file!r}).read())"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Six o'clock in Berlin is four in UTC; the promise opens two hours before, and the next one closes it.
MONDAY = datetime(2026, 6, 8, tzinfo=UTC)
IN_TIME = 3 * HOUR
AMOUNTS = dg.AssetKey(["other", "amounts"])


@dataclass
class Ledger:
    """`shop/sales` has a deadline, `other/amounts` is made from it, and `shop/old` has a maximum age."""

    mesh: SmallMesh
    instance: dg.DagsterInstance
    runs: list[str] = field(default_factory=list)

    def record(self, product: str, at: datetime, version: int, *inputs: str) -> None:
        """A materialization in the past."""
        metadata = {"mesh/version": version, "mesh/inputs": dict.fromkeys(inputs, 1)}
        made = dg.AssetMaterialization(dg.AssetKey(product.split("/")), metadata=metadata)
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION.value
        event = dg.DagsterEvent(kind, "made", event_specific_data=StepMaterializationData(made))
        run = str(uuid.uuid4())
        self.runs.append(run)
        entry = dg.EventLogEntry(None, "info", "", run, at.timestamp(), dagster_event=event)
        self.instance.store_event(entry)

    def week(self) -> None:
        """Six days in time, but for a late Wednesday, and a Thursday on which only sales came."""
        for number in range(7):
            day = MONDAY + number * DAY
            at = {2: 6 * HOUR}.get(number, IN_TIME)
            self.record("shop/sales", day + at, number)
            if number != 3:
                self.record("other/amounts", day + at + HOUR / 2, number, "shop/sales")
            if number < 3:
                self.record("shop/old", day + HOUR, number)

    def purge(self) -> None:
        for run in self.runs:
            self.instance.event_log_storage.delete_events(run)

    def night(self, day: datetime) -> list[dict[str, Any]]:
        """All entries, after the night that begins on a day."""
        self.mesh.write("now", (day + HOUR / 12).isoformat())
        assert self.mesh.run(PLATFORM, f"{PLATFORM}/slo_ledger", self.instance).success
        names = "product_id, day, state, blame, blame_domain, share, stale, target, version, entered"
        query = f"SELECT {names} FROM {PLATFORM}.products.slo_ledger ORDER BY product_id, due"
        found = self.mesh.read(query, PLATFORM)
        return [dict(zip(names.split(", "), row, strict=True)) for row in found]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with here(tmp_path, "shop", "other", PLATFORM) as mesh:
        mesh.write("governance/mesh.yaml", f"service_levels: {PLATFORM}/service_levels\n")
        for product in ("shop/sales", "other/amounts"):
            mesh.contract(product)
        mesh.contract("shop/old", promise=TWO_DAYS)
        for name in ("slo_ledger", "service_levels"):
            contract = (DOMAIN / "contracts" / f"{name}.odcs.yaml").read_text()
            mesh.write(f"domains/{PLATFORM}/contracts/{name}.odcs.yaml", contract)
        code = (DOMAIN / "src" / PLATFORM / "promises.py").read_text()
        clock = CLOCK.format(file=str(tmp_path / "now"))
        assert code.count("now = datetime.now(UTC)") == 1
        mesh.code(PLATFORM, code.replace("now = datetime.now(UTC)", clock), "promises")
        home = Home.of(tmp_path)
        home.prepare(tmp_path)
        with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
            found = Ledger(mesh, instance)
            found.week()
            yield found


def states(entries: list[dict[str, Any]], product: str) -> dict[int, tuple[str, str | None]]:
    return {e["day"].day: (e["state"], e["blame"]) for e in entries if e["product_id"] == product}


def test_the_first_night_enters_each_promise_since_the_first_event(ledger: Ledger) -> None:
    entries = ledger.night(MONDAY + 7 * DAY)

    kept = ("kept", None)
    # The promise of Sunday has not closed.
    assert states(entries, "shop/sales") == {
        8: kept, 9: kept, 10: ("late", "shop/sales"), 11: kept, 12: kept, 13: kept,
    }  # fmt: skip
    assert states(entries, "other/amounts") == {
        8: kept, 9: kept, 10: ("late", "shop/sales"), 11: ("missed", "other/amounts"), 12: kept, 13: kept,
    }  # fmt: skip
    # Its Monday began before the first event, and it was two days old at one o'clock of Friday.
    assert [*states(entries, "shop/old")] == [9, 10, 11, 12, 13, 14]
    assert [e["share"] for e in entries if e["product_id"] == "shop/old"][-3:] == [
        pytest.approx(1 / 24), 0, 0,
    ]  # fmt: skip


def test_an_entry_is_never_judged_again(ledger: Ledger) -> None:
    first = ledger.night(MONDAY + 7 * DAY)

    assert ledger.night(MONDAY + 7 * DAY) == first
    ledger.purge()
    assert ledger.night(MONDAY + 7 * DAY) == first
    # Another promise, no contract any more, and a night of which the last versions alone are known.
    ledger.mesh.contract("shop/sales", promise=TWO_DAYS)
    (ledger.mesh.root / "domains/other/contracts/amounts.odcs.yaml").unlink()
    later = ledger.night(MONDAY + 8 * DAY)
    assert [e for e in later if e["entered"] == first[0]["entered"]] == first
    new = {e["product_id"]: e["state"] for e in later if e not in first}
    assert new == {"shop/sales": "kept", "shop/old": "missed"}


@pytest.mark.full
def test_a_night_after_some_that_did_not_run_enters_their_promises(ledger: Ledger) -> None:
    first = ledger.night(MONDAY + 4 * DAY)
    assert {e["day"].day for e in first if e["product_id"] == "shop/sales"} == {8, 9, 10}
    later = ledger.night(MONDAY + 7 * DAY)
    assert {e["day"].day for e in later if e["product_id"] == "shop/sales"} == {8, 9, 10, 11, 12, 13}
    assert [e for e in later if e["entered"] == first[0]["entered"]] == first


@pytest.mark.full
def test_a_mesh_in_which_nothing_ran_has_an_empty_night(ledger: Ledger) -> None:
    ledger.purge()
    ledger.instance.wipe_assets(
        [dg.AssetKey(each.split("/")) for each in ("shop/sales", "shop/old", "other/amounts")]
    )
    assert ledger.night(MONDAY + 7 * DAY) == []
    assert [*nights(MONDAY.date()).days()] == [(MONDAY - DAY).date()]


@pytest.mark.full
def test_the_watch_shows_each_version_of_the_levels_once(ledger: Ledger) -> None:
    ledger.night(MONDAY + 7 * DAY)
    levels = f"{PLATFORM}/service_levels"
    made = ledger.mesh.run(PLATFORM, levels, ledger.instance)
    assert made.success
    event = ledger.instance.get_latest_materialization_event(dg.AssetKey(levels.split("/")))
    assert event is not None
    assert event.asset_materialization is not None
    plotted = event.asset_materialization.metadata
    assert plotted["slo/attained_shop"].value == pytest.approx(100 * (5 + 3 + 1 / 24) / 12, abs=1e-3)

    ledger.mesh.location("shop", "defs = dg.Definitions()")
    for _ in range(2):
        with Journal.open(ledger.mesh.root) as journal:
            Rounds(ledger.mesh.root, journal, None).round(datetime.now(UTC))

    found = {each.product_id: each for each in service_levels(ledger.mesh.root) if each.period == "28 days"}
    assert (found["other/amounts"].kept, found["other/amounts"].promised) == (4, 6)
    sums = found["other/amounts"].attained, found["other/amounts"].own
    assert sums == pytest.approx((200 / 3, 500 / 6), abs=1e-3)
    assert kept_in_words(ledger.mesh.root, "other/amounts") == "kept 4 of 6 in 28 days"
    records = ledger.instance.fetch_observations(AMOUNTS, limit=10).records
    pages = [each.asset_observation for each in records]
    (page,) = (each for each in pages if each is not None and "mesh/attained" in each.metadata)
    assert page.description == "Kept 4 of 6 in 28 days."
    assert page.metadata["mesh/attained"].value == found["other/amounts"].attained
