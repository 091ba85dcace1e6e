"""Products are found by name, from file names alone, and read one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from platform_core.diagnostics import ContractError, DefinitionError, PlatformError, UsageError
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_root

HEAD = 'apiVersion: v3.2.0\nkind: DataContract\nversion: "1"\n'
Mesh = Callable[..., Registry]


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mesh:
    """A mesh of minimal contracts: file -> id."""
    monkeypatch.delenv("MESH_CONTRACTS", raising=False)
    monkeypatch.setenv("MESH_ROOT", str(tmp_path))
    (tmp_path / "workspace.yaml").write_text("load_from: []\n")

    def build(contracts: dict[str, str]) -> Registry:
        for file, text in contracts.items():
            domain, _, name = file.partition("/")
            path = tmp_path / "domains" / domain / "contracts" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{HEAD}{text}\n")
        return Registry.open()

    return build


TWO = {"hr/staff.odcs.yaml": "id: hr/staff", "sales/stores.odcs.yaml": "id: sales/stores"}


def test_names_read_no_contract(mesh: Mesh) -> None:
    registry = mesh({**TWO, "hr/broken.odcs.yaml": "id: [", "hr/notes.txt": "id: x"})
    assert registry.domains() == ("hr", "sales")
    assert registry.names() == ("hr/broken", "hr/staff", "sales/stores")
    assert all(map(registry.knows, registry.names()))
    assert not any(map(registry.knows, ("hr/stores", "sales/staff", "shop/stores")))
    assert registry.get("hr/staff").id == "hr/staff"
    assert registry.get("hr/staff") is registry.get("hr/staff")
    assert registry.path("hr/new").name == "new.odcs.yaml"


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("hr/staf", "hr/staff"),
        ("sales/staff", "hr/staff"),
        ("stores", "sales/stores"),
        ("", None),
        ("../../x", None),
    ],
)
def test_unknown_product(mesh: Mesh, asked: str, meant: str | None) -> None:
    registry = mesh(TWO)
    with pytest.raises(DefinitionError) as caught:
        registry.get(asked)
    (fault,) = caught.value.diagnostics
    assert fault.code == "D001"
    assert meant is None or meant in (fault.fix or "")


@pytest.mark.parametrize("file", ["stores.yaml", "stores.odcs.YAML", "stores.contract.yml"])
def test_a_contract_of_another_suffix_is_named_as_that(file: str, mesh: Mesh) -> None:
    registry = mesh({"sales/notes.yaml": "id: sales/notes", f"sales/{file}": "id: sales/stores"})
    (registry.base / "sales" / "contracts" / "notes.yaml").write_text("kind: Notes\n")
    assert registry.names() == ("sales/stores",)
    with pytest.raises(ContractError) as caught:
        registry.get("sales/stores")
    [fault] = [fault for fault in caught.value.diagnostics if fault.code == "C023"]
    assert fault.place is not None
    assert (fault.place.path.name, fault.expected) == (file, "stores.odcs.yaml")


def test_all_faults_of_a_domain_at_once(mesh: Mesh) -> None:
    registry = mesh({**TWO, "hr/a.odcs.yaml": "id: hr/b", "hr/c.odcs.yaml": "id: hr/c\nstauts: x"})
    with pytest.raises(ContractError) as caught:
        registry.of_domain("hr")
    assert [fault.code for fault in caught.value.diagnostics] == ["C020", "C010"]
    assert [product.id for product in registry.of_domain("sales")] == ["sales/stores"]
    products, faults = registry.scan()
    assert [product.id for product in products] == ["hr/staff", "sales/stores"]
    assert len(faults) == 2


def test_two_files_for_one_product(mesh: Mesh) -> None:
    registry = mesh({**TWO, "hr/staff.odcs.yml": "id: hr/staff", "sales/shops.odcs.yaml": "id: sales/stores"})
    for name, both in (("hr/staff", "staff.odcs.yml"), ("sales/shops", "stores.odcs.yaml")):
        with pytest.raises(ContractError) as caught:
            registry.get(name)
        (fault,) = caught.value.diagnostics
        assert fault.code == "C022"
        assert both in fault.message


def test_a_product_in_another_domains_folder(mesh: Mesh) -> None:
    with pytest.raises(ContractError) as caught:
        mesh({"hr/x.odcs.yaml": "id: sales/x"}).get("hr/x")
    assert [fault.code for fault in caught.value.diagnostics] == ["C020"]


def test_foreign_keys_without_a_target(mesh: Mesh) -> None:
    table = (
        "id: hr/staff\nschema: [{name: staff, properties: [{name: a, relationships: ["
        "{to: 'sales/%s.odcs.yaml#/schema/%s/properties/%s'}]}]}]"
    )
    stores = "id: sales/stores\nschema: [{name: stores, properties: [{name: store_id}]}]"
    for target, fix in (
        (("store", "store", "x"), "sales/stores"),
        (("stores", "stores", "store"), "store_id"),
    ):
        registry = mesh({"hr/staff.odcs.yaml": table % target, "sales/stores.odcs.yaml": stores})
        (fault,) = registry.unresolved(registry.get("hr/staff"))
        assert fault.code == "C057"
        assert fix in (fault.fix or "")
    registry = mesh({"hr/staff.odcs.yaml": table % ("stores", "stores", "store_id")})
    assert registry.unresolved(registry.get("hr/staff")) == ()


def test_contracts_in_a_folder_of_their_own(
    mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh(TWO)
    (tmp_path / "c" / "fin").mkdir(parents=True)
    (tmp_path / "c" / "fin" / "ledger.odcs.yaml").write_text(f"{HEAD}id: fin/ledger\n")
    monkeypatch.setenv("MESH_CONTRACTS", str(tmp_path / "c"))
    assert Registry.open().names() == ("fin/ledger",)
    assert Registry.open().get("fin/ledger").domain == "fin"
    monkeypatch.setenv("MESH_CONTRACTS", str(tmp_path / "none"))
    with pytest.raises(UsageError) as caught:
        Registry.open()
    assert caught.value.diagnostics[0].code == "U003"


def test_root(mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mesh(TWO)
    assert mesh_root() == tmp_path
    monkeypatch.delenv("MESH_ROOT")
    assert mesh_root(tmp_path / "domains" / "hr") == tmp_path
    monkeypatch.setenv("MESH_ROOT", str(tmp_path / "domains"))
    with pytest.raises(PlatformError, match="U001"):
        mesh_root()
