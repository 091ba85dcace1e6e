"""A location loads only if its domain keeps the policies."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from governance.mutating import Edit, valid_copy
from governance.mutations import OWNER, STORES

from platform_core import domain_definitions
from platform_core.diagnostics import GovernanceError
from platform_core.governance.collect import collect
from platform_core.governance.location import ASSEMBLED, CODE_SERVER

Load = Callable[..., dg.Definitions]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """The definitions of `shop` in the valid mesh with some edits."""
    for name in ("MESH_ROOT", "MESH_CONTRACTS"):
        monkeypatch.delenv(name, raising=False)
    server = logging.getLogger(CODE_SERVER)
    filters = list(server.filters)

    def load(*edits: Edit) -> dg.Definitions:
        root = valid_copy(tmp_path, *edits)
        monkeypatch.syspath_prepend(str(root / "domains" / "shop" / "src"))
        return domain_definitions("shop")

    yield load
    server.filters[:] = filters
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def test_a_domain_that_keeps_the_policies_loads(load: Load) -> None:
    keys = {key.to_user_string() for key in load().resolve_asset_graph().materializable_asset_keys}
    assert keys == {"shop/sales", "shop/stores", "shop/visits", "shop/performance", "shop/opening_hours"}


def test_one_violation_is_one_short_block(load: Load) -> None:
    with pytest.raises(GovernanceError) as raised:
        load(Edit(STORES, OWNER + "\n", ""))
    said = str(raised.value)
    assert said.startswith("error[G101]: shop/stores has no owner")
    assert len(said.splitlines()) < 15
    # `raise ... from None`: nothing is shown before it.
    assert raised.value.__suppress_context__
    assert len(raised.traceback) == 3


UNREADABLE = Edit("domains/shop/contracts/sales.odcs.yaml", "kind: DataContract", "kind: DataContrat")
DRAFT = Edit("domains/shop/contracts/sales.odcs.yaml", "team: {name: shop-team}", "team: {name: DECIDE}")


@pytest.mark.parametrize("edit", [UNREADABLE, DRAFT], ids=["unreadable", "draft"])
def test_an_unreadable_contract_removes_its_product_and_consumers(
    edit: Edit, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "dagster.mesh"):
        graph = load(edit).resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.materializable_asset_keys}
    # Performance reads stores, which were published before.
    assert keys == {"shop/performance", "shop/opening_hours"}
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "shop loads without what needs " in said
    assert re.search(r"shop/contracts/sales\.odcs\.yaml:\d+:\d+: C", said)


def test_consumers_of_an_unreadable_contract_are_reported(load: Load) -> None:
    load(UNREADABLE)
    facts = collect(ASSEMBLED["shop"].domain, faults=ASSEMBLED["shop"].faults)
    told = {fault.message.split()[0]: fault for fault in facts.faults if fault.code == "D029"}
    assert told.keys() == {"shop/stores", "shop/visits"}
    assert (place := told["shop/stores"].place) is not None
    assert (place.source_line() or "").startswith("def stores(")
    assert "sales.odcs.yaml" in (told["shop/stores"].fix or "")


def test_all_violations_are_reported_at_once(load: Load) -> None:
    with pytest.raises(GovernanceError) as raised:
        load(
            Edit(STORES, OWNER + "\n", ""),
            Edit("domains/shop/contracts/sales.odcs.yaml", "kind: DataContract", "kind: DataContrat"),
        )
    families = {diagnostic.code[0] for diagnostic in raised.value.diagnostics}
    assert families == {"C", "G"}


def test_an_unknown_input_is_reported_at_its_name(load: Load) -> None:
    with pytest.raises(GovernanceError, match=r'D001.*unknown data product "crew/rooster"'):
        load(Edit("domains/shop/src/shop/products.py", 'Input("crew/roster"', 'Input("crew/rooster"'))


def test_faults_of_the_federation_do_not_prevent_loading(load: Load) -> None:
    unknown = Edit("governance/mesh.yaml", "topology: federated", "topology: federated\nparliament: yes")
    assert load(unknown).assets


def test_a_waived_violation_loads(load: Load) -> None:
    # The valid mesh waives the key of shop/visits; without the waiver it does not load.
    with pytest.raises(GovernanceError, match="G108"):
        load(Edit("governance/waivers.yaml", "product: shop/visits", "product: shop/stores"))


def test_warnings_are_one_line_of_the_log(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    autonomous = Edit("governance/mesh.yaml", "topology: federated", "topology: autonomous")
    with caplog.at_level(logging.WARNING, "dagster.mesh"):
        load(Edit(STORES, OWNER + "\n", ""), autonomous)
    (record,) = [record for record in caplog.records if record.name == "dagster.mesh"]
    assert record.getMessage() == "shop: 1 governance warning (G101); `mesh validate` shows it"


def test_the_code_server_logs_no_traceback_of_it(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    server = logging.getLogger(CODE_SERVER)
    try:
        load(Edit(STORES, OWNER + "\n", ""))
    except GovernanceError as error:
        try:
            raise RuntimeError("loading failed") from error
        except RuntimeError:
            server.exception("Error while importing code")
    try:
        raise ValueError("of another kind")
    except ValueError:
        server.exception("Error while importing code")
    ours, other = [record for record in caplog.records if record.name == CODE_SERVER]
    assert (ours.getMessage(), ours.exc_info) == ("The location breaks policies: G101", None)
    assert other.exc_info is not None


def test_a_refused_domain_is_assembled(load: Load) -> None:
    ASSEMBLED.clear()
    with pytest.raises(GovernanceError, match="G101"):
        load(Edit(STORES, OWNER + "\n", ""))
    assert ASSEMBLED.keys() == {"shop"}
    facts = collect(ASSEMBLED["shop"].domain, sql=True)
    assert facts.factory["stores"].produces == ("store_id", "sale_count")
