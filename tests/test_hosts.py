"""Dagster on several hosts: its instance in Postgres, code servers with replicas, `mesh run` as a client."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import dagster as dg
import psutil  # type: ignore[import-untyped]
import pytest
from deployed import PRODUCTS, Deployed, deployed
from mesh_command import finished, until

pytestmark = [pytest.mark.full, pytest.mark.scale]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with deployed(tmp_path_factory.mktemp("hosts")) as found:
        yield found


def test_a_client_makes_all_products_by_one_run_for_each_stretch_of_a_location(served: Deployed) -> None:
    answer = served.mesh.run()
    assert answer.code == 0, answer.err + answer.out
    assert answer.statuses() == dict.fromkeys((*PRODUCTS, "crew/days"), "ok")
    rows = {name: entry["rows"] for name, entry in answer.products().items()}
    assert rows == {
        "crew/days": 2,
        "crew/three": 3,
        "crew/zero": 4,
        "shop/four": 3,
        "shop/one": 3,
        "shop/two": 3,
    }
    assert all(entry["checks"]["passed"] for entry in answer.products().values())
    with served.mesh.instance() as instance:
        runs = instance.get_runs()
    made = sorted(sorted("/".join(key.path) for key in run.asset_selection or ()) for run in runs)
    assert made == [["crew/days"], ["crew/three"], ["crew/zero"], ["shop/four"], ["shop/one", "shop/two"]]
    assert len({run.tags["mesh/invocation"] for run in runs}) == 1
    status = served.mesh.call("status", "--json")
    assert {each["state"] for each in status.document().get("troubles", [])} <= {"stale"}


def test_a_run_of_partitions(served: Deployed) -> None:
    answer = served.mesh.run("crew/days", "--partitions", "2024-03-30..2024-03-31")
    assert answer.code == 0, answer.err + answer.out
    assert answer.products()["crew/days"]["partitions"] == "2024-03-30..2024-03-31"
    with served.mesh.instance() as instance:
        tags = instance.get_runs(limit=1)[0].tags
    ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    assert [tags[name] for name in ends] == ["2024-03-30", "2024-03-31"]
    refused = served.mesh.run("crew/days", "--partitions", "2020-01-01")
    assert "U024" in refused.err


def test_a_refused_product_stops_what_follows(served: Deployed) -> None:
    served.mesh.run("shop/one")
    (served.mesh.root / "amount").write_text("-1.0")
    try:
        answer = served.mesh.run("crew/zero")
    finally:
        (served.mesh.root / "amount").write_text("2.0")
    assert answer.code == 1
    failed = answer.products()["crew/zero"]
    assert failed["status"] == "failed"
    assert failed["checks"]["failed"] == 1
    assert "Q0" in failed["error"]
    with served.mesh.instance() as instance:
        assert instance.get_runs(limit=1)[0].tags["mesh/order"] == "crew.1.1.0"  # it is not repeated


def test_each_code_server_has_the_secrets_of_its_domain_alone(served: Deployed) -> None:
    for domain in ("shop", "crew"):
        servers = served.code_servers(domain)
        assert len(servers) == 2
        for server in servers:
            variables = server.environ()
            assert variables["MESH_PRINCIPAL"] == domain
            assert not [name for name in variables if name.startswith("MESH_SECRET_")]
    settings = (served.mesh.home / "dagster" / "dagster.yaml").read_text()
    assert "s3cret" not in settings


def test_two_replicas_execute_runs_at_the_same_time(served: Deployed) -> None:
    served.pace(5)
    with served.mesh.instance() as instance:
        before = {run.run_id for run in instance.get_runs()}
    try:
        clients = [
            served.mesh.start("run", "--json", "shop/one"),
            served.mesh.start("run", "--json", "shop/two"),
        ]
        assert [finished(client).code for client in clients] == [0, 0]
    finally:
        served.pace(0)
    with served.mesh.instance() as instance:
        records = [each for each in instance.get_run_records() if each.dagster_run.run_id not in before]
    one, two = records
    assert one.start_time is not None
    assert two.start_time is not None
    assert max(one.start_time, two.start_time) < min(one.end_time or 0, two.end_time or 0)
    assert len({each.dagster_run.tags[".dagster/grpc_info"] for each in records}) == 2


def test_an_interrupt_cancels_the_run(served: Deployed) -> None:
    with served.mesh.instance() as instance:
        before = {run.run_id for run in instance.get_runs()}
        served.pace(60)
        try:
            client = served.mesh.start("run", "crew/zero")
            until(lambda: served.executing("crew"), "the run to start")
            client.send_signal(signal.SIGINT)
            answer = finished(client)
            (new,) = (run.run_id for run in instance.get_runs() if run.run_id not in before)
            # The pace stays until the end: a run that is not canceled succeeds only after it.
            until(lambda: instance.get_run_by_id(new).is_finished, "the run to end")  # type: ignore[union-attr]
        finally:
            served.pace(0)
        assert answer.code == 130
        found = instance.get_run_by_id(new)
        assert found is not None
        events = [f"{each.timestamp:.3f} {each.message}" for each in instance.all_logs(new)]
        assert found.status == dg.DagsterRunStatus.CANCELED, "\n".join([*events, answer.err])


def test_a_second_interrupt_names_the_run_that_goes_on(served: Deployed) -> None:
    served.pace(60)
    code_servers = served.code_servers("crew")
    with served.mesh.instance() as instance:
        before = {run.run_id for run in instance.get_runs()}

        def new(status: dg.DagsterRunStatus) -> set[str]:
            return {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[status]))} - before

        try:
            client = served.mesh.start("run", "crew/zero")
            (run,) = until(lambda: new(dg.DagsterRunStatus.STARTED), "the run to start")
            for server in code_servers:
                server.suspend()  # so that no run can be canceled
            client.send_signal(signal.SIGINT)
            until(lambda: new(dg.DagsterRunStatus.CANCELING), "the first interrupt to be taken")
            client.send_signal(signal.SIGINT)
            answer = finished(client)
        finally:
            for server in code_servers:
                server.resume()
            served.pace(0)
        assert answer.code == 130
        assert "E037" in answer.err
        assert run in answer.err
        until(lambda: instance.get_run_by_id(run).is_finished, "the run to end")  # type: ignore[union-attr]


def kill_a_run(served: Deployed) -> None:
    _until_one_is_recorded(served)
    _kill(served.executing("shop"))


def kill_a_code_server(served: Deployed) -> None:
    """Its run goes on as an orphan, if nobody ends it."""
    _until_one_is_recorded(served)
    _kill([child.parent() for child in served.executing("shop")])


def kill_the_daemon(served: Deployed) -> None:
    _kill([served.daemon()])


def kill_postgres_for_a_while(served: Deployed) -> None:
    """While all products compute: a run that writes at that moment fails."""
    _until_one_is_recorded(served)
    served.pace(600)
    with served.mesh.instance() as instance:
        started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
        until(lambda: 0 < instance.get_runs_count(started) == served.computing(), "all products to compute")
    served.database.stop(signal.SIGKILL)
    time.sleep(8)  # the fault itself
    served.database.start()
    served.pace(0)


FAULTS = (kill_a_run, kill_a_code_server, kill_the_daemon, kill_postgres_for_a_while)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_product_is_made_once_after(served: Deployed, fault: Callable[[Deployed], None]) -> None:
    served.pace(2)
    before = served.counts()
    client = served.mesh.start("run", "--json", "+shop/four", "crew/zero")
    try:
        fault(served)
    finally:
        answer = finished(client)
        served.pace(0)
    assert answer.code == 0, answer.err + answer.out
    assert answer.statuses() == dict.fromkeys(PRODUCTS, "ok")
    assert served.made_since(before) == dict.fromkeys(PRODUCTS, 1)


def _until_one_is_recorded(served: Deployed) -> None:
    """Wait until the run of both products of a location has made the first."""
    with served.mesh.instance() as instance:
        key = dg.AssetKey(["shop", "one"])

        def made() -> bool:
            last = instance.get_latest_materialization_event(key)
            run = instance.get_run_by_id(last.run_id) if last is not None else None
            return run is not None and not run.is_finished

        until(made, "a product to be recorded")


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            os.kill(process.pid, signal.SIGKILL)
