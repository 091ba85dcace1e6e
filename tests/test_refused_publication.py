"""Data that breaks its contract is never published: in every domain, by functions and by dbt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from mesh_command import Answer, Mesh
from mesh_copy import copy_mesh
from mesh_records import check_metadata, checks, materializations, runs_of

from platform_core.lake.versions import Version

CONTENT = """
    SELECT 'sales/stores' AS product, count(*) AS rows, sum(household_count) AS total FROM sales.stores
    UNION ALL SELECT 'sales/products', count(*), max(product_id) FROM sales.products
    UNION ALL SELECT 'sales/store_performance', count(*), sum(employee_count) FROM sales.store_performance
    UNION ALL SELECT 'marketing/campaigns', count(*), sum(year(ends_on)) FROM marketing.campaigns
    UNION ALL SELECT 'marketing/household_segments', count(*), sum(recency_days)
    FROM marketing.household_segments
    UNION ALL SELECT 'central_data_platform/data_product_catalog', count(*), sum(column_count)
    FROM central_data_platform.data_product_catalog
    ORDER BY product
"""
REFUSED = [
    "central_data_platform/data_product_catalog",
    "hr/store_staffing",
    "marketing/campaigns",
    "marketing/household_segments",
    "sales/products",
    "sales/store_performance",
    "sales/stores",
]
Content = list[dict[str, Any]]


@dataclass(frozen=True)
class Refused:
    """A run over a spoilt copy of the mesh, on the state of the good one."""

    mesh: Mesh
    answer: Answer
    before: dict[str, Version]
    materialized_before: dict[str, int]

    def failed_checks(self, product: str) -> dict[str, dg.AssetCheckEvaluation]:
        """Checks that failed with severity error in the run that made, or did not make, a product."""
        with self.mesh.instance() as instance:
            run = runs_of(instance, product)[0]
            assert run.status == dg.DagsterRunStatus.FAILURE
            results = checks(instance, product, run.run_id)
        return {
            name: result
            for name, result in results.items()
            if not result.passed and result.severity == dg.AssetCheckSeverity.ERROR
        }

    def assert_nothing_happened_to(self, products: list[str]) -> None:
        after = self.mesh.published()
        with self.mesh.instance() as instance:
            for product in products:
                assert after[product] == self.before[product]
                assert len(materializations(instance, product)) == self.materialized_before[product]


def run_spoilt(mesh: Mesh, root: Path, *words: str) -> Refused:
    before = mesh.published()
    with mesh.instance() as instance:
        counts = {product: len(materializations(instance, product)) for product in before}
    return Refused(mesh, Mesh(root, mesh.home).run(*words), before, counts)


@pytest.fixture(scope="module")
def content(mesh: Mesh) -> Content:
    """The rows that readers see before anything is refused."""
    return mesh.query(CONTENT)


@pytest.fixture(scope="module")
def refused(mesh: Mesh, content: Content, tmp_path_factory: pytest.TempPathFactory) -> Refused:
    copy = copy_mesh(tmp_path_factory.mktemp("spoilt") / "mesh")
    # Worse data: a store that nobody visited.
    copy.edit(
        "domains/sales/src/sales/stores.py",
        "\n    return stores\n",
        '\n    stores.loc[0, "household_count"] = 0\n    return stores\n',
    )
    # A stricter contract.
    copy.edit(
        "domains/central_data_platform/contracts/data_product_catalog.odcs.yaml",
        "{metric: rowCount, mustBeGreaterThan: 0}",
        "{metric: rowCount, mustBeGreaterThan: 31}",
    )
    # An extra column, a missing column, a column of a wrong type.
    copy.edit(
        "domains/sales/src/sales/products.py",
        "product_type, package_size\n",
        "product_type, package_size, 1 AS shelf\n",
    )
    copy.edit("domains/marketing/src/marketing/products.py", "            end_date::DATE AS ends_on,\n", "")
    copy.edit(
        "domains/marketing/src/marketing/segments.py",
        ').sort("household_id")',
        ').sort("household_id").with_columns(pl.col("recency_days").cast(pl.String))',
    )
    return run_spoilt(mesh, copy.root, "hr/employees", *REFUSED)


@pytest.fixture(scope="module")
def refused_model(mesh: Mesh, refused: Refused, tmp_path_factory: pytest.TempPathFactory) -> Refused:
    """A dbt model with one employee too many in every store, and a missing source file."""
    copy = copy_mesh(tmp_path_factory.mktemp("spoilt_model") / "mesh")
    copy.edit(
        "dbt_projects/sales/models/store_performance.sql",
        "coalesce(staff.employee_count, 0) as employee_count",
        "coalesce(staff.employee_count, 0) + 1 as employee_count",
    )
    copy.edit("domains/sales/src/sales/sources.py", "data/products.parquet", "data/gone.parquet")
    return run_spoilt(mesh, copy.root, "sales/store_performance", "sales/products")


@pytest.fixture(scope="module")
def refused_month(mesh: Mesh, refused_model: Refused, tmp_path_factory: pytest.TempPathFactory) -> Refused:
    copy = copy_mesh(tmp_path_factory.mktemp("spoilt_month") / "mesh")
    copy.edit(
        "domains/sales/src/sales/products.py",
        "product_id, quantity,",
        "product_id, quantity - 1 AS quantity,",
    )
    return run_spoilt(mesh, copy.root, "sales/transactions", "--partitions", "2017-03-01")


def test_the_run_fails_and_makes_all_unaffected_products(refused: Refused) -> None:
    assert refused.answer.code == 1
    assert refused.answer.statuses() == {
        "central_data_platform/data_product_catalog": "failed",
        "hr/employees": "ok",
        "hr/store_staffing": "skipped",
        "marketing/campaigns": "failed",
        "marketing/household_segments": "failed",
        "sales/products": "failed",
        "sales/store_performance": "skipped",
        "sales/stores": "failed",
    }


def test_consumers_in_other_domains_are_skipped_with_the_reason(refused: Refused) -> None:
    products = refused.answer.products()

    assert products["hr/store_staffing"]["error"] == "not made, because sales/stores failed"
    # It reads the stores itself, and the staffing that was not made either; one of them is named.
    assert products["sales/store_performance"]["error"] in (
        "not made, because sales/stores failed",
        "not made, because hr/store_staffing was not made either",
    )


@pytest.mark.parametrize(
    ("product", "check", "code", "said"),
    [
        ("sales/stores", "range__household_count", "Q005", "1 of 457 rows"),
        ("central_data_platform/data_product_catalog", "row_count", "Q008", "31"),
        ("sales/products", "schema", "Q001", "shelf"),
        ("marketing/campaigns", "schema", "Q001", "ends_on"),
        ("marketing/household_segments", "schema", "Q001", "recency_days"),
    ],
)
def test_the_failed_check_is_recorded_and_explained(
    refused: Refused, product: str, check: str, code: str, said: str
) -> None:
    entry = refused.answer.products()[product]
    failed = refused.failed_checks(product)

    assert f"error[{code}]: {product} breaks its contract, check {check}: " in entry["error"]
    assert said in entry["error"]
    assert ".odcs.yaml:" in entry["error"]
    assert entry["checks"]["failed"] >= 1
    assert check in failed
    assert check_metadata(failed[check])["severity"] == "error"


def test_a_failed_check_shows_the_keys_of_the_rows_that_break_it(refused: Refused) -> None:
    result = refused.failed_checks("sales/stores")["range__household_count"]

    [row] = check_metadata(result)["sample"]
    assert row.data["household_count"] == 0
    assert row.data["store_id"] >= 1


def test_no_event_reports_a_materialization(refused: Refused) -> None:
    refused.assert_nothing_happened_to(REFUSED)


def test_readers_keep_the_last_good_version(refused: Refused, content: Content) -> None:
    assert refused.answer.code == 1
    assert refused.mesh.query(CONTENT) == content


def test_a_dbt_model_is_refused_in_the_same_way(refused_model: Refused, content: Content) -> None:
    product = "sales/store_performance"
    entry = refused_model.answer.products()[product]

    assert refused_model.answer.code == 1
    assert entry["status"] == "failed"
    assert "error[Q011]" in entry["error"]
    assert "check employees_of_all_stores" in entry["error"]
    assert "employees_of_all_stores" in refused_model.failed_checks(product)
    refused_model.assert_nothing_happened_to([product])
    # The table that dbt builds into holds the bad rows by now, and no reader sees them.
    assert refused_model.mesh.query(CONTENT) == content


def test_a_missing_source_file_is_named(refused_model: Refused) -> None:
    entry = refused_model.answer.products()["sales/products"]

    assert entry["status"] == "failed"
    assert "error[S002]: the file of the source completejourney/products is missing" in entry["error"]
    assert "gone.parquet" in entry["error"]
    refused_model.assert_nothing_happened_to(["sales/products"])


def test_a_month_is_refused_without_losing_the_year(refused_month: Refused) -> None:
    product = "sales/transactions"
    [year] = refused_month.mesh.query(
        "SELECT count(*) AS lines, min(quantity) AS least FROM sales.transactions"
    )

    assert refused_month.answer.statuses() == {product: "failed"}
    assert "range__quantity" in refused_month.failed_checks(product)
    refused_month.assert_nothing_happened_to([product])
    assert year == {"lines": 1_469_307, "least": 0}


def test_the_good_mesh_runs_on_as_if_nothing_had_been(refused_month: Refused) -> None:
    answer = refused_month.mesh.run("sales/products")

    assert refused_month.answer.code == 1
    assert answer.code == 0, answer.out
