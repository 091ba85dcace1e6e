"""`mesh serve`: all locations at one address, and no process left afterwards."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from servers import free_port
from small_mesh import AMOUNTS, PLAIN, SETTINGS, SmallMesh
from workspace.run.test_interrupt import ENOUGH, processes_of, wait_for

from platform_core.operations.store.journal import Journal
from platform_core.workspace.processes.living import computed, descendants
from platform_core.workspace.serve.supervisor import PROGRESS

CODE = """
@dg.asset(key=["{name}", "thing"])
def thing(): ...

@dg.asset(key=["{name}", "long"])
def long():
    open("{name}_started", "w").close()
    time.sleep(600)

defs = dg.Definitions(assets=[thing, long], jobs=[dg.define_asset_job("long_job", [long])])
"""
LOCATIONS = "{workspaceOrError{... on Workspace{locationEntries{name locationOrLoadError{__typename}}}}}"
LAUNCH = """mutation {launchRun(executionParams: {selector: {repositoryLocationName: "a", repositoryName:
"__repository__", jobName: "long_job"}, runConfigData: {}}) {__typename}}"""

AGAIN = """
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
LAUNCH_JOB = """mutation {launchRun(executionParams: {selector: {repositoryLocationName: "a", repositoryName:
"__repository__", jobName: "JOB"}, runConfigData: {execution: {config: {in_process: {}}}}})
{... on LaunchRunSuccess {run {runId}}}}"""
NEW = "new_job"
CREW = """
teams:
  crew:
    domain: a
    channels: [{channel: "#crew", tool: webhook, webhook: {env: MESH_SECRET_CREW_WEBHOOK}}]
    members: [{role: owner, email: owner@example.com}]
"""
JOBS = (
    '{repositoryOrError(repositorySelector: {repositoryLocationName: "b", repositoryName: "__repository__"})'
)
JOBS += "{... on Repository{jobs{name}}}}"
RELOAD = 'mutation {reloadRepositoryLocation(repositoryLocationName: "b") {__typename}}'


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def good() -> tuple[str, ...]:
    return ("a", "b")


@pytest.fixture
def code() -> str:
    return CODE


@pytest.fixture
def variables() -> dict[str, str]:
    return {}


@pytest.fixture
def server(
    mesh: SmallMesh, port: int, good: tuple[str, ...], code: str, variables: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """A served mesh of good locations and one that does not load, once it answers."""
    mesh.write("governance/teams.yaml", CREW)
    for name in good:
        mesh.location(name, code.format(name=name), "thing long")
    mesh.location("broken", "def broken(:\n", "x")
    process = mesh.start("serve", "--port", str(port), **variables)
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith(f"Dagster UI: http://127.0.0.1:{port}")
        yield process
    finally:
        process.kill()
        process.communicate()
        wait_for(lambda: processes_of(mesh.root) == [])


def ask(port: int, query: str) -> object:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=ENOUGH) as answer:
        return json.load(answer)["data"]


def asked(port: int, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ENOUGH)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@pytest.mark.full
def test_all_locations_are_served_and_no_process_is_left_after_a_run(
    mesh: SmallMesh, port: int, server: subprocess.Popen[str]
) -> None:
    served = ask(port, LOCATIONS)
    entries = served["workspaceOrError"]["locationEntries"]  # type: ignore[index]
    assert {entry["name"]: entry["locationOrLoadError"]["__typename"] for entry in entries} == {
        "a": "RepositoryLocation",
        "b": "RepositoryLocation",
        "broken": "PythonError",
    }
    assert ask(port, LAUNCH) == {"launchRun": {"__typename": "LaunchRunSuccess"}}
    wait_for((mesh.root / "a_started").exists)

    assert asked(port, "GET", "/graphql?query={version}", {})[0] == 405
    status, said = asked(port, "GET", "/", {"Host": f"evil.example:{port}"})
    assert (status, said.splitlines()[0]) == (421, "error[A020]: the Host is not a name of this server")
    assert f"127.0.0.1:{port}, localhost:{port}, [::1]:{port}" in said

    with_taken_port = mesh.start("serve", "--port", str(port))
    _, err = with_taken_port.communicate(timeout=ENOUGH)
    assert with_taken_port.returncode == 2
    assert f"no server can listen on 127.0.0.1, port {port}" in err

    server.send_signal(signal.SIGINT)
    _, err = server.communicate(timeout=ENOUGH)
    assert server.returncode == 0
    assert err.splitlines()[-1] == "stopped"
    assert processes_of(mesh.root) == []


@pytest.mark.full
@pytest.mark.parametrize("good", [("a",)])
def test_no_process_is_left_after_a_kill(mesh: SmallMesh, port: int, server: subprocess.Popen[str]) -> None:
    assert len(processes_of(mesh.root)) > 5
    server.kill()
    server.communicate()
    wait_for(lambda: processes_of(mesh.root) == [])


def watches(root: Path) -> dict[int, dict[str, str]]:
    """The processes of the watch, with their variables."""
    found = {}
    for process in psutil.process_iter(["cwd", "cmdline"]):
        if process.info["cwd"] == str(root) and "watch" in (process.info["cmdline"] or []):
            with contextlib.suppress(psutil.Error):
                found[process.pid] = process.environ()
    return found


@pytest.mark.full
@pytest.mark.parametrize("good", [("a",)])
@pytest.mark.parametrize(
    "variables",
    [{"MESH_SECRET_CREW_WEBHOOK": "http://127.0.0.1:9/crew", "MESH_SECRET_OTHER": "of a product"}],
)
def test_a_served_mesh_is_watched(mesh: SmallMesh, server: subprocess.Popen[str]) -> None:
    """The watch starts with the servers and again after its end, with the secrets of alerts alone."""
    wait_for(lambda: len(watches(mesh.root)) == 1)
    ((first, variables),) = watches(mesh.root).items()
    assert {name for name in variables if "SECRET" in name} == {"MESH_SECRET_CREW_WEBHOOK"}
    wait_for(lambda: [each["cause"] for each in incidents(mesh.root)] == ["location:broken"])

    os.kill(first, signal.SIGKILL)

    wait_for(lambda: len(watches(mesh.root).keys() - {first}) == 1)
    assert server.poll() is None


def incidents(root: Path) -> list[dict[str, Any]]:
    with Journal.open(root) as journal:
        return journal.incidents(unresolved=True)


@pytest.mark.full
def test_other_machines_need_no_login(mesh: SmallMesh, port: int) -> None:
    mesh.location("a", CODE.format(name="a"), "thing long")
    refused = mesh.start("serve", "--port", str(port), "--host", "0.0.0.0")
    _, err = refused.communicate(timeout=ENOUGH)
    assert refused.returncode == 2
    refusal = "--host 0.0.0.0: other machines could reach the UI, which has no login"
    assert err.startswith(f"error[U028]: {refusal}")
    assert f"ssh -L {port}:127.0.0.1:{port} MACHINE" in err

    words = ("--port", str(port), "--host", "0.0.0.0", "--name", "Mesh.example.com", "--no-login")
    server = mesh.start("-q", "serve", *words)
    assert server.stdout is not None
    try:
        assert server.stdout.readline().startswith(f"Dagster UI: http://mesh.example.com:{port} ")
        assert asked(port, "GET", "/server_info", {"Host": f"mesh.example.com:{port}"})[0] == 200
        assert asked(port, "GET", "/server_info", {})[0] == 200
        assert asked(port, "GET", "/server_info", {"Host": f"0.0.0.0:{port}"})[0] == 421
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=ENOUGH)
        risk = f"without a login, every client of port {port} can read, run and delete everything"
        assert err.splitlines() == [f"warning[U028]: {risk}", "   = more: mesh explain U028"]
    finally:
        server.kill()
        server.communicate()
        wait_for(lambda: processes_of(mesh.root) == [])


@dg.job
def nothing() -> None: ...


def launch(port: int, job: str) -> str:
    answer = ask(port, LAUNCH_JOB.replace("JOB", job))
    return str(answer["launchRun"]["run"]["runId"])  # type: ignore[index]


def test_a_run_that_breaks_its_contract_is_not_retried(mesh: SmallMesh, tmp_path: Path) -> None:
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
@pytest.mark.parametrize("code", [AGAIN])
def test_a_lost_server_restarts_and_a_reload_disturbs_no_run(
    mesh: SmallMesh,
    port: int,
    server: subprocess.Popen[str],
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
        mesh.write(
            "domains/b/src/b/definitions.py", PLAIN + AGAIN.format(name="b").replace("thing_job", "new_job")
        )
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


@pytest.mark.full
def test_loading_locations_are_shown_and_a_long_temporary_folder_works(
    mesh: SmallMesh, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = mesh.root / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    wait = "\nwhile not __import__('os').path.exists('go'): time.sleep(0.1)\n"
    mesh.location(
        "a", wait.replace("'go'", repr(str(mesh.root / "go"))) + CODE.format(name="a"), "thing long"
    )
    server = mesh.start("serve", "--port", str(port))
    assert server.stdout is not None
    assert server.stderr is not None
    try:
        assert server.stderr.readline().startswith("starting the code locations a ")
        assert server.stderr.readline().startswith("a is still loading, after ")
        (mesh.root / "go").touch()
        assert server.stdout.readline().startswith("Dagster UI: ")
        assert list(long.iterdir()) == []
    finally:
        server.kill()
        server.communicate()
        wait_for(lambda: processes_of(mesh.root) == [])


def test_a_wrong_timeout_is_refused_before_the_start(mesh: SmallMesh, port: int) -> None:
    mesh.location("a", CODE.format(name="a"), "thing long")
    refused = subprocess.run(
        [sys.executable, "-m", "platform_core.cli", "serve", "--port", str(port)],
        cwd=mesh.root,
        env={**os.environ, "MESH_SERVE_TIMEOUT": "soon"},
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2
    assert "error[U031]" in refused.stderr
    assert processes_of(mesh.root) == []


def test_cpu_time_of_a_process_and_its_children_is_progress() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_for(lambda: computed(process.pid) > PROGRESS)
    finally:
        for child in descendants(process.pid):
            os.kill(child, signal.SIGKILL)
        process.wait(ENOUGH)
    assert computed(process.pid) == 0.0
