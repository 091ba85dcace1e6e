"""`mesh status`: overdue, failing and stale products, since when, and the affected products."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from products.assets.test_stream import CLICKS
from small_mesh import SALES, SmallMesh

from platform_core.cli import main
from platform_core.registry.lookup import Registry
from platform_core.workspace.home import Home
from platform_core.workspace.status import Status, Trouble, mesh_status

GOOD = "SELECT 1::BIGINT AS id, 2.5::DOUBLE AS amount, 'Ada' AS who"
BAD = GOOD.replace("2.5", "-2.5")
READS = """
@data_product(inputs={{"sales": "{source}"}})
def {name}(sales: Table):
    return f"FROM {{sales}}"
"""


@pytest.fixture
def shop(mesh: SmallMesh) -> SmallMesh:
    """other/copy reads shop/sales, and other/again reads other/copy."""
    for domain in ("shop", "other"):
        mesh.location(domain)
    for product in ("shop/sales", "other/copy", "other/again"):
        mesh.contract(product, SALES)
    returning(mesh, GOOD)
    reads = [READS.format(source=source, name=name) for source, name in COPIES]
    mesh.code("other", "".join(reads))
    return mesh


COPIES = (("shop/sales", "copy"), ("other/copy", "again"))


@pytest.fixture
def instance(shop: SmallMesh) -> Iterator[dg.DagsterInstance]:
    home = Home.of(shop.root)
    home.prepare(shop.root)
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        yield instance


def returning(mesh: SmallMesh, query: str) -> None:
    mesh.code("shop", f"@data_product\ndef sales():\n    return {query!r}\n")


def make(mesh: SmallMesh, instance: dg.DagsterInstance, *products: str) -> list[bool]:
    return [mesh.run(product.partition("/")[0], product, instance).success for product in products]


def troubles(status: Status) -> dict[tuple[str, str], Trouble]:
    return {(trouble.product, trouble.state): trouble for trouble in status.troubles}


def test_before_the_first_run_it_suggests_a_run(shop: SmallMesh, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 1
    assert "nothing has run in this mesh yet; `mesh run`" in capsys.readouterr().out
    assert not Home.of(shop.root).path.exists()


def test_a_sound_mesh_and_a_stale_product(
    shop: SmallMesh, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    make(shop, instance, "shop/sales", "other/copy", "other/again")
    assert main(["status"]) == 0
    assert "3 of 3 products as promised\nchecks: 15 ok\n" in capsys.readouterr().out

    make(shop, instance, "shop/sales")
    assert troubles(mesh_status(shop.root)) == {}, "the new version has the same content"

    returning(shop, GOOD.replace("2.5", "3.5"))
    make(shop, instance, "shop/sales")
    found = troubles(mesh_status(shop.root))

    assert list(found) == [("other/copy", "stale")]
    stale = found["other/copy", "stale"]
    assert stale.why == "older than shop/sales"
    assert stale.affects == ("other/again",)
    assert stale.since is not None
    assert datetime.now(UTC) - stale.since < timedelta(minutes=5)
    assert main(["status", "--domain", "shop"]) == 0


def test_a_failure_has_its_time_its_checks_and_the_affected_products(
    shop: SmallMesh, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    make(shop, instance, "shop/sales", "other/copy")
    returning(shop, BAD)
    assert make(shop, instance, "shop/sales", "shop/sales") == [False, False]
    failed = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))

    # The domain that it affects is told too.
    assert main(["status", "--json", "--domain", "other"]) == 1
    document = json.loads(capsys.readouterr().out)
    trouble = document["troubles"][0]

    assert (trouble["product"], trouble["state"], trouble["owner"]) == ("shop/sales", "failing", "shop-team")
    assert trouble["why"] == "failed: range__amount"
    # Since it first failed, not since it was last tried.
    assert failed[-1].end_time is not None
    assert datetime.fromisoformat(trouble["since"]).timestamp() == failed[-1].end_time
    assert trouble["affects"] == ["other/copy"]
    assert trouble["domains"] == ["other"]
    assert document["checks"] == {"passed": 5, "warned": 0, "failed": 0}, "of the products of the domain"
    # Its own products are counted, and those of others apart.
    assert main(["status", "--domain", "other"]) == 1
    said = capsys.readouterr().out
    assert "1 of 2 products as promised; 1 stale\n" in said
    assert "1 product of other domains not as promised, affecting other\n" in said

    returning(shop, GOOD)
    make(shop, instance, "shop/sales")
    assert ("shop/sales", "failing") not in troubles(mesh_status(shop.root))


def test_a_deadline_is_missed_from_its_tick_on(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    """Due at six in Berlin, made at most two hours before."""
    make(shop, instance, "shop/sales")
    record = instance.get_latest_materialization_event(dg.AssetKey(["shop", "sales"]))
    assert record is not None
    made = datetime.fromtimestamp(record.timestamp, UTC)
    kept_until = made + timedelta(hours=2)
    berlin = Registry.open(shop.root).get("shop/sales").deadline
    assert berlin is not None

    due = next_six_in_berlin(kept_until)
    before = troubles(mesh_status(shop.root, due - timedelta(minutes=1)))
    after = troubles(mesh_status(shop.root, due + timedelta(minutes=1)))

    assert ("shop/sales", "overdue") not in before
    assert after["shop/sales", "overdue"].since == due
    assert after["shop/sales", "overdue"].why.endswith("06:00 Europe/Berlin")


def test_the_age_of_the_newest_event_is_judged_between_runs(
    shop: SmallMesh, instance: dg.DagsterInstance
) -> None:
    contract = shop.contract("shop/clicks", CLICKS)
    age = "  - {property: latency, value: 3, unit: d, element: clicks.clicked}\n"
    contract.write_text(contract.read_text().replace("schema:\n", f"{age}schema:\n"))
    clicked = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    rows = f"SELECT 1 AS id, TIMESTAMP '{clicked:%Y-%m-%d %H:%M:%S}' AS clicked, 'home' AS page"
    shop.code("shop", f"@data_product\ndef clicks():\n    yield Batch('a', {rows!r})\n", "clicks")
    make(shop, instance, "shop/clicks")

    def late(days: int) -> list[tuple[datetime | None, str]]:
        found = mesh_status(shop.root, clicked + timedelta(days=days)).troubles
        return [(t.since, t.why) for t in found if t.product == "shop/clicks" and "event" in t.why]

    assert late(2) == []
    assert late(4) == [(clicked + timedelta(days=3), "its newest event is older than 3 days")]


def next_six_in_berlin(moment: datetime) -> datetime:
    from zoneinfo import ZoneInfo

    local = moment.astimezone(ZoneInfo("Europe/Berlin"))
    six = local.replace(hour=6, minute=0, second=0, microsecond=0)
    return (six if six > local else six + timedelta(days=1)).astimezone(UTC)


def test_versions_past_their_retention_are_listed_but_never_the_newest(
    shop: SmallMesh, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shop.root / "domains" / "shop" / "contracts" / "sales.odcs.yaml"
    retention = "slaProperties:\n  - {property: retention, value: 30, unit: d}\n"
    path.write_text(path.read_text().replace("slaProperties:\n", retention))
    make(shop, instance, "shop/sales", "shop/sales")

    now = mesh_status(shop.root)
    later = mesh_status(shop.root, datetime.now(UTC) + timedelta(days=31))

    assert now.retained == ()
    [kept] = later.retained
    assert (kept.product, kept.versions, kept.retention) == ("shop/sales", 1, timedelta(days=30))

    # A lake that is closed to this user is not looked into, and hides nothing else.
    monkeypatch.setattr("platform_core.lake.local.lakes.LocalLakes.is_readable", lambda *_: False)
    closed = mesh_status(shop.root, datetime.now(UTC) + timedelta(days=31))
    assert closed.retained == ()
    assert ("shop/sales", "overdue") in troubles(closed)


def test_a_source_that_breaks_its_promise_makes_its_product_overdue(
    shop: SmallMesh, instance: dg.DagsterInstance
) -> None:
    file = shop.write("till.csv", "id,amount,who\n1,2.5,Ada\n")
    now = datetime.now(UTC)
    day_old = (now - timedelta(days=1)).timestamp()
    os.utime(file, (day_old, day_old))
    shop.code(
        "shop",
        f"""
        from datetime import timedelta

        @data_product(inputs={{"till": Source("files/till", {str(file)!r}, latency=timedelta(hours=2))}})
        def sales(till: Table):
            return f"SELECT id, amount, who FROM {{till}}"
        """,
    )
    assert make(shop, instance, "shop/sales") == [True]
    [trouble] = [each for each in mesh_status(shop.root).troubles if "source" in each.why]
    assert (trouble.product, trouble.state) == ("shop/sales", "overdue")
    assert trouble.why == "its source files/till had no newer row, promised within 2 hours"
    assert trouble.since == datetime.fromtimestamp(day_old, UTC) + timedelta(hours=2)
    os.utime(file)
    assert make(shop, instance, "shop/sales") == [True]
    assert not [each for each in mesh_status(shop.root).troubles if "source" in each.why]
