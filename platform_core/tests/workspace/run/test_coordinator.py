"""Running a mesh whose locations are real worker processes."""

import dagster as dg
import pytest
import yaml
from small_mesh import AMOUNTS, AT_SIX, DAYS, GOVERNED, KEPT, SmallMesh

from platform_core.source.workspace import read_locations
from platform_core.workspace.dagster_internals import described
from platform_core.workspace.introspection.cache import introspect
from platform_core.workspace.run.affected_partitions import assets_of
from platform_core.workspace.run.result import Checks

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
        assert {run.tags["dagster/max_retries"] for run in runs} == {"0"}
        origins = {run.remote_job_origin.location_name for run in runs if run.remote_job_origin}
        assert origins == {"shop", "staff"}
        materialized = instance.get_materialized_partitions(dg.AssetKey(["shop", "sales"]))
        assert len(materialized) == 12


def test_a_selection_runs_its_products_and_their_upstream_in_the_location(mesh: SmallMesh) -> None:
    mesh.location("shop", SHOP, "goods sales report")
    mesh.location("staff", STAFF, "people")
    result = mesh.coordinate("+staff/people")
    assert [product.product for product in result.products] == ["shop/goods", "staff/people"]
    with dg.DagsterInstance.from_config(str(mesh.root / ".mesh/dagster")) as instance:
        keys = {"/".join(key.path) for key in instance.all_asset_keys()}
    # The internal asset came along; the products that nobody asked for did not.
    assert keys == {"shop/raw", "shop/goods", "staff/people"}


@pytest.mark.full
def test_a_range_of_partitions(mesh: SmallMesh) -> None:
    mesh.location("shop", SHOP, "goods sales report")
    result = mesh.coordinate("shop/sales", partitions="2017-02-01..2017-04-01")
    assert [product.rows for product in result.products] == [3]
    result = mesh.coordinate("shop/sales", partitions="2017-11-01")
    assert [product.rows for product in result.products] == [1]
    with dg.DagsterInstance.from_config(str(mesh.root / ".mesh/dagster")) as instance:
        keys = instance.get_materialized_partitions(dg.AssetKey(["shop", "sales"]))
    assert keys == {"2017-02-01", "2017-03-01", "2017-04-01", "2017-11-01"}


LONE = """
@dg.asset(key=["lone", "thing"], deps=[{deps}])
def thing(): ...

defs = dg.Definitions(assets=[thing])
"""


def started(mesh: SmallMesh) -> set[str]:
    """The locations with a worker since the last call: each has opened its log."""
    logs = list((mesh.root / ".mesh/logs").glob("*.log"))
    for log in logs:
        log.unlink()
    return {log.stem for log in logs}


@pytest.mark.full
def test_only_locations_of_the_run_start(mesh: SmallMesh) -> None:
    mesh.location("shop", SHOP, "goods sales report")
    mesh.location("staff", STAFF, "people")
    mesh.location("lone", LONE.format(deps=""), "thing")
    mesh.location("broken", "def broken(:\n", "x")
    assert {p.product for p in mesh.coordinate("+staff/people").products} == {"shop/goods", "staff/people"}
    assert started(mesh) == {"shop", "staff"}
    # Now that it reads, its facts are stale, and no product may be missed because of that.
    mesh.location("lone", LONE.format(deps='["staff", "people"]'), "thing")
    workspace = mesh.root / "workspace.yaml"
    entries = yaml.safe_load(workspace.read_text())["load_from"]
    workspace.write_text(yaml.safe_dump({"load_from": entries[:4]}))
    result = mesh.coordinate("staff/people+")
    assert {p.product: p.status for p in result.products} == {
        "staff/people": "ok",
        "shop/report": "ok",
        "lone/thing": "ok",
    }
    assert started(mesh) == {"shop", "staff", "lone"}
    assert mesh.coordinate("lone/thing").ok
    assert started(mesh) == {"lone"}


@pytest.mark.full
def test_downstream_products_that_cannot_be_made_are_reported(mesh: SmallMesh) -> None:
    for domain in ("shop", "other"):
        mesh.location(domain)
    promise = AT_SIX + KEPT
    roles = "[{role: 'domain:other', access: read}]"
    contract = mesh.contract("other/copy", GOVERNED, promise=promise)
    for product in ("shop/sales", "other/again"):
        mesh.contract(product, GOVERNED, promise=promise, roles=roles)
    mesh.code("shop", "@data_product\ndef sales() -> str:\n    return 'SELECT 1 AS id, 1.5 AS amount'\n")
    copies = """
        @data_product(inputs={"sales": "shop/sales"})
        def copy(sales: Table) -> str:
            return f"FROM {sales}"

        @data_product(inputs={"copies": "other/copy"})
        def again(copies: Table) -> str:
            return f"FROM {copies}"
        """
    mesh.code("other", copies)
    assert mesh.coordinate("shop/sales+").ok
    text = contract.read_text()
    contract.write_text(text.replace("classification", "clasification"))
    left_out = {p.product: p for p in mesh.coordinate("shop/sales+").products}
    contract.write_text(text)
    mesh.write("domains/other/src/other/products.py", "def broken(:\n")
    broken = {p.product: p for p in mesh.coordinate("shop/sales+").products}

    for found in (left_out, broken):
        assert {name: each.status == "ok" for name, each in found.items()} == {
            "shop/sales": True,
            "other/copy": False,
            "other/again": False,
        }
    assert "clasification" in str(left_out["other/copy"].error)
    assert "R001" in str(broken["other/copy"].error)


@pytest.mark.full
def test_an_idle_worker_makes_room_and_restarts(mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform_core.workspace.run.worker_slot.MOST", 1)
    mesh.location("shop", SHOP, "goods sales report")
    mesh.location("staff", STAFF, "people")
    result = mesh.coordinate("shop", "staff", partitions="all")
    assert result.ok
    assert {p.product for p in result.products} == {"shop/goods", "shop/report", "shop/sales", "staff/people"}


def test_facts_and_workers_report_the_same_assets(mesh: SmallMesh) -> None:
    mesh.contract("shop/sales", DAYS)
    mesh.contract("shop/days", DAYS)
    mesh.contract("shop/last", AMOUNTS)
    reference = "[{to: shop/last.odcs.yaml#/schema/last/properties/id}]"
    mesh.contract("shop/checked", AMOUNTS.replace("primaryKey: true", f"relationships: {reference}"))
    mesh.code(
        "shop",
        """
        @data_product()
        def sales() -> str: ...

        @data_product(inputs={"sales": Input("shop/sales", partitions="all")})
        def days(sales: Table) -> str: ...

        @data_product(inputs={"sales": Input("shop/sales", partitions="last")})
        def last(sales: Table) -> str: ...

        @data_product(inputs={"days": "shop/days"})
        def checked(days: Table) -> str: ...

        @dg.asset(key=["shop", "plain"], deps=[["shop", "checked"]])
        def plain(): ...
        """,
    )
    mesh.location("shop")
    (facts,) = introspect(mesh.root, read_locations(mesh.root))
    told = described(mesh.definitions("shop").get_repository_def())
    assert [each.key for each in assets_of(facts)] == [each.key for each in told]
    for ours, theirs in zip(assets_of(facts), told, strict=True):
        assert (ours.upstream, ours.checked_against) == (theirs.upstream, theirs.checked_against)
        assert (ours.last_of, ours.reads) == (theirs.last_of, theirs.reads)
        assert theirs.partitions is None or ours.all_of == theirs.all_of
    assert {each.checked_against for each in told} == {(), ("shop/last",)}
    assert (
        {each.last_of for each in told} == {each.all_of for each in assets_of(facts)} == {(), ("shop/sales",)}
    )
