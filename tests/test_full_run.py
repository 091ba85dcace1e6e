"""`mesh run` over the whole mesh, on all of the real data."""

from mesh_command import Answer, Mesh

ROWS = {
    "central_data_platform/data_product_catalog": 31,
    # Nothing was promised yesterday, and no incident is over.
    "central_data_platform/incidents": 0,
    "central_data_platform/mesh_costs": 31,
    "central_data_platform/service_levels": 0,
    "central_data_platform/slo_ledger": 0,
    "hr/attrition_by_department": 9,
    "hr/employees": 1_470,
    "hr/headcount_extract": 11,
    "hr/sales_commissions": 4_171,
    "hr/store_staffing": 1_233,
    "hr/workforce_profiles": 1_348,
    "marketing/campaign_attribution": 200_773,
    "marketing/campaign_targets": 6_589,
    "marketing/campaigns": 27,
    "marketing/coupon_redemptions": 2_102,
    "marketing/coupons": 111_332,
    "marketing/household_profiles": 801,
    "marketing/household_segments": 2_469,
    "marketing/households": 801,
    "marketing/promotions": 20_940_529,
    "marketing/redemption_propensity": 2_421,
    "sales/household_baskets": 155_848,
    "sales/net_sales_by_department": 23_134,
    "sales/products": 92_331,
    "sales/promoted_sales": 120_991,
    "sales/redeemed_baskets": 2_694,
    "sales/store_performance": 457,
    "sales/stores": 457,
    "sales/transactions": 1_469_307,
}
TOLD = ("central_data_platform/governance_scorecard", "central_data_platform/data_product_usage")
"""What they say depends on what the mesh has done so far."""

WARNINGS = {
    "marketing/campaign_targets": 1,
    "marketing/coupons": 1,
    "sales/net_sales_by_department": 2,
    "sales/transactions": 2,
}


def test_it_prints_one_document_with_exactly_the_promised_keys(full_run: Answer) -> None:
    document = full_run.document()

    told = {"format", "version", "products", "faults", "seconds", "interrupted", "unloaded", "diagnostics"}
    assert set(document) == told
    assert (document["format"], document["version"]) == ("platform-core/run", 1)
    assert (document["faults"], document["diagnostics"]) == ([], [])
    assert document["interrupted"] is False
    for entry in document["products"]:
        told = {"product", "location", "partitions", "status", "rows", "seconds", "checks", "error"}
        assert set(entry) == told
        assert set(entry["checks"]) == {"passed", "warned", "failed"}
        assert entry["location"] == entry["product"].split("/")[0]
        assert entry["seconds"] > 0


def test_every_product_is_made_with_the_rows_that_the_data_has(full_run: Answer) -> None:
    products = full_run.products()
    scorecard, usage = (products.pop(name) for name in TOLD)
    # A row for each policy of every product, and one for each product and reader.
    assert scorecard["rows"] > 20 * len(ROWS)
    assert usage["rows"] >= len(ROWS)

    assert {name: entry["rows"] for name, entry in products.items()} == ROWS
    assert {entry["status"] for entry in full_run.products().values()} == {"ok"}
    assert {entry["error"] for entry in full_run.products().values()} == {None}
    assert full_run.code == 0


def test_only_the_warnings_that_are_true_of_the_data_fail(full_run: Answer) -> None:
    checks = {name: entry["checks"] for name, entry in full_run.products().items()}

    assert {name: counts["warned"] for name, counts in checks.items() if counts["warned"]} == WARNINGS
    assert all(counts["failed"] == 0 for counts in checks.values())
    assert all(counts["passed"] >= 10 for counts in checks.values())


def test_the_ledger_has_the_known_figures(mesh: Mesh) -> None:
    [figures] = mesh.query("""
        SELECT
            count(*) AS lines,
            sum(sales_value) AS sales_value,
            count(DISTINCT store_id) AS stores,
            count(*) FILTER (WHERE quantity <= 0) AS without_quantity,
            count(DISTINCT date_trunc('month',
                timezone('America/New_York', timezone('UTC', transaction_timestamp)))) AS months,
            count(DISTINCT (basket_id, product_id)) AS keys,
            count(*) FILTER (WHERE product_id NOT IN (SELECT product_id FROM sales.products)) AS orphans
        FROM sales.transactions
    """)

    assert figures == {
        "lines": 1_469_307,
        "sales_value": 4_596_039.58,
        "stores": 457,
        "without_quantity": 8_869,
        "months": 12,
        "keys": 1_469_307,
        "orphans": 4_836,
    }


def test_other_domains_agree_with_the_ledger(mesh: Mesh) -> None:
    [figures] = mesh.query("""
        SELECT
            (SELECT sum(sales_value) FROM sales.store_performance) AS of_stores,
            (SELECT sum(basket_value) FROM sales.household_baskets) AS of_baskets,
            (SELECT sum(sales_value) FROM marketing.household_segments) AS of_households,
            (SELECT sum(employee_count) FROM sales.store_performance) AS staff
    """)

    assert figures == {
        "of_stores": 4_596_039.58,
        "of_baskets": 4_596_039.58,
        "of_households": 4_596_039.58,
        "staff": 1_233,
    }


def test_all_promotions_are_there(mesh: Mesh) -> None:
    [figures] = mesh.query("SELECT count(*) AS placements FROM marketing.promotions")

    assert figures == {"placements": 20_940_529}


def test_the_lake_remembers_the_run_of_each_version(mesh: Mesh) -> None:
    published = mesh.published()
    assert set(published) == {*ROWS, *TOLD}
    with mesh.instance() as instance:
        for product, rows in ROWS.items():
            newest = published[product]
            run = instance.get_run_by_id(newest.run_id)

            assert newest.rows == rows
            assert bool(newest.bytes) == bool(rows)
            assert run is not None, product
            assert run.is_success
