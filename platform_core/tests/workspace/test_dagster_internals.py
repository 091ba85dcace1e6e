"""The contract with the installed Dagster: everything non-public that ``dagster_internals`` uses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from small_mesh import PLAIN

from platform_core.workspace import dagster_internals

CODE = """
months = dg.MonthlyPartitionsDefinition(start_date="2017-01-01", end_date="2017-04-01")

@dg.asset(key=["d", "one"], check_specs=[dg.AssetCheckSpec("c", asset=["d", "one"])])
def one():
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="c")])

@dg.asset(key=["d", "two"], deps=[one, ["e", "x"]], partitions_def=months)
def two():
    print("printed by two")

@dg.multi_asset(specs=[dg.AssetSpec(["d", "left"]), dg.AssetSpec(["d", "right"])])
def pair():
    yield dg.MaterializeResult(asset_key=["d", "left"])
    yield dg.MaterializeResult(asset_key=["d", "right"])

defs = dg.Definitions(assets=[one, two, pair, dg.AssetSpec(["e", "x"])], executor=dg.multiprocess_executor)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[dg.RepositoryDefinition]:
    (tmp_path / "recipe_code.py").write_text(PLAIN + CODE)
    yield dagster_internals.load_repository("recipe_code", None, str(tmp_path))
    sys.modules.pop("recipe_code", None)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dagster_internals.open_instance(tmp_path / "home") as opened:
        yield opened


def origin(tmp_path: Path, repository: dg.RepositoryDefinition) -> dagster_internals.RemoteRepositoryOrigin:
    entry = f"{{module_name: recipe_code, location_name: d, executable_path: {sys.executable}}}"
    (tmp_path / "workspace.yaml").write_text(f"load_from:\n  - python_module: {entry}\n")
    return dagster_internals.repository_origin(tmp_path / "workspace.yaml", "d", repository.name)


def test_assets_are_described(repository: dg.RepositoryDefinition) -> None:
    described = {asset.key: asset for asset in dagster_internals.described(repository)}
    assert sorted(described) == ["d/left", "d/one", "d/right", "d/two"]
    assert described["d/two"].upstream == ("d/one", "e/x")
    assert described["d/two"].partitions == ("2017-01-01", "2017-02-01", "2017-03-01")
    assert described["d/two"].per_run == 1
    assert described["d/one"].partitions is None
    assert described["d/left"].together == described["d/right"].together == ("d/left", "d/right")


def test_a_run_in_this_process_is_recorded_with_its_location(
    tmp_path: Path, repository: dg.RepositoryDefinition, instance: dg.DagsterInstance
) -> None:
    keys = [dg.AssetKey(["d", "one"]), dg.AssetKey(["d", "two"])]
    tags = {dagster_internals.ONE_KEY: "2017-02-01", "mesh/worker": "here"}
    prepared = dagster_internals.PreparedRun(repository, origin(tmp_path, repository), instance, keys, tags)
    assert prepared.steps == {
        "d__one": (keys[0], dg.AssetCheckKey(keys[0], "c")),
        "d__two": (keys[1],),
    }
    kinds = [event.event_type_value for event in prepared.events()]
    assert kinds[-1] == "PIPELINE_SUCCESS"
    (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert run.remote_job_origin is not None
    assert run.remote_job_origin.location_name == "d"
    assert instance.get_materialized_partitions(keys[1]) == {"2017-02-01"}
    printed = [path.read_text() for path in (tmp_path / "home/storage").rglob("*.out")]
    assert any("printed by two" in text for text in printed)


def test_only_runs_of_dead_processes_are_closed(
    tmp_path: Path, repository: dg.RepositoryDefinition, instance: dg.DagsterInstance
) -> None:
    keys = [dg.AssetKey(["d", "one"])]
    where = origin(tmp_path, repository)
    dead, alive, foreign = (
        dagster_internals.PreparedRun(repository, where, instance, keys, tags).run.run_id
        for tags in ({"mesh/worker": "dead"}, {"mesh/worker": "alive"}, {})
    )
    canceled = dagster_internals.PreparedRun(
        repository, where, instance, keys, {"mesh/worker": "dead"}
    ).run.run_id
    for run_id in (dead, alive, foreign, canceled):
        run = instance.get_run_by_id(run_id)
        assert run is not None
        instance.report_run_canceling(run) if run_id == canceled else instance.handle_run_event(
            run_id, dg.DagsterEvent("PIPELINE_START", run.job_name)
        )
    dagster_internals.close_abandoned(instance, "mesh/worker", lambda process: process == "alive")
    statuses = {run.run_id: run.status.value for run in instance.get_runs()}
    assert statuses == {dead: "FAILURE", alive: "STARTED", foreign: "STARTED", canceled: "CANCELED"}


KINDS = ("PIPELINE_CANCELING", "PIPELINE_START", "PIPELINE_FAILURE")


@pytest.mark.parametrize("last", KINDS)
def test_an_interrupted_run_is_canceled_at_any_stage_and_its_checks_stay(
    tmp_path: Path, repository: dg.RepositoryDefinition, instance: dg.DagsterInstance, last: str
) -> None:
    keys, check = [dg.AssetKey(["d", "one"])], dg.AssetCheckKey(dg.AssetKey(["d", "one"]), "c")
    where = origin(tmp_path, repository)
    list(dagster_internals.PreparedRun(repository, where, instance, keys, {}).events())
    run = dagster_internals.PreparedRun(repository, where, instance, keys, {}).run
    dagster_internals.announce_cancel(instance, run.run_id)
    # Its start, and its end, may come after that.
    for kind in KINDS[1 : KINDS.index(last) + 1]:
        instance.handle_run_event(run.run_id, dg.DagsterEvent(kind, run.job_name))
    dagster_internals.settle_cancel(instance, run.run_id)

    settled = instance.get_run_by_id(run.run_id)
    assert settled is not None
    assert settled.status == dg.DagsterRunStatus.CANCELED
    (newest,) = instance.event_log_storage.get_latest_asset_check_execution_by_key([check]).values()
    assert isinstance(newest.evaluation, dg.AssetCheckEvaluation)
