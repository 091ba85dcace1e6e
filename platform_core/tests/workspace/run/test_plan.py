"""The ready queue, without any process."""

from __future__ import annotations

from platform_core.workspace.protocol import Asset, Moved
from platform_core.workspace.run.cutoff import Cutoff
from platform_core.workspace.run.plan import Plan, selected_assets

MONTHS = ("2017-01-01", "2017-02-01", "2017-03-01")


def plan_of(**locations: list[Asset]) -> Plan:
    plan = Plan(frozenset(asset.key for assets in locations.values() for asset in assets))
    for name, assets in locations.items():
        plan.add(name, assets, {asset.key: asset.partitions for asset in assets})
    return plan


def taken(plan: Plan, location: str) -> list[str]:
    batch = plan.next_batch(location)
    return sorted(batch.assets) if batch is not None else []


def test_a_run_takes_ready_assets_and_those_that_become_ready() -> None:
    plan = plan_of(
        a=[Asset("a/1"), Asset("a/2", ("a/1",)), Asset("a/3", ("b/1",)), Asset("a/4", ("a/3",))],
        b=[Asset("b/1", ("a/1",))],
    )
    assert taken(plan, "a") == ["a/1", "a/2"]
    assert taken(plan, "b") == []
    plan.move(Moved("a/1", "ok"))
    # While a's run goes on, b starts: it need not wait for the whole run.
    assert taken(plan, "b") == ["b/1"]
    assert taken(plan, "a") == []
    plan.move(Moved("b/1", "ok"))
    assert taken(plan, "a") == ["a/3", "a/4"]


def test_a_run_has_one_grid_and_several_runs_have_one_asset() -> None:
    month = Asset("a/month", partitions=MONTHS, grid="months")
    plan = plan_of(a=[Asset("a/whole"), month, Asset("a/also", partitions=MONTHS, grid="months")])
    assert taken(plan, "a") == ["a/whole"]
    assert taken(plan, "a") == ["a/also", "a/month"]
    one_by_one = [Asset(f"a/{name}", partitions=MONTHS, grid="months", per_run=1) for name in ("x", "y")]
    plan = plan_of(a=one_by_one)
    assert taken(plan, "a") == ["a/x"]
    assert taken(plan, "a") == ["a/y"]


def test_assets_of_one_step_wait_for_each_others_inputs() -> None:
    both = ("a/1", "a/2")
    plan = plan_of(
        a=[Asset("a/1", together=both), Asset("a/2", ("b/1", "a/1"), together=both)], b=[Asset("b/1")]
    )
    assert taken(plan, "a") == []
    plan.move(Moved("b/1", "ok"))
    assert taken(plan, "a") == ["a/1", "a/2"]


def test_only_the_downstream_of_a_failure_is_blocked() -> None:
    plan = plan_of(a=[Asset("a/1"), Asset("a/2", ("a/1",)), Asset("a/3")], b=[Asset("b/1", ("a/2",))])
    plan.move(Moved("a/1", "failed"))
    assert plan.blocked() == ("a/2",)
    assert plan.cause("a/2") == "a/1"
    plan.move(Moved("a/2", "skipped"))
    assert plan.blocked() == ("b/1",)


def test_an_unselected_upstream_blocks_nothing() -> None:
    plan = plan_of(a=[Asset("a/2", ("a/1", "elsewhere/x"))])
    assert taken(plan, "a") == ["a/2"]


def test_a_reader_waits_for_a_location_that_loads() -> None:
    plan = Plan(frozenset({"a/1", "b/1"}))
    plan.add("a", [Asset("a/1", ("b/1",))], {"a/1": None})
    assert taken(plan, "a") == []
    assert set(plan.open()) == {"a/1", "b/1"}
    plan.move(Moved("b/1", "failed"))
    assert plan.blocked() == ("a/1",)


def test_isolated_assets_come_last() -> None:
    plan = plan_of(a=[Asset("a/costs"), Asset("a/1")], b=[Asset("b/1", ("a/1",))])
    assert taken(plan, "a") == ["a/1"]
    plan.move(Moved("a/1", "ok"))
    assert taken(plan, "b") == ["b/1"]
    assert taken(plan, "a") == []
    plan.move(Moved("b/1", "failed"))
    assert taken(plan, "a") == ["a/costs"]


def test_isolated_assets_wait_for_locations_that_load() -> None:
    plan = Plan(frozenset({"a/costs", "b/1"}))
    plan.add("a", [Asset("a/costs")], {"a/costs": None})
    assert taken(plan, "a") == []
    plan.move(Moved("b/1", "failed"))
    assert taken(plan, "a") == ["a/costs"]


def test_a_cycle_is_named_in_order() -> None:
    plan = plan_of(a=[Asset("a/0"), Asset("a/1", ("b/1",))], b=[Asset("b/1", ("a/1", "a/0"))])
    assert plan.cycle() == ("a/1", "b/1", "a/1")


def test_the_assets_that_a_selection_takes_in_a_location() -> None:
    assets = [
        Asset("a/raw"),
        Asset("a/clean", ("a/raw",)),
        Asset("a/1", ("a/clean", "a/2")),
        Asset("a/2"),
        Asset("a/unused"),
    ]
    chosen = selected_assets(assets, {"a/1"}, {"a/1", "a/2"})
    assert [asset.key for asset in chosen] == ["a/raw", "a/clean", "a/1"]


def test_a_step_names_its_part_of_the_partitions() -> None:
    plan = Plan(frozenset(("a/one", "a/some", "a/all", "a/whole")))
    month = {name: Asset(f"a/{name}", partitions=MONTHS) for name in ("one", "some", "all")}
    keys = {"a/one": MONTHS[:1], "a/some": MONTHS[:2], "a/all": MONTHS, "a/whole": None}
    plan.add("a", [*month.values(), Asset("a/whole")], keys)
    parts = {key: step.part for key, step in plan.steps.items()}
    assert parts == {"a/one": "2017-01-01", "a/some": "2017-01-01..2017-02-01", "a/all": "", "a/whole": ""}


class TestCutoff:
    """b/1 reads the column x of a/1, and a/2 reads b/1."""

    def plan(self) -> Plan:
        assets = {"a": [Asset("a/1"), Asset("a/2", ("b/1",))], "b": [Asset("b/1", ("a/1",))]}
        plan = plan_of(**assets)
        plan.cutoff = Cutoff({"b/1": {"a/1": frozenset("x")}, "a/2": {"b/1": frozenset()}})
        return plan

    def test_equal_columns_end_it(self) -> None:
        plan = self.plan()
        assert taken(plan, "a") == ["a/1"]
        assert plan.spared() == (), "a/1 has not ended"
        plan.move(Moved("a/1", "ok", changed=("y",)))
        assert plan.spared() == ("b/1",)
        plan.move(Moved("b/1", "unchanged"))
        assert plan.spared() == ("a/2",), "its input was not made"
        plan.move(Moved("a/2", "unchanged"))
        assert plan.open() == ()

    def test_a_changed_column_or_unknown_rows_do_not(self) -> None:
        for changed in (("x",), None):
            plan = self.plan()
            plan.move(Moved("a/1", "ok", changed=changed))
            assert plan.spared() == ()
            assert taken(plan, "b") == ["b/1"]

    def test_it_shares_no_run_with_its_input(self) -> None:
        plan = plan_of(a=[Asset("a/1"), Asset("a/2", ("a/1",))])
        plan.cutoff = Cutoff({"a/2": {"a/1": frozenset("x")}})
        assert taken(plan, "a") == ["a/1"]
        plan.move(Moved("a/1", "ok", changed=("x",)))
        assert taken(plan, "a") == ["a/2"]

    def test_a_failed_input_stops_it(self) -> None:
        plan = self.plan()
        plan.move(Moved("a/1", "failed"))
        assert plan.spared() == ()
        assert plan.blocked() == ("b/1",)
