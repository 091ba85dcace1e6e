"""Any contracts and federation files are judged without exceptions: the result is diagnostics."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from governance.mutating import TODAY, VALID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import ContractError, Diagnostic
from platform_core.governance.facts import FactoryFacts, InputFacts, LocationFacts, MeshFacts
from platform_core.governance.judge import Judgement, judge
from platform_core.governance.policy_set import load_policies
from platform_core.odcs.reader import load_contract
from platform_core.source.federation import read_federation

pytestmark = pytest.mark.full

SETTINGS = settings(
    derandomize=True,
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
CONTRACTS = {
    f"{path.parts[-3]}/{path.name.partition('.')[0]}": yaml.load(path.read_text(), yaml.BaseLoader)
    for path in sorted(VALID.glob("domains/*/contracts/*.yaml"))
}
FILES = {name: yaml.safe_load((VALID / "governance" / f"{name}.yaml").read_text()) for name in
         ("teams", "mesh", "waivers")}  # fmt: skip
WORDS = [
    "", "shop/sales", "crew", "personal", "restricted", "* * * * *", "0 0 29 2 *", "Asia/Tokyo", "1.0", "y",
    "retired", "everyone", "a@example.com", "federated", "autonomous", "2030-01-01", "G108", "x" * 300,
]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**9) | st.sampled_from(WORDS) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=2),
    max_leaves=4,
)
CATALOGUE = load_policies(VALID, ["shop", "crew"])
READS = {"shop/stores": ["shop/sales"], "crew/roster": ["crew/people", "shop/stores"],
         "shop/performance": ["shop/stores", "crew/roster"], "shop/visits": ["shop/sales"]}  # fmt: skip


def _pointers(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(found for key, inner in items for found in _pointers(inner, (*here, key)))]


def _changed(tree: Any, changes: list[tuple[tuple[Any, ...], Any]]) -> str:
    tree = copy.deepcopy(tree)
    for pointer, value in changes:
        parent = tree
        try:
            for key in pointer[:-1]:
                parent = parent[key]
            parent[pointer[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change removed what was there
    return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)


def _sound(judgement: Judgement) -> None:
    """Every violation has a place and renders, and no policy raises."""
    for diagnostic in judgement.diagnostics:
        assert diagnostic.code != "G490", diagnostic.message
        assert diagnostic.place is not None
        assert diagnostic.render()


@cache
def _valid(domain: str, name: str) -> DataProduct:
    return load_contract(VALID / "domains" / domain / "contracts" / f"{name}.odcs.yaml", domain)


def _mesh(folder: Path, changed: str, text: str) -> MeshFacts:
    """The contracts of the valid mesh, one of them changed, and their consumers."""
    found: dict[str, list[DataProduct]] = {"shop": [], "crew": []}
    faults: dict[str, tuple[Diagnostic, ...]] = {"shop": (), "crew": ()}
    for product in CONTRACTS:
        domain, name = product.split("/")
        if product != changed:
            found[domain].append(_valid(domain, name))
            continue
        path = folder / f"{name}.odcs.yaml"
        path.write_text(text)
        try:
            found[domain].append(load_contract(path, domain))
        except ContractError as error:
            faults[domain] = error.diagnostics
    locations = []
    for domain, products in found.items():
        factories = [
            FactoryFacts(
                name,
                "function",
                products[0].place,
                tuple(
                    InputFacts(f"i{n}", read, ("store_id",), products[0].place)
                    for n, read in enumerate(READS.get(f"{domain}/{name}", ()))
                ),
            )
            for name in (product.split("/")[1] for product in CONTRACTS if product.startswith(domain))
        ]
        locations.append(LocationFacts(domain, domain, tuple(products), tuple(factories), (), faults[domain]))
    return MeshFacts(tuple(locations), read_federation(VALID))


@SETTINGS
@given(data=st.data())
def test_any_contract_is_judged(tmp_path: Path, data: st.DataObject) -> None:
    product = data.draw(st.sampled_from(sorted(CONTRACTS)))
    pointers = st.sampled_from(_pointers(CONTRACTS[product])[1:])
    changes = data.draw(st.lists(st.tuples(pointers, VALUES), min_size=1, max_size=3))
    # Bare words, since the tree was read as text: what looks like a number is one again.
    text = _changed(CONTRACTS[product], changes).replace("'", "")
    _sound(judge(_mesh(tmp_path, product, text), CATALOGUE, TODAY))


@SETTINGS
@given(data=st.data())
def test_any_federation_is_judged(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "governance"
    folder.mkdir(exist_ok=True)
    name = data.draw(st.sampled_from(sorted(FILES)))
    pointers = st.sampled_from(_pointers(FILES[name])[1:])
    changes = data.draw(st.lists(st.tuples(pointers, VALUES), min_size=1, max_size=3))
    for other in FILES:
        (folder / f"{other}.yaml").write_text(_changed(FILES[other], changes if other == name else []))
    mesh = _mesh(tmp_path, "", "")
    _sound(judge(MeshFacts(mesh.locations, read_federation(tmp_path)), CATALOGUE, TODAY))
