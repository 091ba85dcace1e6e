"""The metadata of publications and checks in the Dagster instance."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import yaml
from mesh_command import ROOT, Mesh
from mesh_records import check_metadata, checks, columns, materializations, metadata

READ = {
    "sales/stores": {"sales/transactions"},
    "sales/store_performance": {"hr/store_staffing", "sales/stores", "sales/transactions"},
    "marketing/campaigns": set[str](),
}
RESTRICTED = ("hr/employees", "hr/sales_commissions", "marketing/households")
DISCREET = (
    *RESTRICTED,
    "hr/store_staffing",
    "hr/workforce_profiles",
    "marketing/campaign_targets",
    "marketing/household_profiles",
)
"""Restricted, or made of or checked against what is, and not disclosed as hr/attrition_by_department is."""
SHOP = ZoneInfo("America/New_York")
MONTHS = [f"2017-{month:02}-01" for month in range(1, 13)]


def test_a_materialization_has_rows_bytes_version_and_seconds(mesh: Mesh) -> None:
    with mesh.instance() as instance:
        for product, newest in mesh.published().items():
            seen = metadata(instance, product)

            assert seen["dagster/row_count"] == newest.rows
            assert seen["mesh/version"] == newest.version
            assert seen["mesh/bytes"] == newest.bytes
            assert seen["mesh/seconds"] > 0
            shown = 0 if product in DISCREET else min(5, newest.rows or 0)
            assert len(seen.get("mesh/preview", [])) == shown


def test_a_materialization_has_the_versions_of_its_inputs(mesh: Mesh) -> None:
    versions = {
        product: {version.version for version in published} for product, published in mesh.versions().items()
    }
    with mesh.instance() as instance:
        # A function that returns SQL, a dbt model, and what reads nothing but a file.
        for product, inputs in READ.items():
            seen = metadata(instance, product)

            assert set(seen["mesh/inputs"]) == inputs
            assert all(version in versions[name] for name, version in seen["mesh/inputs"].items())
            assert (seen["mesh/bytes_read"] > 0) is bool(inputs)


def test_no_preview_and_no_sample_shows_a_personal_column(mesh: Mesh) -> None:
    shown: dict[str, set[str]] = {}
    with mesh.instance() as instance:
        for contract in sorted(ROOT.glob("domains/*/contracts/*.odcs.yaml")):
            product = yaml.safe_load(contract.read_text())["id"]
            seen = columns(metadata(instance, product).get("mesh/preview", []))
            run = materializations(instance, product)[0].run_id
            for result in checks(instance, product, run).values():
                seen |= columns(check_metadata(result).get("sample", []))

            assert not seen & _personal(contract), product
            shown[product] = seen

    assert shown["hr/employees"] == set()
    assert shown["hr/store_staffing"] == set()
    assert {"department", "job_role", "employee_count"} <= shown["hr/attrition_by_department"]


def test_the_ledger_is_materialized_for_each_of_its_twelve_months(mesh: Mesh) -> None:
    with mesh.instance() as instance:
        keys = instance.get_materialized_partitions(dg.AssetKey(["sales", "transactions"]))

    assert sorted(keys) == MONTHS


def test_each_month_of_the_ledger_has_its_own_rows_range_and_preview(mesh: Mesh) -> None:
    month = "date_trunc('month', timezone('America/New_York', timezone('UTC', transaction_timestamp)))::DATE"
    found = mesh.query(
        f"SELECT {month}::VARCHAR AS month, count(*) AS rows FROM sales.transactions GROUP BY ALL"
    )
    rows = {row["month"]: row["rows"] for row in found}
    with mesh.instance() as instance:
        records = [
            record.asset_materialization for record in materializations(instance, "sales/transactions")
        ]
        events = {event.partition: event for event in records if event is not None}

    assert sorted(events) == MONTHS
    for key, event in events.items():
        said = {name: value.value for name, value in event.metadata.items()}
        assert (said["dagster/partition_row_count"], said["mesh/partition"]) == (rows[key], key)
        assert said["mesh/range"].startswith(f"{key} 00:00 to 201")
        assert said["mesh/range"].endswith("-01 00:00 America/New_York")
        preview = event.metadata["mesh/preview"]
        assert isinstance(preview, dg.TableMetadataValue)
        moments = [str(record.data["transaction_timestamp"]) for record in preview.records]
        local = [datetime.fromisoformat(at).replace(tzinfo=UTC).astimezone(SHOP) for at in moments]
        assert [f"{at:%Y-%m-01}" for at in local] == [key] * 5


def test_orphans_are_a_warning_that_failed_and_shows_ten_keys(mesh: Mesh) -> None:
    with mesh.instance() as instance:
        run = mesh.versions()["sales/transactions"][-1].run_id
        results = checks(instance, "sales/transactions", run)

    failed = {name: result for name, result in results.items() if not result.passed}
    violations = {name: check_metadata(result)["violations"] for name, result in failed.items()}
    assert violations == {"references__product_id": 4_836, "quantity_positive": 8_869}
    for result in failed.values():
        seen = check_metadata(result)
        assert result.severity == dg.AssetCheckSeverity.WARN
        assert seen["seconds"] >= 0
        assert len(seen["sample"]) == 10
        assert {"basket_id", "product_id"} <= columns(seen["sample"])


def test_every_kind_of_check_reports_its_duration(mesh: Mesh) -> None:
    with mesh.instance() as instance:
        run = materializations(instance, "sales/store_performance")[0].run_id
        results = checks(instance, "sales/store_performance", run)

    assert {"schema", "row_count", "unique__store_id", "references__store_id"} <= set(results)
    assert all("seconds" in check_metadata(result) for result in results.values())
    assert all(result.passed for result in results.values())


def test_runs_show_their_location(mesh: Mesh) -> None:
    with mesh.instance() as instance:
        for product in ("sales/stores", "hr/store_staffing", "marketing/campaigns"):
            run = instance.get_run_by_id(materializations(instance, product)[0].run_id)

            assert run is not None
            assert run.tags["dagster/code_location"] == product.split("/")[0]


def _personal(contract: Path) -> set[str]:
    document: dict[str, Any] = yaml.safe_load(contract.read_text())
    properties = document["schema"][0]["properties"]
    return {entry["name"] for entry in properties if "personal" in entry.get("tags", ())}
