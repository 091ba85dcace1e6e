"""`mesh serve`: the UI that people see, the graph behind it, and consumers that follow their inputs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from mesh_command import ENOUGH, Mesh, until
from mesh_copy import copy_mesh
from mesh_records import materializations
from mesh_served import Served, serving
from playwright.sync_api import Page, expect, sync_playwright

from platform_core import __version__

pytestmark = pytest.mark.full

CHROMIUM = shutil.which("chromium")
DOMAINS = ("central_data_platform", "hr", "marketing", "sales")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SLOW = 1000 * ENOUGH
"""Milliseconds that a page of a busy machine may take."""


@pytest.fixture(scope="module")
def served(mesh: Mesh) -> Iterator[Served]:
    with serving(mesh) as served:
        yield served


@pytest.fixture(scope="module")
def runs_at_start(served: Served) -> set[str]:
    return run_ids(served.mesh)


def run_ids(mesh: Mesh) -> set[str]:
    with mesh.instance() as instance:
        return {run.run_id for run in instance.get_runs()}


def sensors(served: Served, location: str) -> list[dict[str, Any]]:
    answer = served.ask(
        """query ($location: String!) {
            sensorsOrError(repositorySelector: {
                repositoryName: "__repository__", repositoryLocationName: $location
            }) {
                ... on Sensors { results { name sensorState { status ticks(limit: 20) { status runIds } } } }
            }
        }""",
        location=location,
    )
    found: list[dict[str, Any]] = answer["sensorsOrError"]["results"]
    return found


def node(served: Served, product: str) -> dict[str, Any]:
    answer = served.ask(
        """query ($path: [String!]!) {
            assetNodes(assetKeys: [{path: $path}]) {
                description
                isExecutable
                owners { ... on TeamAssetOwner { team } }
                repository { location { name } }
                dependencyKeys { path }
                dependedByKeys { path }
                tags { key value }
            }
        }""",
        path=product.split("/"),
    )
    [found] = answer["assetNodes"]
    return dict(found)


def keys(paths: list[dict[str, list[str]]]) -> set[str]:
    return {"/".join(key["path"]) for key in paths}


@pytest.mark.usefixtures("runs_at_start")
def test_every_location_runs_its_automation_sensor(served: Served) -> None:
    for location in DOMAINS:
        [sensor] = sensors(served, location)

        assert sensor["name"] == f"refresh_{location}"
        assert sensor["sensorState"]["status"] == "RUNNING"


def test_every_location_shows_its_version_of_the_library(served: Served) -> None:
    found = served.ask(
        """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
            ... on RepositoryLocation { dagsterLibraryVersions { name version } } } } } } }"""
    )["workspaceOrError"]["locationEntries"]
    versions = {
        entry["name"]: {
            library["name"]: library["version"]
            for library in entry["locationOrLoadError"]["dagsterLibraryVersions"]
        }
        for entry in found
    }
    assert {libraries["platform-core"] for libraries in versions.values()} == {__version__}


def test_the_real_asset_overrides_the_external_one_of_its_consumers(served: Served) -> None:
    """Sales shows hr/store_staffing as an external asset, hr as one that it makes."""
    staffing = node(served, "hr/store_staffing")

    assert staffing["isExecutable"]
    assert staffing["repository"]["location"]["name"] == "hr"
    assert staffing["owners"] == [{"team": "people-analytics"}]
    assert staffing["description"].startswith("Which store each employee in service is assigned to")
    assert {"key": "mesh/domain", "value": "hr"} in staffing["tags"]


def test_lineage_goes_from_the_source_through_sales_to_hr_and_marketing(served: Served) -> None:
    transactions = node(served, "sales/transactions")

    assert "completejourney/transactions" in keys(transactions["dependencyKeys"])
    assert {"sales/stores", "marketing/household_segments"} <= keys(transactions["dependedByKeys"])
    assert keys(node(served, "hr/store_staffing")["dependencyKeys"]) == {"hr/employees", "sales/stores"}
    assert "hr/store_staffing" in keys(node(served, "sales/store_performance")["dependencyKeys"])


@pytest.fixture(scope="module")
def page(served: Served) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1600, "height": 1000}, base_url=served.address)
        page.set_default_timeout(SLOW)
        expect.set_options(timeout=SLOW)
        yield page
        browser.close()


def test_the_ui_shows_four_loaded_locations(page: Page) -> None:
    page.goto("/deployment/locations")

    expect(page.get_by_text("4 code locations")).to_be_visible()
    expect(page.get_by_text("Loaded", exact=True)).to_have_count(4)
    for location in DOMAINS:
        expect(page.get_by_text(location, exact=True).first).to_be_visible()


def test_the_ui_draws_lineage_across_domains(page: Page) -> None:
    page.goto("/asset-groups")
    # One box for each domain; what is in them is drawn only as far as it is in view.
    for group in ("sales", "marketing", "hr", "sources"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    # From one product's side: its inputs and its readers are other domains'.
    page.goto("/assets/hr/store_staffing?view=lineage&lineageScope=neighbors")
    for product in ("stores", "employees", "store_staffing", "store_performance"):
        expect(page.get_by_text(product, exact=True).first).to_be_visible()


def test_the_ui_shows_a_products_owner_columns_and_description(page: Page) -> None:
    page.goto("/assets/hr/store_staffing")

    expect(page.get_by_text("people-analytics").first).to_be_visible()
    expect(page.get_by_text("Which store each employee in service is assigned to").first).to_be_visible()
    expect(page.get_by_text("Store that the employee is assigned to.")).to_be_visible()
    expect(page.get_by_text("1,233").first).to_be_visible()


def test_the_ui_shows_check_results_of_a_product(page: Page) -> None:
    page.goto("/assets/hr/store_staffing?view=checks")

    expect(page.get_by_text("Checks (12)")).to_be_visible()
    expect(page.get_by_text("references__store_id").first).to_be_visible()
    expect(page.get_by_text("Succeeded").first).to_be_visible()


def test_nothing_runs_by_itself_when_the_server_starts(served: Served, runs_at_start: set[str]) -> None:
    def all_have_looked() -> bool:
        ticks = [sensors(served, location)[0]["sensorState"]["ticks"] for location in DOMAINS]
        return all(any(tick["status"] in ("SKIPPED", "SUCCESS") for tick in own) for own in ticks)

    until(all_have_looked, "each sensor to look once", pause=1.0)

    assert run_ids(served.mesh) == runs_at_start


@pytest.fixture
def other_stores(served: Served, tmp_path: Path) -> Iterator[Mesh]:
    """The served mesh, with code that makes another `sales/stores`; in the end the right one is back."""
    copy = copy_mesh(tmp_path / "mesh")
    copy.edit(
        "domains/sales/src/sales/stores.py",
        'first_sale_on=("local", "min")',
        'first_sale_on=("local", "max")',
    )
    yield Mesh(copy.root, served.mesh.home, served.mesh.settings)
    followed_by_staffing(served, served.mesh)


def followed_by_staffing(served: Served, code: Mesh) -> dg.DagsterRun:
    """Make `sales/stores` with some code; returns the run in which `hr/store_staffing` followed, when it
    ended."""
    with served.mesh.instance() as instance:
        before = len(materializations(instance, "hr/store_staffing"))
        answer = code.run("sales/stores")
        assert answer.code == 0, answer.out

        def follower() -> dg.DagsterRun | None:
            made = materializations(instance, "hr/store_staffing")
            run = instance.get_run_by_id(made[0].run_id) if len(made) > before else None
            return run if run is not None and run.is_finished else None

        run: dg.DagsterRun = until(follower, "hr/store_staffing to be made again", pause=1.0)
        return run


def test_an_updated_product_updates_its_consumer_in_another_domain(
    served: Served, other_stores: Mesh
) -> None:
    run = followed_by_staffing(served, other_stores)

    assert run.is_success
    assert run.tags["dagster/from_automation_condition"] == "true"
    assert run.tags["dagster/sensor_name"] == "refresh_hr"
    assert served.mesh.published()["hr/store_staffing"].run_id == run.run_id


def test_ctrl_c_ends_the_server_and_leaves_no_process(served: Served) -> None:
    assert len(served.mesh.processes()) > 4

    code, said = served.stop()

    assert code == 0
    assert said.splitlines()[-1] == "stopped"
    assert "Traceback" not in said
    assert served.mesh.processes() == []
