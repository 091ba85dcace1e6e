"""Running a product: written, audited and published, or refused with nothing changed."""

from __future__ import annotations

import re

import dagster as dg
import pytest
from small_mesh import DAYS, SALES, SmallMesh

GOOD = "SELECT 1::BIGINT AS id, 2.5::DOUBLE AS amount, 'Ada' AS who"
OPEN = SALES.replace("tags: [personal], ", "")
"""Of which everything may be told."""
KEY = dg.AssetKey(["shop", "sales"])


def returning(mesh: SmallMesh, expression: str, imports: str = "") -> None:
    mesh.contract("shop/sales", SALES)
    mesh.code("shop", f"{imports}\n@data_product\ndef sales():\n    return {expression}\n")


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data
    assert data.user_failure_data is not None, data.error
    return str(data.user_failure_data.description)


@pytest.mark.parametrize(
    ("expression", "imports"),
    [
        (repr(GOOD), ""),
        ("pa.table({'id': [1], 'amount': [2.5], 'who': ['Ada']})", "import pyarrow as pa"),
    ],
    ids=["sql", "arrow"],
)
def test_the_result_of_a_function_is_published(
    mesh: SmallMesh, instance: dg.DagsterInstance, expression: str, imports: str
) -> None:
    returning(mesh, expression, imports)
    assert mesh.run("shop", "shop/sales", instance).success
    assert mesh.read("FROM shop.products.sales") == [(1, 2.5, "Ada")]


def test_a_relation_over_an_input_is_published(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    returning(mesh, repr(GOOD))
    mesh.contract("other/copy", SALES)
    mesh.code(
        "other",
        """
        @data_product(inputs={"sales": Input("shop/sales", columns=("id", "amount"))})
        def copy(sales: Table):
            return sales.relation().project("id, amount * 2 AS amount, NULL::VARCHAR AS who")
        """,
    )
    assert mesh.run("shop", "shop/sales", instance).success
    assert mesh.run("other", "other/copy", instance).success
    assert mesh.read("FROM other.products.copy", "other") == [(1, 5.0, None)]


def test_the_materialization_describes_the_published_version(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    returning(mesh, repr(GOOD))
    result = mesh.run("shop", "shop/sales", instance)
    event = instance.get_latest_materialization_event(KEY)
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["dagster/row_count"].value == 1
    assert metadata["mesh/bytes"].value > 0
    assert metadata["mesh/checks_warned"].value == 0
    assert metadata["mesh/version"].value == mesh.read("SELECT max(snapshot_id) FROM shop.snapshots()")[0][0]
    # Personal columns are in no preview.
    assert [dict(record.data) for record in metadata["mesh/preview"].records] == [{"id": 1, "amount": 2.5}]
    stamped = mesh.read("SELECT commit_message FROM shop.snapshots() ORDER BY snapshot_id DESC LIMIT 1")
    assert stamped == [(f"run {result.run_id}",)]


def test_a_version_that_breaks_its_contract_is_never_published(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    returning(mesh, repr(GOOD))
    assert mesh.run("shop", "shop/sales", instance).success
    before = instance.get_latest_materialization_event(KEY)
    returning(mesh, repr(GOOD.replace("2.5", "-2.5")))
    result = mesh.run("shop", "shop/sales", instance)
    assert not result.success
    assert "breaks its contract, check range__amount" in failure(result)
    assert "sales.odcs.yaml:" in failure(result)
    assert "Ada" not in failure(result)
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["range__amount"].passed
    assert checks["range__amount"].metadata["violations"].value == 1
    assert checks["range__amount"].metadata["sample"].records[0].data == {"id": 1, "amount": -2.5}
    assert checks["not_null__amount"].passed
    assert instance.get_latest_materialization_event(KEY) == before
    assert mesh.read("SELECT amount FROM shop.products.sales") == [(2.5,)]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("'SELECT 1::BIGINT AS id, 2.5::DOUBLE AS amount'", '"who" is missing'),
        (repr(f"{GOOD}, 1 AS extra"), '"extra"'),
        (repr(GOOD.replace("2.5::DOUBLE", "'2.5'")), '"amount"'),
        ("'DROP TABLE x'", "is not one query"),
        ("'SELECT 1; SELECT 2'", "is not one query"),
        ("'SELECT nothing FROM nowhere'", "nowhere"),
        ("'SELEC 1'", "does not parse"),
        ("[1, 2]", "returned a builtins.list"),
        ("None", "returned nothing"),
    ],
)
def test_a_result_that_does_not_fit_is_one_clear_message(
    mesh: SmallMesh, instance: dg.DagsterInstance, expression: str, words: str
) -> None:
    returning(mesh, expression)
    mesh.contract("shop/sales", OPEN)
    result = mesh.run("shop", "shop/sales", instance)
    assert not result.success
    assert words in failure(result)
    assert "Traceback" not in failure(result)
    assert result.get_asset_materialization_events() == []


def partitioned(mesh: SmallMesh, amount: str = "1") -> None:
    (mesh.root / "lines.csv").write_text(
        "sold,amount\n2024-03-29 23:00:00,1\n2024-03-30 12:00:00,2\n2024-03-30 23:00:00,4\n"
        "2024-03-31 21:59:59,8\n2024-03-31 22:00:00,16\n2024-04-01 21:59:59,32\n2024-04-01 22:00:00,64\n"
    )
    mesh.contract("shop/sales", DAYS)
    path = str(mesh.root / "lines.csv")
    mesh.code(
        "shop",
        f"""
        @data_product(inputs={{"raw": Source("till/lines", path={path!r}, time_column="sold")}})
        def sales(raw: Table) -> str:
            return f"SELECT sold, amount * {amount} AS amount FROM {{raw}}"
        """,
    )


def test_a_run_over_all_partitions_is_one_version(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    partitioned(mesh)
    assert mesh.run("shop", "shop/sales", instance, ("2024-03-30", "2024-04-01")).success
    # The day before and the day after the grid are another's; days are Berlin's, also the short one.
    assert mesh.read("SELECT sum(amount) FROM shop.products.sales") == [(63,)]
    assert instance.get_materialized_partitions(KEY) == {"2024-03-30", "2024-03-31", "2024-04-01"}


def test_one_partition_replaces_its_window_alone(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    partitioned(mesh)
    assert mesh.run("shop", "shop/sales", instance, ("2024-03-30", "2024-04-01")).success
    partitioned(mesh, amount="10")
    assert not mesh.run("shop", "shop/sales", instance, "2024-04-01").success
    partitioned(mesh, amount="2")
    assert mesh.run("shop", "shop/sales", instance, "2024-04-01").success
    assert mesh.read("SELECT sum(amount) FROM shop.products.sales") == [(1 + 2 + 4 + 8 + 2 * (16 + 32),)]


def test_the_refusal_of_a_consumer_without_a_grant_names_the_owner(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    contract = mesh.contract("shop/sales", SALES)
    contract.write_text(contract.read_text().replace("domain:other", "domain:third"))
    mesh.code("shop", f"@data_product\ndef sales():\n    return {GOOD!r}\n")
    mesh.contract("other/copy", SALES)
    mesh.code(
        "other",
        """
        @data_product(inputs={"sales": "shop/sales"})
        def copy(sales: Table):
            return f"FROM {sales}"
        """,
    )
    assert mesh.run("shop", "shop/sales", instance).success
    message = failure(mesh.run("other", "other/copy", instance))
    assert "A001" in message
    assert "shop@example.com" in message


def test_the_message_about_an_unpublished_input_names_the_run(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    mesh.contract("shop/sales", SALES)
    mesh.contract("other/copy", SALES)
    mesh.code(
        "other",
        """
        @data_product(inputs={"sales": "shop/sales"})
        def copy(sales: Table):
            return f"FROM {sales}"
        """,
    )
    assert "mesh run shop/sales" in failure(mesh.run("other", "other/copy", instance))


def test_a_data_frame_needs_declared_columns(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    returning(mesh, repr(GOOD))
    mesh.contract("other/copy", SALES)
    mesh.code(
        "other",
        """
        @data_product(inputs={"sales": "shop/sales"})
        def copy(sales: Table):
            return sales.arrow()
        """,
    )
    assert mesh.run("shop", "shop/sales", instance).success
    message = failure(mesh.run("other", "other/copy", instance))
    assert 'Input("shop/sales", columns=' in message


def test_declared_columns_are_all_that_is_seen(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    returning(mesh, repr(GOOD))
    mesh.contract("shop/sales", OPEN)
    mesh.contract("other/copy", OPEN)
    mesh.code(
        "other",
        """
        @data_product(inputs={"sales": Input("shop/sales", columns=("id", "amount"))})
        def copy(sales: Table):
            return f"SELECT id, amount, who FROM {sales}"
        """,
    )
    assert mesh.run("shop", "shop/sales", instance).success
    assert '"who"' in failure(mesh.run("other", "other/copy", instance))


def test_a_missing_source_file_is_named(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    partitioned(mesh)
    (mesh.root / "lines.csv").unlink()
    message = failure(mesh.run("shop", "shop/sales", instance, "2024-04-01"))
    assert "S002" in message
    assert "lines.csv" in message


def test_restricted_products_live_in_a_lake_of_their_own(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    mesh.contract("shop/sales", SALES.replace("confidential", "restricted"))
    mesh.code("shop", f"@data_product\ndef sales():\n    return {GOOD!r}\n")
    assert mesh.run("shop", "shop/sales", instance).success
    assert mesh.read("SELECT id FROM shop_restricted.products.sales", "shop_restricted") == [(1,)]
    assert not (mesh.root / ".mesh" / "lake" / "shop").exists()


def test_the_standard_checks_serve_a_plain_asset(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    mesh.code(
        "shop",
        """
        @dg.asset(key=["shop", "scratch"])
        def scratch(lake: LakeResource) -> None:
            with lake.connect(write=["shop"]) as connection:
                connection.execute("CREATE TABLE shop.internal.scratch AS SELECT unnest([1, 1, NULL]) AS id")

        scratch_checks = checks(scratch, "shop.internal.scratch", not_null=["id"], unique=["id"],
                                in_range={"id": (0, 9)}, row_count=(1, None), sql={"two": "SELECT 2"})
        """,
    )
    (mesh.root / "domains" / "shop" / "contracts").mkdir()
    result = mesh.run("shop", "shop/scratch", instance)
    passed = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert passed == {
        "not_null__id": False,
        "unique__id": False,
        "range__id": True,
        "row_count": True,
        "two": False,
    }


def test_a_run_over_a_day_that_the_zone_never_had_covers_the_others(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    grid = "{every: day, start: 2011-12-29, end: 2012-01-01, timezone: Pacific/Apia}"
    mesh.contract("shop/days", re.sub(r"\{every: day.*?\}", grid, DAYS))
    mesh.code(
        "shop",
        "@data_product\ndef days():\n"
        "    return \"SELECT TIMESTAMPTZ '2011-12-30 12:00:00+00' AS sold, 1 AS amount\"\n",
    )
    assert mesh.run("shop", "shop/days", instance, ("2011-12-29", "2011-12-31")).success
    assert mesh.read("SELECT count(*) FROM shop.products.days") == [(1,)]


def test_a_refused_version_names_the_one_that_readers_keep_and_its_checks_have_no_version(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    bad = repr(GOOD.replace("2.5", "-2.5"))
    published = "nothing was published"
    for expression, words in (
        (bad, published),
        (repr(GOOD), ""),
        (bad, f"{published}; readers keep version 4 of shop/sales"),
    ):
        returning(mesh, expression)
        mesh.contract("shop/sales", OPEN)
        result = mesh.run("shop", "shop/sales", instance)
        assert result.success == (not words)
        if words:
            assert failure(result).endswith(f"\n\n{words}")
            found = result.get_asset_check_evaluations()
            assert not all(check.passed for check in found)
            assert all(str(check.description).endswith(words) for check in found)
            assert {check.target_materialization_data for check in found} == {None}
