"""Automation keeps promises of freshness: due products are made in their window, others are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from small_mesh import DAYS, SALES, SmallMesh

KEY = dg.AssetKey(["shop", "sales"])
GOOD = "SELECT 1::BIGINT AS id, 2.5::DOUBLE AS amount, 'Ada' AS who"
# The contract's deadline is six o'clock in Berlin, and its window the two hours before.
MIDNIGHT = datetime(2026, 1, 9, 23, tzinfo=UTC)


@pytest.fixture
def shop(mesh: SmallMesh) -> SmallMesh:
    mesh.contract("shop/sales", SALES)
    mesh.code("shop", f"@data_product\ndef sales():\n    return {GOOD!r}\n")
    return mesh


class Clock:
    """Looks at the conditions as a server would, at times of the night."""

    def __init__(self, mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
        self.definitions = mesh.definitions("shop")
        self.instance = instance
        self.cursor = None

    def requested(self, hour: float) -> set[dg.AssetKey]:
        result = dg.evaluate_automation_conditions(
            self.definitions,
            self.instance,
            cursor=self.cursor,
            evaluation_time=MIDNIGHT + timedelta(hours=hour),
        )
        self.cursor = result.cursor
        return {key for key in [KEY] if result.get_num_requested(key)}


def test_a_product_of_sources_is_made_in_its_window_once(
    shop: SmallMesh, instance: dg.DagsterInstance
) -> None:
    assert shop.run("shop", "shop/sales", instance).success
    clock = Clock(shop, instance)
    asked = {hour: clock.requested(hour) for hour in (0, 3.9, 4.9, 5.1, 5.2, 6.1, 7)}
    assert [hour for hour, keys in asked.items() if keys] == [5.1]


def test_a_product_that_was_made_in_the_window_is_not_made_again(
    shop: SmallMesh, instance: dg.DagsterInstance
) -> None:
    assert shop.run("shop", "shop/sales", instance).success
    clock = Clock(shop, instance)
    for hour in (0, 4.1):
        assert clock.requested(hour) == set()
    assert shop.run("shop", "shop/sales", instance).success
    for hour in (4.2, 5.1, 6.1):
        assert clock.requested(hour) == set()


def test_a_server_that_starts_after_the_tick_starts_nothing(
    shop: SmallMesh, instance: dg.DagsterInstance
) -> None:
    assert shop.run("shop", "shop/sales", instance).success
    clock = Clock(shop, instance)
    assert [clock.requested(hour) for hour in (5.5, 5.6, 7)] == [set()] * 3


def test_of_a_grid_only_the_last_partition_is_refreshed(
    shop: SmallMesh, instance: dg.DagsterInstance
) -> None:
    shop.contract("shop/sales", DAYS)
    shop.code(
        "shop",
        """
        @data_product
        def sales():
            return "SELECT TIMESTAMPTZ '2024-03-30 12:00' AS sold, 1 AS amount"
        """,
    )
    clock = Clock(shop, instance)
    clock.requested(4.9)
    result = dg.evaluate_automation_conditions(
        clock.definitions, instance, cursor=clock.cursor, evaluation_time=MIDNIGHT + timedelta(hours=5.1)
    )
    assert result.get_requested_partitions(KEY) == {"2024-04-01"}


AGE = """\
slaProperties:
  - {property: latency, value: 4, unit: h}
"""


def test_a_maximum_age_without_a_warning_warns_where_its_refresh_is(shop: SmallMesh) -> None:
    contract = shop.contract("shop/sales", SALES)
    before, rest = contract.read_text().split("slaProperties:")
    contract.write_text(before + AGE + "schema:" + rest.split("schema:", 1)[1])
    spec = shop.definitions("shop").resolve_asset_graph().get(KEY)
    policy = spec.freshness_policy
    assert isinstance(policy, dg.FreshnessPolicy)
    assert policy.fail_window.to_timedelta() == timedelta(hours=4)  # type: ignore[attr-defined]
    assert policy.warn_window.to_timedelta() == timedelta(hours=3)  # type: ignore[attr-defined]
    assert "about to be too old" in str(spec.automation_condition)


@pytest.mark.parametrize("state", ["WARN", "FAIL"])
def test_an_ageing_product_is_made_again_once_per_state(
    shop: SmallMesh, instance: dg.DagsterInstance, state: str
) -> None:
    from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

    contract = shop.contract("shop/sales", SALES)
    before, rest = contract.read_text().split("slaProperties:")
    contract.write_text(before + AGE + "schema:" + rest.split("schema:", 1)[1])
    assert shop.run("shop", "shop/sales", instance).success
    clock = Clock(shop, instance)
    assert clock.requested(0) == set()
    instance._report_runless_asset_event(
        FreshnessStateChange(
            key=KEY,
            previous_state=FreshnessState.PASS,
            new_state=FreshnessState[state],
            state_change_timestamp=MIDNIGHT.timestamp(),
        )
    )
    assert clock.requested(1) == {KEY}
    assert clock.requested(2) == set()


def test_an_input_with_equal_content_starts_nothing(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    copy = dg.AssetKey(["shop", "copy"])
    shop.contract("shop/copy", SALES)
    code = """
    @data_product
    def sales():
        return "SELECT 1::BIGINT AS id, {}::DOUBLE AS amount, 'Ada' AS who"


    @data_product(inputs={{"sales": "shop/sales"}})
    def copy(sales: Table) -> str:
        return f"FROM {{sales}}"
    """
    shop.code("shop", code.format(2.5))
    for product in ("shop/sales", "shop/copy"):
        assert shop.run("shop", product, instance).success
    clock = Clock(shop, instance)

    def asked(hour: float) -> int:
        result = dg.evaluate_automation_conditions(
            clock.definitions,
            instance,
            cursor=clock.cursor,
            evaluation_time=MIDNIGHT + timedelta(hours=hour),
        )
        clock.cursor = result.cursor
        return int(result.get_num_requested(copy))

    assert asked(0) == 0
    assert shop.run("shop", "shop/sales", instance).success
    assert asked(0.1) == 0, "the new version has the same content"
    shop.code("shop", code.format(3.5))
    assert shop.run("shop", "shop/sales", instance).success
    assert asked(0.2) == 1


# D: the input gets other content. R: the reader is made. T: Dagster looks, and makes what it requests.
# t: Dagster looks, and the run that it requests fails. s: Dagster looks, and the run that it requests goes on
# until E, where it has made the reader of the input that it found at its start. l: Dagster looks meanwhile.
STORIES = {
    "T": [0],
    "TDTT": [0, 1, 0],
    "TDtT": [0, 1, 0],
    "TDTDTT": [0, 1, 1, 0],
    "TDRTT": [0, 0, 0],
    "TRDTT": [0, 1, 0],
    "TDRDTT": [0, 1, 0],
    "TRDRTT": [0, 0, 0],
    "TDtDTT": [0, 1, 1, 0],
    "TDtRTT": [0, 1, 0, 0],
    "TDtRDTT": [0, 1, 1, 0],
    "TDslDlETT": [0, 1, 0, 0, 1, 0],
    "TDslDETT": [0, 1, 0, 1, 0],
    "TDsDETT": [0, 1, 1, 0],
    "TDslETT": [0, 1, 0, 0, 0],
}
QUICK = {"TDtT", "TDTDTT", "TDRTT", "TRDTT"}


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param(story, expected, marks=() if story in QUICK else pytest.mark.full)
        for story, expected in STORIES.items()
    ],
)
def test_every_update_of_an_input_is_followed_once(
    story: str, expected: list[int], shop: SmallMesh, instance: dg.DagsterInstance
) -> None:
    copy = dg.AssetKey(["shop", "copy"])
    shop.contract("shop/copy", SALES)
    code = """
    @data_product
    def sales():
        return f"SELECT 1::BIGINT AS id, {{open('amount').read()}}::DOUBLE AS amount, 'Ada' AS who"

    @data_product(inputs={{"sales": "shop/sales"}})
    def copy(sales: Table):
        return f"FROM {{sales}}"
    """
    number = 0

    def make(name: str) -> None:
        nonlocal number
        number += name == "sales"
        shop.code("shop", code.format().replace("open('amount').read()", f"'{number}'"))
        assert shop.run("shop", f"shop/{name}", instance).success

    make("sales")
    make("copy")
    cursor, requests = None, list[int]()
    running: list[dg.DagsterRun] = []
    for hour, letter in enumerate(story):
        if letter == "D":
            make("sales")
        elif letter == "R":
            make("copy")
        elif letter == "E":
            make("copy")
            instance.report_run_canceled(running[0])
        else:
            at = MIDNIGHT + timedelta(minutes=hour)
            result = dg.evaluate_automation_conditions(
                shop.definitions("shop"), instance, cursor=cursor, evaluation_time=at
            )
            cursor = result.cursor
            requests.append(result.get_num_requested(copy))
            if requests[-1] and letter == "T":
                make("copy")
            if letter == "s":
                job = shop.definitions("shop").get_repository_def().get_implicit_global_asset_job_def()
                running = [instance.create_run_for_job(job, asset_selection=frozenset({copy}))]
                start = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job.name)
                instance.report_dagster_event(start, running[0].run_id)
    assert requests == expected
