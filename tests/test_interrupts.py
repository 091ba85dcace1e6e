"""Ctrl-C and SIGKILL at the worst moments: nothing published is lost, nothing is left running."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import dagster as dg
import psutil  # type: ignore[import-untyped]
import pytest
from mesh_command import Mesh, finished, until
from mesh_records import runs_of

pytestmark = pytest.mark.full

ENDED = {dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE}


@pytest.fixture(scope="module", autouse=True)
def _made_again(mesh: Mesh) -> Iterator[None]:
    """The next runs find the mesh unchanged: consumers wait for a product whose checks a kill left open."""
    yield
    answer = mesh.run("hr/employees", "marketing/promotions", "sales/products")
    assert answer.code == 0, answer.out


@pytest.fixture(autouse=True)
def _nothing_else_runs(mesh: Mesh) -> Iterator[None]:
    assert mesh.processes() == []
    yield
    for left in mesh.processes():
        left.kill()


def writing(mesh: Mesh, lake: str, name: str) -> bool:
    """Whether a living process holds a lake's lock under a name."""
    lock = mesh.lakes.lock_file(lake)
    words = lock.read_text() if lock.exists() else ""
    return any(words.startswith(f"process {process.pid} ({name}") for process in mesh.processes())


def building(mesh: Mesh) -> bool:
    """Whether dbt builds a model; it holds no lock of a lake."""
    for process in mesh.processes():
        with suppress(psutil.NoSuchProcess):
            program, *words = process.cmdline()[:3] or [""]
            if "build" in words and any(Path(word).name == "dbt" for word in (program, *words)):
                return True
    return False


@pytest.mark.parametrize(
    ("product", "at_work"),
    [
        ("marketing/promotions", lambda mesh: writing(mesh, "marketing", "marketing/promotions")),
        ("sales/store_performance", building),
    ],
    ids=["a function", "dbt"],
)
def test_ctrl_c_while_a_product_is_made(mesh: Mesh, product: str, at_work: Callable[[Mesh], object]) -> None:
    before = mesh.published()
    run = mesh.start("run", product)
    until(lambda: at_work(mesh), f"{product} to be made")

    run.send_signal(signal.SIGINT)
    answer = finished(run)

    assert answer.code == 130
    assert mesh.processes() == []
    said = [line for line in answer.err.splitlines() if not line.startswith(product)]
    assert said == [line for line in said if line.startswith("interrupted: 1 not made in ")]
    assert len(said) == 1
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert mesh.published() == before
    with mesh.instance() as instance:
        # Canceling is all that it says where a busy machine had to kill it: see the next run below.
        assert runs_of(instance, product)[0].status in {*ENDED, dg.DagsterRunStatus.CANCELING}


def test_a_killed_coordinator_leaves_nothing_behind(mesh: Mesh) -> None:
    before = mesh.published()
    run = mesh.start("run", "marketing/promotions")
    until(lambda: writing(mesh, "marketing", "marketing/promotions"), "promotions to be written")

    run.kill()
    finished(run)

    until(lambda: not mesh.processes(), "the workers to end")
    assert mesh.published() == before


def test_the_next_run_works_and_closes_open_records(mesh: Mesh) -> None:
    answer = mesh.run("marketing/campaigns", "sales/store_performance")

    assert answer.code == 0, answer.out
    with mesh.instance() as instance:
        published = {version.run_id for versions in mesh.versions().values() for version in versions}
        broken_off = [run for run in runs_of(instance, "marketing/promotions") if run.run_id not in published]
        assert len(broken_off) >= 2
        assert {run.status for run in broken_off} <= ENDED
        assert all(run.is_finished for run in instance.get_runs())


def test_ctrl_c_while_the_locations_load(mesh: Mesh) -> None:
    before = mesh.published()
    run = mesh.start("run", "sales/products", "hr/employees")
    until(lambda: len(mesh.processes()) >= 2, "a worker to start")

    run.send_signal(signal.SIGINT)
    answer = finished(run)

    assert answer.code == 130
    assert mesh.processes() == []
    assert mesh.published() == before


def test_ctrl_c_at_a_terminal_reaches_the_whole_group(mesh: Mesh) -> None:
    """A terminal signals every process of the foreground group."""
    run = mesh.start("run", "sales/products")
    until(lambda: psutil.Process(run.pid).children(), "the worker to start")

    for process in [run.pid, *(child.pid for child in psutil.Process(run.pid).children(recursive=True))]:
        psutil.Process(process).send_signal(signal.SIGINT)
    answer = finished(run)

    assert answer.code == 130
    assert "Traceback" not in answer.err
    assert mesh.processes() == []
