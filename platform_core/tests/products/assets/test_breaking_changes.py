"""A version that removes a column or product with consumers is refused, and later failures name the
removal."""

from __future__ import annotations

import dagster as dg
import pytest
import yaml
from small_mesh import AMOUNTS, SmallMesh

from platform_core.diagnostics import DefinitionError
from platform_core.lake.connect import connect
from platform_core.source.workspace import read_locations
from platform_core.workspace.introspection.cache import introspect

WITHOUT = "\n".join(line for line in AMOUNTS.splitlines() if "amount" not in line) + "\n"
OTHER = AMOUNTS.replace("name: amount, logicalType: number", "name: amount, logicalType: string")
IDS, ALL = "SELECT range AS id FROM range(3)", "SELECT range AS id, 1.5::DOUBLE AS amount FROM range(3)"


def sales(mesh: SmallMesh, table: str = AMOUNTS, rows: str = ALL, version: str = "1.2.0") -> None:
    """Set the rows that ``shop`` publishes next, and the version of its contract."""
    contract = mesh.contract("shop/sales", table)
    contract.write_text(contract.read_text().replace("version: 1.2.0", f"version: {version}"))
    mesh.code("shop", f"@data_product\ndef sales() -> str:\n    return {rows!r}\n")


def reading(mesh: SmallMesh, domain: str, column: str, product: str = "shop/sales") -> None:
    """A location that reads a column of it."""
    mesh.contract(f"{domain}/copy", WITHOUT)
    code = f"""
        @data_product(inputs={{"sales": "{product}"}})
        def copy(sales: Table) -> str:
            return f"SELECT {column} AS id FROM {{sales}}"
        """
    mesh.code(domain, code)
    mesh.location(domain)


def said(result: dg.ExecuteInProcessResult) -> str:
    assert not result.success
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert event.step_failure_data.user_failure_data is not None, event.step_failure_data.error
    return str(event.step_failure_data.user_failure_data.description)


def make(mesh: SmallMesh, instance: dg.DagsterInstance, product: str = "shop/sales") -> str:
    """The message of the failed run of a product; empty if it was published."""
    result = mesh.run(product.split("/")[0], product, instance)
    return "" if result.success else said(result)


def test_a_column_with_consumers_can_only_be_removed_in_a_major_version(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    mesh.location("shop")
    reading(mesh, "other", "amount::BIGINT")
    sales(mesh)
    mesh.publish("shop/sales")  # as before 0.4: no word of its contract's version
    sales(mesh, WITHOUT, IDS)
    assert "write version: 2.0.0" in make(mesh, instance)
    sales(mesh)
    assert make(mesh, instance) == ""
    mesh.publish("shop/sales")
    for table, rows, words in (
        (WITHOUT, IDS, '"amount" is gone'),
        (OTHER, ALL.replace("DOUBLE", "VARCHAR"), '"amount" was DOUBLE and is VARCHAR'),
    ):
        sales(mesh, table, rows, "1.9.0")
        refused = make(mesh, instance)
        assert refused.startswith("error[Q040]: shop/sales 1.9.0 breaks readers of version ")
        assert words in refused.splitlines()[0]
        assert "sales.odcs.yaml:4:" in refused
        assert "other/copy reads amount (domains/other/src/other/products.py:4:32)" in refused
        assert "version: 2.0.0" in refused
        assert mesh.read("SELECT sum(amount) FROM shop.products.sales") == [(4.5,)]
    sales(mesh, WITHOUT, IDS, "2.0.0")
    assert make(mesh, instance) == ""

    failed = make(mesh, instance, "other/copy")
    assert 'info[D057]: the column "amount" of shop/sales was removed in version ' in failed
    assert "(contract 2.0.0), published 20" in failed


def test_a_wider_integer_needs_a_minor_version(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    mesh.location("shop")
    reading(mesh, "other", "amount")
    typed = AMOUNTS.replace("amount, logicalType: number", "amount, logicalType: integer, physicalType: {}")
    rows = "SELECT range AS id, 7::{} AS amount FROM range(3)"
    sales(mesh, typed.replace("{}", "INTEGER"), rows.format("INTEGER"))
    assert make(mesh, instance) == ""
    sales(mesh, typed.replace("{}", "BIGINT"), rows.format("BIGINT"), "1.2.1")
    assert "write version: 1.3.0" in make(mesh, instance)
    sales(mesh, typed.replace("{}", "BIGINT"), rows.format("BIGINT"), "1.3.0")
    assert make(mesh, instance) == ""
    sales(mesh, typed.replace("{}", "INTEGER"), rows.format("INTEGER"), "1.4.0")
    assert "write version: 2.0.0" in make(mesh, instance)


@pytest.mark.full
def test_an_unread_column_can_be_removed_and_a_location_that_does_not_load_keeps_its_reads(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    mesh.location("shop")
    reading(mesh, "other", "id")
    sales(mesh)
    assert make(mesh, instance) == ""
    sales(mesh, WITHOUT, IDS)
    assert make(mesh, instance) == ""
    # Asked for the last good facts now, and no more the location's own.
    mesh.write("domains/other/src/other/products.py", "def broken(:\n")
    texts = WITHOUT.replace("name: id, logicalType: integer", "name: id, logicalType: string")
    sales(mesh, texts, IDS.replace("range AS id", "range::VARCHAR AS id"))
    assert "other/copy reads id" in make(mesh, instance)
    # A location that is in the workspace file no more is no reader.
    workspace = mesh.root / "workspace.yaml"
    entries = yaml.safe_load(workspace.read_text())["load_from"]
    workspace.write_text(yaml.safe_dump({"load_from": entries[:1]}))
    assert make(mesh, instance) == ""


@pytest.mark.full
def test_a_consumer_with_a_broken_contract_keeps_its_reads(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    mesh.location("shop")
    mesh.location("other")
    refers = ", relationships: [{to: shop/sales.odcs.yaml#/schema/sales/properties/id}]"
    contract = mesh.contract("other/copy", WITHOUT.replace('Number."}', f'Number."{refers}}}'))
    mesh.code("other", "@data_product\ndef copy() -> str:\n    return 'SELECT 1 AS id'\n")
    sales(mesh)
    assert make(mesh, instance) == ""
    introspect(mesh.root, read_locations(mesh.root))
    contract.write_text(contract.read_text().replace("classification", "clasification"))
    texts = AMOUNTS.replace("name: id, logicalType: integer", "name: id, logicalType: string")
    sales(mesh, texts, ALL.replace("range AS id", "range::VARCHAR AS id"))
    for _ in range(2):  # it was looked at once more, and left out
        assert "other/copy reads id (domains/other/contracts/copy.odcs.yaml:" in make(mesh, instance)


def test_a_product_that_becomes_restricted_is_not_taken_from_others_silently(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    mesh.location("shop")
    reading(mesh, "other", "id")
    sales(mesh)
    assert make(mesh, instance) == ""
    hidden = AMOUNTS.replace("internal, tags", "restricted, tags")
    sales(mesh, hidden)
    assert "other/copy reads id" in make(mesh, instance)
    assert mesh.read("SELECT count(*) FROM shop.products.sales") == [(3,)]
    sales(mesh, hidden, version="2.0.0")
    assert make(mesh, instance) == ""
    with connect(mesh.lakes, read=["shop_restricted"]) as con:
        assert con.execute("SELECT count(*) FROM shop_restricted.products.sales").fetchall() == [(3,)]


def test_a_consumer_of_the_twin_counts_as_a_consumer_of_the_product(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    masked = "    customProperties: [{property: maskedAs, value: hidden, vendor: platform-core}]\n"
    banded = "[{property: mask, value: {method: generalize, width: 10}, vendor: platform-core}]"
    full = masked + AMOUNTS.replace("[pseudonymous]}", f"[pseudonymous], customProperties: {banded}}}")
    mesh.location("shop")
    reading(mesh, "other", "amount", "shop/hidden")
    sales(mesh, full)
    assert make(mesh, instance) == ""
    sales(mesh, masked + WITHOUT, IDS)
    assert "other/copy reads amount of shop/hidden (domains/other/" in make(mesh, instance)


def test_the_message_about_a_removed_column_names_the_version(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    mesh.contract("other/copy", WITHOUT)
    mesh.code(
        "other",
        """
        @data_product(inputs={"sales": Input("shop/sales", columns=("id", "amount"))})
        def copy(sales: Table):
            return sales.arrow()
        """,
    )
    for table, rows, version in ((AMOUNTS, ALL, "1.0.0"), (WITHOUT, IDS, "2.0.0")):
        sales(mesh, table, rows, version)
        assert make(mesh, instance) == ""
    with pytest.raises(DefinitionError, match=r'"amount": it was removed in version \d+ \(contract 2'):
        mesh.definitions("other")
