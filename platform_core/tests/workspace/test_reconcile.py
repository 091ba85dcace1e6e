"""A committed version is published and recorded, even after a fault behind COMMIT."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from small_mesh import DAYS, SALES, SmallMesh

from platform_core.contracts.partitions import partition_windows
from platform_core.lake.connect import connect
from platform_core.lake.publication.content_hash import data_version
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.lake.versions import stamps
from platform_core.products.run.report import published_events, published_result
from platform_core.workspace.dagster_internals import record
from platform_core.workspace.home import Home
from platform_core.workspace.instance import PROCESS_TAG, shared_instance
from platform_core.workspace.processes.living import signature
from platform_core.workspace.reconcile import reconcile
from platform_core.workspace.records.products import checked, every
from platform_core.workspace.run.result import MeshResult

pytestmark = pytest.mark.full

CODE = """
import json
import os
import subprocess
from pathlib import Path
import platform_core.products.assets.table as asset

told = asset.publication_metadata

def told_or_not(*words):
    if Path(os.environ["MESH_ROOT"], "kill").exists():
        os.kill(os.getpid(), 9)
    if Path(os.environ["MESH_ROOT"], "fail").exists():
        raise OSError("the disk went away")
    return told(*words)

asset.publication_metadata = told_or_not

@data_product
def sales():
    return "SELECT 1::BIGINT AS id, 2.5::DOUBLE AS amount, 'Ada' AS who"

@data_product
def days():
    return "SELECT TIMESTAMP '2024-03-30 06:00' + INTERVAL 1 DAY * range AS sold, 1 AS amount FROM range(3)"
"""
UNJUDGED = """
from platform_core.products.definitions import assemble
from platform_core.products.makers.domain import read_domain

defs, _ = assemble(read_domain("shop"))
"""
PRODUCTS = ("shop/days", "shop/sales")


@pytest.fixture
def shop(mesh: SmallMesh) -> SmallMesh:
    mesh.location("shop", UNJUDGED)
    mesh.contract("shop/sales", SALES)
    mesh.contract("shop/days", DAYS)
    mesh.code("shop", CODE)
    return mesh


@pytest.fixture
def instance(shop: SmallMesh) -> Iterator[dg.DagsterInstance]:
    home = Home.of(shop.root)
    home.prepare(shop.root)
    with shared_instance(home.dagster, shop.root, []) as instance:
        yield instance


def newest(mesh: SmallMesh, product: str) -> tuple[int, dict[str, object]]:
    with connect(mesh.lakes, read=["shop"]) as con:
        version, _, facts = next(stamps(con, "shop", product, limit=1))
    return version, facts


def recorded(instance: dg.DagsterInstance, product: str) -> list[int | None]:
    return [made.version for made in every(instance, product)]


def statuses(result: MeshResult) -> dict[str, str | None]:
    return {product.product: product.status for product in result.products}


def test_the_next_worker_records_versions_of_a_killed_one(
    shop: SmallMesh, instance: dg.DagsterInstance
) -> None:
    (shop.root / "kill").touch()
    assert statuses(shop.coordinate()) == dict.fromkeys(PRODUCTS, "failed")
    for product, keys in (("shop/sales", {None}), ("shop/days", {"2024-03-30", "2024-03-31", "2024-04-01"})):
        version, facts = newest(shop, product)
        [made] = every(instance, product)
        assert (made.version, made.run_id, made.rows) == (version, facts["run_id"], facts["rows"])
        run = instance.get_run_by_id(made.run_id)
        assert run is not None
        assert run.status is dg.DagsterRunStatus.FAILURE
        events = instance.fetch_materializations(dg.AssetKey(product.split("/")), limit=10).records
        materializations = [event.asset_materialization for event in events]
        assert {said.partition for said in materializations if said} == keys
        assert {(said.tags or {})["dagster/data_version"] for said in materializations if said} == {
            data_version(facts)
        }
        contract = shop.registry.get(product)
        results = checked(Home.of(shop.root).dagster, [contract])[product].values()
        assert [each.outcome for each in results] == ["passed"] * len(contract.rules)
    (shop.root / "kill").unlink()
    assert statuses(shop.coordinate()) == dict.fromkeys(PRODUCTS, "ok")
    for product in PRODUCTS:
        assert len(recorded(instance, product)) == 2


def test_a_fault_after_commit_is_a_warning_on_a_good_version(
    shop: SmallMesh, instance: dg.DagsterInstance
) -> None:
    (shop.root / "fail").touch()
    result = shop.coordinate()
    assert statuses(result) == dict.fromkeys(PRODUCTS, "ok")
    assert result.ok
    [told] = [fault for fault in result.faults if fault.startswith("shop/days was published. After that:")]
    assert "disk went away" in told
    for product in PRODUCTS:
        assert recorded(instance, product) == [newest(shop, product)[0]]


def publish(mesh: SmallMesh, run_id: str) -> int:
    product = mesh.registry.get("shop/sales")
    with connect(mesh.lakes, write=["shop"]) as con:
        stamp = Stamp(run_id=run_id, asset=product.id)
        return publish_table(con, mesh.lakes, product, "SELECT 1 AS id", stamp=stamp, audit=str).version


def test_versions_of_unfinished_runs_are_left_to_them(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    tags = {PROCESS_TAG: signature(os.getpid())}
    run = instance.create_run_for_job(dg.job(name="made")(lambda: None), tags=tags)
    version = publish(shop, run.run_id)
    reconcile(instance, shop.root, ["shop"])
    assert recorded(instance, "shop/sales") == []
    instance.report_run_failed(run)
    for _ in range(2):
        reconcile(instance, shop.root, ["shop"])
        assert recorded(instance, "shop/sales") == [version]


def test_only_the_newest_lost_version_is_recorded_also_of_an_unknown_run(
    shop: SmallMesh, instance: dg.DagsterInstance
) -> None:
    versions = [publish(shop, f"run-{number}") for number in range(3)]
    reconcile(instance, shop.root, ["shop", "nobody"])
    assert recorded(instance, "shop/sales") == [versions[-1]]


def test_the_next_process_completes_a_killed_reconciliation(
    shop: SmallMesh, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = shop.registry.get("shop/days")
    assert days.partitions is not None
    select = "SELECT TIMESTAMPTZ '{}' + INTERVAL 1 HOUR AS sold, 1 AS amount"
    versions = []
    for window in partition_windows(days.partitions):
        stamp, rows = Stamp(run_id="gone", asset=days.id), select.format(window.start.isoformat())
        with connect(shop.lakes, write=["shop"]) as con:
            made = publish_table(con, shop.lakes, days, rows, window=window, stamp=stamp, audit=str)
        versions.append(made.version)

    def killed(*of: Any) -> None:
        record(*of)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("platform_core.workspace.reconcile.record", killed)
        with pytest.raises(KeyboardInterrupt):
            reconcile(instance, shop.root, ["shop"])
    assert recorded(instance, "shop/days") == versions[:1]
    for _ in range(2):
        reconcile(instance, shop.root, ["shop"])
        assert recorded(instance, "shop/days") == versions[::-1]


def test_a_lake_that_cannot_be_read_is_reported_and_does_not_stop_others(
    shop: SmallMesh, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    version = publish(shop, "run-1")
    broken = shop.lakes.catalog_file("broken")
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no database at all" * 100)
    reconcile(instance, shop.root, ["broken", "shop"])
    assert recorded(instance, "shop/sales") == [version]
    assert "broken" in capsys.readouterr().err


def events_of(instance: dg.DagsterInstance, product: str) -> list[tuple[int | None, str | None]]:
    said = instance.fetch_materializations(dg.AssetKey(product.split("/")), limit=10).records
    materializations = [each.asset_materialization for each in said]
    return [(e.metadata["mesh/version"].value, e.partition) for e in materializations if e]


@pytest.mark.parametrize("told", [1, 2, 3, 4])
def test_a_partly_recorded_version_is_completed(
    shop: SmallMesh, instance: dg.DagsterInstance, told: int
) -> None:
    assert statuses(shop.coordinate()) == dict.fromkeys(PRODUCTS, "ok")
    product = shop.registry.get("shop/days")
    keys = ["2024-03-30", "2024-03-31", "2024-04-01"]
    checks = [dg.AssetCheckKey(dg.AssetKey(["shop", "days"]), rule.name) for rule in product.rules]
    run = instance.create_run_for_job(
        dg.job(name="made")(lambda: None), tags={PROCESS_TAG: signature(os.getpid())}
    )
    for key in checks:
        planned = AssetCheckEvaluationPlanned(asset_key=key.asset_key, check_name=key.name)
        event = dg.DagsterEvent("ASSET_CHECK_EVALUATION_PLANNED", run.job_name, event_specific_data=planned)
        instance.report_dagster_event(event, run.run_id)
    with connect(shop.lakes, write=["shop"]) as con:
        select = "SELECT TIMESTAMP '2024-03-30 06:00' AS sold, 7::BIGINT AS amount"
        stamp = Stamp(run_id=run.run_id, asset=product.id)
        version = publish_table(con, shop.lakes, product, select, stamp=stamp, audit=str).version
    _, facts = newest(shop, product.id)
    facts |= {
        "partition": f"{keys[0]}...{keys[-1]}",
        "checks": [{"rule": key.name, "status": "passed", "count": 0} for key in checks],
    }
    events = list(published_events(published_result(product.id, version, facts), keys))
    for said in events[:told]:
        record(instance, run.run_id, said)
    with connect(shop.lakes, write=["shop"]) as con:
        con.execute(
            "UPDATE __ducklake_metadata_shop.ducklake_snapshot_changes SET commit_extra_info = ?"
            " WHERE snapshot_id = ?",
            [json.dumps(facts), version],
        )
    instance.report_run_failed(run)
    for _ in range(3):
        reconcile(instance, shop.root, ["shop"])
        assert sorted(events_of(instance, product.id)[:3]) == [(version, key) for key in keys]
        assert len(events_of(instance, product.id)) == 6
        for key in checks:
            [latest, *_] = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
            assert (latest.run_id, latest.status.name) == (run.run_id, "SUCCEEDED")
        kinds = {dg.DagsterEventType.ASSET_CHECK_EVALUATION}
        assert len(instance.get_records_for_run(run.run_id, of_type=kinds).records) == len(checks)


def test_a_later_result_of_a_check_stays_the_newest(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    (shop.root / "kill").touch()
    shop.coordinate()
    (shop.root / "kill").unlink()
    [rule, *_] = shop.registry.get("shop/sales").rules
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(dg.AssetKey(["shop", "sales"]), rule.name, False)
    )
    reconcile(instance, shop.root, ["shop"])
    results = checked(Home.of(shop.root).dagster, [shop.registry.get("shop/sales")])["shop/sales"].values()
    assert [each.outcome for each in results].count("failed") == 1


def test_a_run_of_a_zombie_process_has_ended(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    process = subprocess.Popen(["sleep", "60"])
    run = instance.create_run_for_job(
        dg.job(name="made")(lambda: None), tags={PROCESS_TAG: signature(process.pid)}
    )
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the list of processes
    home = Home.of(shop.root).dagster
    shared_instance(home, shop.root, []).dispose()
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status is dg.DagsterRunStatus.FAILURE
    process.wait()
