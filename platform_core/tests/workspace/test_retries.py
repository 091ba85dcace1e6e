"""What the daemon makes again, and what happens to a run while another location is loaded anew."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import dagster as dg
import pytest
from small_mesh import AMOUNTS, PLAIN, SETTINGS, SmallMesh
from workspace.test_interrupt import wait_for
from workspace.test_serve import ask, good, port, server  # noqa: F401 - fixtures

CODE = """
@dg.asset(key=["{name}", "thing"])
def thing():
    raise ValueError("as ever")

@dg.asset(key=["{name}", "long"])
def long():
    if os.path.exists("{name}_go"):
        return
    with open("{name}_pid", "w") as file:
        file.write(str(os.getpid()))
    while not os.path.exists("{name}_go"):
        time.sleep(0.05)

jobs = [dg.define_asset_job("thing_job", [thing]), dg.define_asset_job("long_job", [long])]
defs = dg.Definitions(assets=[thing, long], jobs=jobs)
"""
LAUNCH = """mutation {launchRun(executionParams: {selector: {repositoryLocationName: "a", repositoryName:
"__repository__", jobName: "JOB"}, runConfigData: {execution: {config: {in_process: {}}}}})
{... on LaunchRunSuccess {run {runId}}}}"""
NEW = "new_job"
JOBS = '{repositoryOrError(repositorySelector: {repositoryLocationName: "b", repositoryName: "__repository__"})'
JOBS += "{... on Repository{jobs{name}}}}"
RELOAD = 'mutation {reloadRepositoryLocation(repositoryLocationName: "b") {__typename}}'


@pytest.fixture
def code() -> str:
    return CODE


@dg.job
def nothing() -> None: ...


def launch(port: int, job: str) -> str:  # noqa: F811
    answer = ask(port, LAUNCH.replace("JOB", job))
    return str(answer["launchRun"]["run"]["runId"])  # type: ignore[index]


def test_what_breaks_its_contract_is_never_made_again(mesh: SmallMesh, tmp_path: Path) -> None:
    mesh.contract("shop/sales", AMOUNTS)
    mesh.code("shop", "@data_product\ndef sales() -> str:\n    return 'SELECT NULL::BIGINT AS id'\n")
    home = tmp_path / "instance"
    home.mkdir()
    (home / "dagster.yaml").write_bytes(SETTINGS.read_bytes())
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert (instance.run_retries_enabled, instance.run_monitoring_enabled) == (True, True)
        run = instance.get_run_by_id(mesh.run("shop", "shop/sales", instance).run_id)
        assert run is not None
        assert run.tags["dagster/will_retry"] == "false"
        lost = instance.create_run_for_job(nothing)
        instance.report_run_failed(lost)
        assert instance.get_run_by_id(lost.run_id).tags["dagster/will_retry"] == "true"  # type: ignore[union-attr]


@pytest.mark.full
def test_a_lost_process_is_made_again_and_a_reload_disturbs_no_run(
    mesh: SmallMesh, port: int, server: subprocess.Popen[str]  # noqa: F811
) -> None:
    with dg.DagsterInstance.from_config(str(mesh.root / ".mesh/dagster")) as instance:

        def status(run_id: str) -> dg.DagsterRunStatus:
            run = instance.get_run_by_id(run_id)
            assert run is not None
            return run.status

        failed = launch(port, "thing_job")
        wait_for(lambda: status(failed) == dg.DagsterRunStatus.FAILURE)

        killed = launch(port, "long_job")
        wait_for((mesh.root / "a_pid").exists)
        mesh.write("domains/b/src/b/definitions.py", PLAIN + CODE.format(name="b").replace("thing_job", "new_job"))
        assert NEW not in str(ask(port, JOBS))
        assert ask(port, RELOAD) == {"reloadRepositoryLocation": {"__typename": "WorkspaceLocationEntry"}}
        assert NEW in str(ask(port, JOBS))
        assert status(killed) == dg.DagsterRunStatus.STARTED
        os.kill(int((mesh.root / "a_pid").read_text()), signal.SIGKILL)
        (mesh.root / "a_pid").unlink()

        wait_for(lambda: len(instance.get_runs(dg.RunsFilter(job_name="long_job"))) == 2)
        wait_for((mesh.root / "a_pid").exists)
        ask(port, RELOAD)
        (mesh.root / "a_go").touch()
        (again,) = [run for run in instance.get_runs(dg.RunsFilter(job_name="long_job")) if run.parent_run_id]
        wait_for(lambda: status(again.run_id) == dg.DagsterRunStatus.SUCCESS)
        assert status(killed) == dg.DagsterRunStatus.FAILURE
        assert len(instance.get_runs(dg.RunsFilter(job_name="thing_job"))) == 1
