"""Running a mesh whose locations are real worker processes."""

import dagster as dg
from small_mesh import SmallMesh

from platform_core.workspace.result import Checks

SHOP = """
months = dg.MonthlyPartitionsDefinition(start_date="2017-01-01", end_date="2018-01-01")

@dg.asset(key=["shop", "raw"])
def raw(): ...

specs = [dg.AssetCheckSpec(name, asset=["shop", "goods"]) for name in ("full", "fresh", "small")]

@dg.asset(key=["shop", "goods"], deps=[raw], check_specs=specs)
def goods():
    print("noise of the domain")
    yield dg.MaterializeResult(
        metadata={"dagster/row_count": 7},
        check_results=[
            dg.AssetCheckResult(passed=True, check_name="full"),
            dg.AssetCheckResult(passed=True, check_name="fresh", severity=dg.AssetCheckSeverity.WARN),
            dg.AssetCheckResult(passed=False, check_name="small", severity=dg.AssetCheckSeverity.WARN),
        ],
    )

once = dg.BackfillPolicy.single_run()

@dg.asset(key=["shop", "sales"], deps=[goods], partitions_def=months, backfill_policy=once)
def sales(context: dg.AssetExecutionContext):
    keys = context.partition_keys
    return dg.MaterializeResult(metadata={"dagster/row_count": len(keys)})

@dg.asset(key=["shop", "report"], deps=[sales, ["staff", "people"]])
def report(): ...

defs = dg.Definitions(assets=[raw, goods, sales, report, dg.AssetSpec(["staff", "people"])])
"""

STAFF = """
@dg.asset(key=["staff", "people"], deps=[["shop", "goods"]])
def people(): ...

defs = dg.Definitions(assets=[people, dg.AssetSpec(["shop", "goods"])])
"""


def test_everything_is_made_in_order_over_two_locations(mesh: SmallMesh) -> None:
    mesh.location("shop", SHOP, "goods sales report")
    mesh.location("staff", STAFF, "people")
    result = mesh.coordinate()
    assert {product.product: product.status for product in result.products} == {
        "shop/goods": "ok",
        "shop/report": "ok",
        "shop/sales": "ok",
        "staff/people": "ok",
    }
    assert result.ok
    assert result.faults == ()
    made = mesh.watcher.order_of("ok")
    assert made.index("shop/goods") < made.index("staff/people") < made.index("shop/report")
    goods = next(product for product in result.products if product.product == "shop/goods")
    assert (goods.rows, goods.checks) == (7, Checks(passed=2, warned=1))
    sales = next(product for product in result.products if product.product == "shop/sales")
    assert sales.rows == 12
    # What the domain prints is kept with the run, and never meets the worker's messages.
    printed = [path.read_text() for path in (mesh.root / ".mesh/dagster/storage").rglob("*.out")]
    assert any("noise of the domain" in text for text in printed)

    with dg.DagsterInstance.from_config(str(mesh.root / ".mesh/dagster")) as instance:
        runs = instance.get_runs()
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
        origins = {run.remote_job_origin.location_name for run in runs if run.remote_job_origin}
        assert origins == {"shop", "staff"}
        materialized = instance.get_materialized_partitions(dg.AssetKey(["shop", "sales"]))
        assert len(materialized) == 12


def test_a_selection_runs_its_products_and_what_feeds_them_inside_the_location(mesh: SmallMesh) -> None:
    mesh.location("shop", SHOP, "goods sales report")
    mesh.location("staff", STAFF, "people")
    result = mesh.coordinate("+staff/people")
    assert [product.product for product in result.products] == ["shop/goods", "staff/people"]
    with dg.DagsterInstance.from_config(str(mesh.root / ".mesh/dagster")) as instance:
        keys = {"/".join(key.path) for key in instance.all_asset_keys()}
    # The internal asset came along; the products that nobody asked for did not.
    assert keys == {"shop/raw", "shop/goods", "staff/people"}


def test_a_range_of_partitions(mesh: SmallMesh) -> None:
    mesh.location("shop", SHOP, "goods sales report")
    result = mesh.coordinate("shop/sales", partitions="2017-02-01..2017-04-01")
    assert [product.rows for product in result.products] == [3]
    result = mesh.coordinate("shop/sales", partitions="2017-11-01")
    assert [product.rows for product in result.products] == [1]
    with dg.DagsterInstance.from_config(str(mesh.root / ".mesh/dagster")) as instance:
        keys = instance.get_materialized_partitions(dg.AssetKey(["shop", "sales"]))
    assert keys == {"2017-02-01", "2017-03-01", "2017-04-01", "2017-11-01"}
