"""One partition of a product is published again; the others stay as they are."""

import json

import pytest
from mesh_command import Answer, Mesh
from mesh_records import metadata

from platform_core.lake.versions import Version

MARCH = "2017-03-01"
LINES_OF_MARCH = """
    SELECT count(*) AS lines FROM sales.transactions
    WHERE date_trunc('month', timezone('America/New_York', timezone('UTC', transaction_timestamp)))
        = TIMESTAMP '2017-03-01'
"""


@pytest.fixture(scope="module")
def before(mesh: Mesh) -> dict[str, Version]:
    return mesh.published()


@pytest.fixture(scope="module")
def answer(mesh: Mesh, before: dict[str, Version]) -> Answer:
    return mesh.run("sales/transactions", "sales/net_sales_by_department+", "--partitions", MARCH)


def test_a_dry_run_forecasts_the_month_from_the_whole_version(mesh: Mesh) -> None:
    answer = mesh.run("sales/transactions", "--partitions", MARCH, "--dry-run", "--json")
    [forecast] = json.loads(answer.out)["products"]
    assert forecast["partitions"] == MARCH
    assert 0 < forecast["rows"] < 1_469_307
    assert forecast["seconds"] > 0


def test_it_writes_the_month_and_nothing_else(mesh: Mesh, answer: Answer, before: dict[str, Version]) -> None:
    [march] = mesh.query(LINES_OF_MARCH)
    after = mesh.published()["sales/transactions"]

    assert answer.code == 0, answer.out
    assert after.version > before["sales/transactions"].version
    assert after.partition == MARCH
    assert after.rows_written == march["lines"]
    assert after.rows == before["sales/transactions"].rows == 1_469_307


def test_only_its_consumers_are_made_for_the_month_also_in_another_domain(
    mesh: Mesh, answer: Answer, before: dict[str, Version]
) -> None:
    after = mesh.published()
    changed = {name: version for name, version in after.items() if version != before[name]}

    # hr/headcount_extract reads the last month alone, which is not March.
    assert (
        set(changed)
        == set(answer.products())
        == {
            "sales/transactions",
            "sales/net_sales_by_department",
            "hr/sales_commissions",
        }
    )
    assert {version.partition for version in changed.values()} == {MARCH}
    assert all(version.rows == before[name].rows for name, version in changed.items())
    assert changed["hr/sales_commissions"].rows_written < 354


def test_it_leaves_the_year_complete(mesh: Mesh, answer: Answer) -> None:
    [year] = mesh.query("SELECT count(*) AS lines, sum(sales_value) AS value FROM sales.transactions")

    assert year == {"lines": 1_469_307, "value": 4_596_039.58}
    assert answer.products()["sales/transactions"]["rows"] == 1_469_307


def test_dagster_records_that_partition_alone(mesh: Mesh, answer: Answer) -> None:
    run = mesh.published()["sales/transactions"].run_id
    with mesh.instance() as instance:
        seen = metadata(instance, "sales/transactions")
        recorded = instance.get_run_by_id(run)

    assert answer.code == 0
    assert seen["mesh/rows_written"] < seen["dagster/row_count"]
    assert recorded is not None
    assert recorded.tags["dagster/partition"] == MARCH


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sales/transactions", "--partitions", "2017-03-02"), '"2017-03-02" is not a partition'),
        (("sales/stores", "--partitions", MARCH), "--partitions needs a partitioned product"),
    ],
)
def test_a_wrong_partition_is_refused_before_anything_runs(
    mesh: Mesh, words: tuple[str, ...], said: str
) -> None:
    before = mesh.published()

    answer = mesh.run(*words)

    assert answer.code == 2
    assert said in answer.err
    assert answer.out == ""
    assert mesh.published() == before
