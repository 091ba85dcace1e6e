"""A domain in its own repository: its package and contracts are there, other contracts come from the
registry, and the lakes are shared."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from company import add_domain, repository
from mesh_command import ROOT, Mesh
from mesh_copy import CODE

from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.registry.lookup import Registry
from platform_core.registry.publish import register

pytestmark = pytest.mark.full


@dataclass(frozen=True)
class Company:
    """Two repositories of one company."""

    shop: Mesh
    crew: Mesh
    registry: Path


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """`crew` has moved out of the repository of `shop`; `shop/stores` was published before."""
    folder = tmp_path_factory.mktemp("company")
    registry, lake = folder / "registry", folder / "lake"
    settings = {"MESH_REGISTRY": str(registry), "MESH_LAKE": str(lake)}
    shop = Mesh(folder / "shop", folder / "shop-state", settings)
    crew = Mesh(folder / "crew", folder / "crew-state", settings)
    for mesh, domain in ((shop, "shop"), (crew, "crew")):
        add_domain(repository(mesh.root), domain)
        register(Registry(mesh.root / "domains", "contracts"), [domain], registry)
    stores = Registry(shop.root / "domains", "contracts").get("shop/stores")
    with connect(LocalLakes(lake), write=["shop"]) as connection:
        rows = "SELECT range AS store_id, 10 AS sale_count FROM range(1, 4)"
        stamp = Stamp(run_id="before", asset=stores.id)
        publish_table(connection, LocalLakes(lake), stores, rows, stamp=stamp, audit=str)
    return Company(shop, crew, registry)


def test_the_domain_keeps_all_policies_and_is_registered_already(company: Company) -> None:
    answer = company.crew.call("register")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.endswith("0 added, 0 changed, 0 removed, 1 unchanged\n")


def test_it_runs_on_the_published_products_of_others(company: Company) -> None:
    answer = company.crew.run()
    assert answer.code == 0, answer.err
    assert answer.statuses() == {"crew/roster": "ok"}, "what others make is not run here"
    rows = company.crew.query("SELECT employee_id, store_id FROM crew.roster ORDER BY 1", "domain:shop")
    assert rows == [{"employee_id": 100 + store, "store_id": store} for store in (1, 2, 3)]


def test_the_remaining_domains_keep_all_policies(company: Company) -> None:
    answer = company.shop.call("validate")
    assert (answer.code, answer.out) == (0, "0 errors, 0 warnings; 2 products in 1 location\n")


def test_the_remaining_domains_read_its_products(company: Company) -> None:
    answer = company.shop.run("shop/performance")
    assert answer.statuses() == {"shop/performance": "ok"}, answer.err
    rows = company.shop.query("SELECT sum(staff_count) AS n FROM shop.performance", "domain:shop")
    assert rows == [{"n": 3}]


def test_a_product_of_another_repository_is_not_run_here(company: Company) -> None:
    answer = company.shop.call("run", "crew/roster")
    assert answer.code == 2
    assert "error[U086]: crew/roster is made in another repository" in answer.err


def test_without_the_registry_the_missing_contract_is_named(company: Company, tmp_path: Path) -> None:
    """At the line of each reference to it, with a fix."""
    shutil.copytree(company.registry / "crew", tmp_path / "crew")
    lost = replace(company.crew, settings={**company.crew.settings, "MESH_REGISTRY": str(tmp_path)})
    answer = lost.call("check", "crew/roster")
    assert answer.code == 1
    said = answer.err.split("\n\n")
    assert [words[:12] for words in said] == ["error[C057]:", "error[D001]:"]
    for words, file in zip(said, ("roster.odcs.yaml:", "products.py:"), strict=True):
        assert "shop/stores" in words
        assert file in words
        assert "mesh register shop" in words


def test_the_real_hr_stands_alone(tmp_path: Path) -> None:
    """Its folder, copied out of this repository, with the contracts of all registered."""
    registry, root = tmp_path / "registry", tmp_path / "hr"
    own = Registry(ROOT / "domains", "contracts")
    register(own, own.domains(), registry)
    for part in ("contracts", "src"):
        shutil.copytree(ROOT / "domains/hr" / part, root / "domains/hr" / part, ignore=CODE)
    shutil.copytree(ROOT / "governance", root / "governance", ignore=CODE)
    shutil.copy(ROOT / "dagster.yaml", root)
    entry = {
        "module_name": "hr.definitions",
        "location_name": "hr",
        "executable_path": os.path.relpath(ROOT / "domains/hr/.venv/bin/python", root),
        "working_directory": "domains/hr/src",
    }
    (root / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"python_module": entry}]}))
    alone = Mesh(root, tmp_path / "state", {"MESH_REGISTRY": str(registry)})
    answer = alone.call("validate")
    assert answer.code == 0, answer.out
    assert answer.out.startswith("0 errors")
    assert answer.out.rstrip().endswith("products in 1 location")
