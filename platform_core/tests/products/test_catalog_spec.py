"""Dagster's catalog shows a product from its contract alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from small_mesh import DAYS, SALES, SmallMesh

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, Place, PlatformError
from platform_core.products.catalog.page import Page
from platform_core.products.catalog.spec import GRIDS, tags
from platform_core.registry.lookup import Registry

READS = """
@data_product(inputs={"sales": "shop/sales"})
def totals(sales: Table) -> str:
    return f"SELECT id, amount, who FROM {sales}"
"""


def shop(mesh: SmallMesh) -> dg.Definitions:
    mesh.contract("shop/sales", SALES)
    mesh.code("shop", "@data_product\ndef sales() -> str:\n    return 'SELECT 1'\n")
    return mesh.definitions("shop")


def spec(definitions: dg.Definitions, product: str) -> dg.AssetSpec:
    graph = definitions.get_repository_def().asset_graph
    return graph.get(dg.AssetKey(product.split("/"))).to_asset_spec()


def test_a_contract_becomes_an_asset(mesh: SmallMesh) -> None:
    found = spec(shop(mesh), "shop/sales")
    assert found.group_name == "shop"
    assert found.owners == ["team:shop-team"]
    assert found.tags["retail"] == ""
    assert found.kinds == {"duckdb", "python", "table"}
    assert "All about shop/sales." in (found.description or "")
    assert "### Limitations\nIt is small." in (found.description or "")
    assert found.metadata["dagster/table_name"] == "shop.products.sales"
    assert found.freshness_policy == dg.FreshnessPolicy.cron("0 6 * * *", timedelta(hours=2), "Europe/Berlin")


def test_columns_come_with_constraints_and_tags(mesh: SmallMesh) -> None:
    schema = spec(shop(mesh), "shop/sales").metadata["dagster/column_schema"]
    columns = {column.name: column for column in schema.columns}
    assert list(columns) == ["id", "amount", "who"]
    assert columns["id"].constraints.other == ["primary key (1)"]
    assert not columns["amount"].constraints.nullable
    assert columns["who"].constraints.nullable
    assert columns["who"].description == "Name."
    assert columns["who"].tags == {"personal": "", "classification": "confidential"}


def test_links_lead_to_contract_and_function(mesh: SmallMesh) -> None:
    links = spec(shop(mesh), "shop/sales").metadata["dagster/code_references"].code_references
    assert [(link.label, link.file_path.rpartition("/")[2], link.line_number) for link in links] == [
        ("contract", "sales.odcs.yaml", 3),
        ("python", "products.py", 4),
    ]


def test_the_page_begins_with_owner_freshness_and_how_to_read_it(mesh: SmallMesh) -> None:
    page = spec(shop(mesh), "shop/sales").description or ""
    order = ["All about", "**Owner**", "**Fresh**", "mesh query", "mesh.read(", "### Limitations", "dbt"]
    assert [page.index(part) for part in order] == sorted(page.index(part) for part in order)
    assert "**Owner**: [Team of shop](mailto:shop@example.com), #shop" in page


def test_names_of_products_are_links(mesh: SmallMesh) -> None:
    mesh.contract("shop/sales", SALES)
    page = Page(mesh.root, Registry.open(mesh.root))
    code = "```sh\n`shop/sales`\n```"
    assert page.linked(f"`shop/sales` and `shop/other`\n{code}") == (
        f"[`shop/sales`](/assets/shop/sales) and `shop/other`\n{code}"
    )


def test_links_lead_to_the_repository_if_it_has_an_address(
    mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_REPOSITORY_URL", "https://git.example.com/mesh/blob/main/")
    found = spec(shop(mesh), "shop/sales").metadata
    contract = "https://git.example.com/mesh/blob/main/domains/shop/contracts/sales.odcs.yaml#L3"
    assert found["mesh/contract"].value == contract
    links = found["dagster/code_references"].code_references
    assert [link.label for link in links] == ["contract", "python"]
    assert links[0].url == contract
    assert links[1].url.startswith(
        "https://git.example.com/mesh/blob/main/domains/shop/src/shop/products.py#L"
    )


def test_rules_become_checks_and_errors_block(mesh: SmallMesh) -> None:
    mesh.contract("shop/sales", SALES + "    quality: [{metric: rowCount, mustBe: 3, severity: warning}]\n")
    mesh.code("shop", "@data_product\ndef sales() -> str:\n    return 'SELECT 1'\n")
    graph = mesh.definitions("shop").get_repository_def().asset_graph
    blocking = {key.name: graph.get(key).blocking for key in graph.asset_check_keys}
    assert blocking == {
        "schema": True,
        "not_null__id": True,
        "unique__id": True,
        "not_null__amount": True,
        "range__amount": True,
        "row_count": False,
    }


def test_another_domains_product_is_shown_from_its_contract(mesh: SmallMesh) -> None:
    mesh.contract("shop/sales", DAYS)
    mesh.contract("other/totals", SALES)
    mesh.code("other", READS)
    found = spec(mesh.definitions("other"), "shop/sales")
    assert found.owners == ["team:shop-team"]
    assert "All about shop/sales." in (found.description or "")
    assert found.partitions_def is not None
    assert found.partitions_def.get_partition_keys() == ["2024-03-30", "2024-03-31", "2024-04-01"]


def test_the_last_partition_stays_the_last_partition(mesh: SmallMesh) -> None:
    mesh.contract("shop/sales", DAYS)
    mesh.contract("other/totals", SALES)
    mesh.code("other", READS.replace('"shop/sales"}', 'Input("shop/sales", partitions="last")}'))
    graph = mesh.definitions("other").get_repository_def().asset_graph
    node = graph.get(dg.AssetKey(["other", "totals"]))
    mapping = node.partition_mappings[dg.AssetKey(["shop", "sales"])]
    assert isinstance(mapping, dg.LastPartitionMapping)


@pytest.mark.parametrize("every", sorted(GRIDS))
def test_every_grid_is_one_of_dagsters(mesh: SmallMesh, every: str) -> None:
    # A Sunday, and the first of a month.
    dates = "every: {every}, start: 2024-09-01, end: 2024-12-01".replace("{every}", every)
    mesh.contract("shop/sales", DAYS.replace("every: day, start: 2024-03-30, end: 2024-04-02", dates))
    mesh.code("shop", "@data_product\ndef sales() -> str:\n    return 'SELECT 1'\n")
    assert isinstance(spec(mesh.definitions("shop"), "shop/sales").partitions_def, GRIDS[every])


def test_source_files_stand_at_the_beginning_of_lineage(mesh: SmallMesh) -> None:
    mesh.contract("shop/sales", SALES)
    mesh.code(
        "shop",
        """
        @data_product(inputs={"raw": Source("till/lines", path="lines.csv", description="From the till.")})
        def sales(raw: Table) -> str:
            return f"FROM {raw}"
        """,
    )
    definitions = mesh.definitions("shop")
    graph = definitions.get_repository_def().asset_graph
    source = dg.AssetKey(["till", "lines"])
    assert graph.get(dg.AssetKey(["shop", "sales"])).parent_keys == {source}
    assert not graph.get(source).is_materializable
    assert spec(definitions, "till/lines").description == "From the till."


def test_a_plain_asset_needs_no_contract(mesh: SmallMesh) -> None:
    mesh.contract("shop/sales", SALES)
    mesh.code(
        "shop",
        """
        from datetime import timedelta

        @data_product
        def sales() -> str:
            return "SELECT 1"

        @dg.asset(key=["shop", "scratch"], owners=owners("shop-team"), description="Notes.",
                  freshness_policy=sla(within=timedelta(days=1)), deps=[dg.AssetKey(["shop", "sales"])])
        def scratch() -> None: ...
        """,
    )
    found = spec(mesh.definitions("shop"), "shop/scratch")
    assert (found.group_name, found.owners) == ("shop", ["team:shop-team"])


def test_an_unknown_input_fails_where_it_is_named(mesh: SmallMesh) -> None:
    mesh.contract("shop/sales", SALES)
    mesh.contract("other/totals", SALES)
    path = mesh.code("other", READS.replace("shop/sales", "shop/sale"))
    with pytest.raises(DefinitionError) as error:
        mesh.definitions("other")
    (fault,) = error.value.diagnostics
    assert fault.code == "D001"
    assert fault.place is not None
    assert (fault.place.path, fault.place.line) == (path, 5)
    assert fault.fix == 'did you mean "shop/sales"?'


def test_an_unknown_column_fails_where_it_is_named(mesh: SmallMesh) -> None:
    mesh.contract("shop/sales", SALES)
    mesh.contract("other/totals", SALES)
    mesh.code("other", READS.replace('"shop/sales"', 'Input("shop/sales", columns=("amuont",))'))
    with pytest.raises(DefinitionError, match='did you mean "amount"') as error:
        mesh.definitions("other")
    assert error.value.diagnostics[0].code == "D012"


def test_all_broken_contracts_of_a_domain_are_reported_together(mesh: SmallMesh) -> None:
    for name in ("one", "two"):
        mesh.contract(f"shop/{name}", SALES.replace("required:", "requierd:"))
    mesh.code("shop", "")
    with pytest.raises(PlatformError) as error:
        mesh.definitions("shop")
    places = [fault.place.path.name for fault in error.value.diagnostics if fault.place]
    assert places == ["one.odcs.yaml", "two.odcs.yaml"]


def test_two_functions_of_one_name_are_refused(mesh: SmallMesh) -> None:
    mesh.contract("shop/sales", SALES)
    mesh.code("shop", "@data_product\ndef sales() -> str:\n    return 'SELECT 1'\n")
    mesh.code("shop", "@data_product\ndef sales() -> str:\n    return 'SELECT 2'\n", module="twice")
    with pytest.raises(DefinitionError, match="is made twice"):
        mesh.definitions("shop")


@pytest.mark.parametrize(
    ("decorator", "arguments", "words"),
    [
        ("@data_product", "lines: Table", 'takes the argument "lines", which is not a declared input'),
        ('@data_product(inputs={"line": "a/b"})', "lines: Table", 'did you mean "line"'),
        ('@data_product(inputs={"line": "a/b"})', "", 'declares the input "line"'),
    ],
)
def test_arguments_and_inputs_have_to_agree(
    mesh: SmallMesh, decorator: str, arguments: str, words: str
) -> None:
    mesh.contract("shop/sales", SALES)
    mesh.code("shop", f"{decorator}\ndef sales({arguments}) -> str:\n    return 'SELECT 1'\n")
    with pytest.raises(DefinitionError, match=words):
        mesh.definitions("shop")


def test_contracts_may_lie_in_a_registry_elsewhere(
    mesh: SmallMesh, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = mesh.contract("shop/sales", SALES)
    registry = tmp_path_factory.mktemp("registry")
    (registry / "shop").mkdir()
    contract.rename(registry / "shop" / contract.name)
    monkeypatch.setenv("MESH_CONTRACTS", str(registry))
    monkeypatch.delenv("MESH_ROOT")
    mesh.code("shop", "@data_product\ndef sales() -> str:\n    return 'SELECT 1'\n")
    assert spec(mesh.definitions("shop"), "shop/sales").owners == ["team:shop-team"]


def test_a_tag_that_dagster_has_no_letter_for_takes_no_location_down() -> None:
    place = Place(Path("x"))
    product = DataProduct(
        *("shop", "sales", Path("x"), place, "1.0.0", "active", (), ()),
        tags=("日本", "-", "customer data", "a" * 62 + "-b"),
    )
    assert tags(product) == {"mesh/domain": "shop", "customer-data": "", "a" * 62: ""}
    dg.AssetSpec("x", tags=tags(product))
