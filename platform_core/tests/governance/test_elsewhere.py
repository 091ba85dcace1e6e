"""Policies on products of other repositories: `crew` has its own, and its contracts are registered."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from governance.mutating import judged, valid_copy

from platform_core.registry.lookup import Registry
from platform_core.registry.publish import register

LOCATION = "{module_name: shop.definitions, location_name: shop, executable_path: python}"


@pytest.fixture
def roster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The registered contract that `shop/performance` reads."""
    root, registry = valid_copy(tmp_path / "shop"), tmp_path / "registry"
    register(Registry(root / "domains", "contracts"), ["crew", "shop"], registry)
    shutil.rmtree(root / "domains" / "crew")
    (root / "workspace.yaml").write_text(f"load_from:\n  - python_module: {LOCATION}\n")
    monkeypatch.delenv("MESH_CONTRACTS", raising=False)
    monkeypatch.setenv("MESH_ROOT", str(root))
    monkeypatch.setenv("MESH_REGISTRY", str(registry))
    return registry / "crew" / "roster.odcs.yaml"


def test_its_products_are_known_and_not_judged(roster: Path, tmp_path: Path) -> None:
    judgement = judged(tmp_path / "shop")
    assert judgement.diagnostics == ()
    subjects = {subject for subject, _ in judgement.states}
    assert "shop/performance" in subjects
    assert "crew/roster" not in subjects


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"domain:shop"', '"domain:else"', "G302"),
        ("name: employee_id", "name: person_id", "G306"),
        ("status: active", "status: deprecated", "G308"),
        ("status: active", "status: retired", "G311"),
    ],
)
def test_reads_of_its_products_are_judged(
    roster: Path, tmp_path: Path, old: str, new: str, code: str
) -> None:
    text = roster.read_text()
    assert text.count(old) == 1
    roster.write_text(text.replace(old, new))
    (found,) = judged(tmp_path / "shop").diagnostics
    assert found.code == code
    assert found.place is not None
    assert found.place.path == tmp_path / "shop/domains/shop/src/shop/products.py"


def test_an_unregistered_contract(roster: Path, tmp_path: Path) -> None:
    roster.unlink()
    (found,) = judged(tmp_path / "shop").diagnostics
    assert (found.code, found.message) == ("G301", "shop/performance reads crew/roster, which does not exist")
    assert "mesh register crew" in (found.fix or "")


def test_a_registered_contract_that_cannot_be_read(roster: Path, tmp_path: Path) -> None:
    roster.write_text(roster.read_text().replace("status:", "stauts:"))
    (found,) = judged(tmp_path / "shop").errors
    assert found.code.startswith("C")
    assert found.place is not None
    assert found.place.path == roster


def test_two_registered_contracts_of_one_product(roster: Path, tmp_path: Path) -> None:
    shutil.copy(roster, roster.with_name("roster.odcs.yml"))
    (found,) = judged(tmp_path / "shop").errors
    assert found.code == "C022"


def test_two_versions_of_an_own_contract(roster: Path, tmp_path: Path) -> None:
    own = tmp_path / "shop/domains/shop/contracts/stores.odcs.yaml"
    own.write_text(own.read_text().replace("About stores.", "About other stores."))
    (found,) = judged(tmp_path / "shop").errors
    assert found.code == "C140"
    assert found.place is not None
    assert found.place.path == own
