"""Fourteen nights of the real mesh: one incident for each cause, and nobody hears of what is not theirs.

The sets of products are derived from the queries by hand, not by the library.
"""

from __future__ import annotations

import pytest
from operations.nights import START, Nights

from platform_core.operations.alerts.explain import explain

LEDGER = "sales/transactions"
DISCOUNTS = {
    "sales/household_baskets",  # discount_value
    "sales/net_sales_by_department",  # gross_sales, loyalty_discount
    "sales/promoted_sales",  # loyalty_discount
    "sales/store_performance",  # discount_share
}
"""Those with a column made of retail_disc; headcount_extract and sales_commissions use other columns."""
BY_HOUSEHOLD = {
    "marketing/campaign_attribution",
    "marketing/household_segments",
    "marketing/redemption_propensity",
    "sales/household_baskets",
    "sales/redeemed_baskets",
    "sales/stores",  # household_count, by pandas: any column may be wrong
    # what is made of stores and campaign_attribution
    "hr/store_staffing",
    "hr/headcount_extract",
    "hr/sales_commissions",
    "sales/store_performance",
    "sales/promoted_sales",
}
OF_LEDGER = BY_HOUSEHOLD | {"sales/net_sales_by_department"}
OF_STORES = {
    "hr/store_staffing",
    "hr/headcount_extract",
    "hr/sales_commissions",
    "sales/store_performance",
}
OF_EMPLOYEES = {"hr/attrition_by_department", "hr/workforce_profiles"} | OF_STORES
LEDGER_DAILY = {
    "hr/store_staffing",
    "hr/headcount_extract",
    "hr/sales_commissions",
    "marketing/household_segments",
    "sales/household_baskets",
    "sales/net_sales_by_department",
    "sales/store_performance",
    "sales/stores",
}
"""Those of OF_LEDGER that are due every day; the others may be older."""
CRASH = {"code": "R003", "title": "its code fails"}
SALES, MARKETING, PEOPLE, PLATFORM = (
    "sales-analytics",
    "marketing-science",
    "people-analytics",
    "data-platform",
)


def test_1_readers_late_after_a_refusal_are_its_consequences(nights: Nights) -> None:
    nights.held |= {LEDGER, *DISCOUNTS}
    nights.fault("refused", LEDGER, rule="range__retail_disc", columns=["retail_disc"])

    nights.pass_until(30)

    (incident,) = nights.incidents
    assert nights.causes == [(LEDGER, "refused", "open")]
    assert {*incident["affected"]} == DISCOUNTS
    assert incident["late"].keys() == DISCOUNTS & LEDGER_DAILY
    assert nights.heard(LEDGER) == {SALES: ["opened", "repeat 1"]}


def test_2_the_same_failure_three_times_is_one(nights: Nights) -> None:
    nights.held |= {LEDGER}
    for hours in (0, 1, 2):
        nights.fault("refused", LEDGER, hours, rule="range__retail_disc", columns=["retail_disc"])

    nights.pass_until(20)

    assert nights.causes == [(LEDGER, "refused", "open")]
    assert nights.heard(LEDGER) == {SALES: ["opened"]}


def test_3_a_failure_that_is_found_after_its_lateness_is_the_same_incident(nights: Nights) -> None:
    nights.held |= {LEDGER, *OF_LEDGER}
    nights.pass_until(13)
    (late,) = nights.incidents
    assert nights.causes == [(LEDGER, "late", "open")]
    nights.fault("failed", LEDGER, 14, **CRASH)

    nights.pass_until(30)

    (incident,) = nights.incidents
    assert nights.causes == [(LEDGER, "failed", "open")]
    assert incident["id"] == late["id"]
    assert {*incident["affected"]} == OF_LEDGER
    assert incident["late"].keys() == LEDGER_DAILY
    # It is told again after a day, and opened at ten.
    assert nights.heard(LEDGER) == {SALES: ["opened", "repeat 1"], MARKETING: ["opened"], PEOPLE: ["opened"]}


def test_4_two_causes_in_one_night_are_two(nights: Nights) -> None:
    nights.held |= {LEDGER, *OF_LEDGER, "hr/employees", *OF_EMPLOYEES}
    nights.fault("refused", LEDGER)
    nights.fault("failed", "hr/employees", **CRASH)

    nights.pass_until(20)

    assert nights.causes == [("hr/employees", "failed", "open"), (LEDGER, "refused", "open")]
    found = {each["cause"]: each for each in nights.incidents}
    assert found[LEDGER]["late"].keys() == LEDGER_DAILY
    assert found["hr/employees"]["late"].keys() == {"hr/attrition_by_department", "hr/workforce_profiles"}
    assert {*found["hr/employees"]["affected"]} == OF_EMPLOYEES
    assert nights.heard("hr/employees") == {PEOPLE: ["opened"], SALES: ["opened"]}


def test_5_a_reader_that_breaks_by_itself_is_another(nights: Nights) -> None:
    nights.held |= {LEDGER, *DISCOUNTS}
    nights.fault("refused", LEDGER, columns=["retail_disc"])
    nights.fault("failed", "sales/store_performance", 1, **CRASH)

    nights.pass_until(20)

    assert nights.causes == [("sales/store_performance", "failed", "open"), (LEDGER, "refused", "open")]
    found = {each["cause"]: each for each in nights.incidents}
    assert found[LEDGER]["late"].keys() == {"sales/household_baskets", "sales/net_sales_by_department"}
    assert found["sales/store_performance"]["affected"] == ["hr/sales_commissions"]
    assert nights.heard(LEDGER) == {SALES: ["opened"]}


def test_6_a_warning_is_no_incident_and_is_told_to_the_owner_once(nights: Nights) -> None:
    for hours in (0, 1, 24):
        facts = {"rule": "range__quantity", "count": 3, "rows": 9, "passed": False}
        nights.fault("warned", LEDGER, hours, columns=["quantity"], **facts)

    nights.pass_until(30)

    assert nights.incidents == []
    assert nights.sent == [(SALES, "warned")]


def test_7_products_of_a_location_that_does_not_load_are_its_consequences(nights: Nights) -> None:
    nights.held |= {*nights.products_of("hr"), *OF_EMPLOYEES}
    nights.fault("broken", "location:hr", code="G491", what="does not load")

    nights.pass_until(20)

    (incident,) = nights.incidents
    assert nights.causes == [("location:hr", "broken", "open")]
    assert incident["late"].keys() == {*nights.products_of("hr"), "sales/store_performance"}
    assert incident["affected"] == sorted(incident["late"])
    assert nights.heard("location:hr") == {PEOPLE: ["opened"], SALES: ["opened"]}


def test_8_a_location_that_is_found_late_absorbs_what_was_late_before(nights: Nights) -> None:
    nights.held |= {*nights.products_of("hr"), *OF_EMPLOYEES}
    nights.pass_until(7)
    (before,) = nights.incidents
    assert before["cause"] == "hr/employees"
    nights.fault("broken", "location:hr", 8, code="G491", what="does not load")

    nights.pass_until(20)

    (incident,) = nights.incidents
    assert nights.causes == [("location:hr", "broken", "open")]
    assert incident["absorbed"] == [before["id"]]
    assert incident["late"].keys() == {*nights.products_of("hr"), "sales/store_performance"}
    # Both teams heard of it already, under the first name.
    assert nights.sent == [(PEOPLE, "opened"), (SALES, "opened")]


def test_9_a_dead_daemon_is_the_cause_of_all_lateness(nights: Nights) -> None:
    every = {*nights.mesh.products}
    nights.held |= every
    nights.fault("broken", "daemon", what="has not answered")

    nights.pass_until(70)

    (incident,) = nights.incidents
    assert nights.causes == [("daemon", "broken", "open")]
    seldom = {"promotions", "households", "household_profiles", "campaigns", "campaign_targets", "coupons"}
    seldom |= {"redemption_propensity", "campaign_attribution"}
    assert incident["late"].keys() == every - {f"marketing/{name}" for name in seldom} - {
        "sales/promoted_sales"
    }
    assert nights.heard("daemon") == {
        PLATFORM: ["opened", "repeat 1", "repeat 2"],
        SALES: ["opened"],
        MARKETING: ["opened"],
        PEOPLE: ["opened"],
    }

    # It runs again, and makes one after the other.
    nights.fault("works", "daemon", 70.5)
    nights.held.clear()
    nights.publish(*sorted(every), hours=71)
    nights.pass_until(80)
    assert nights.causes == [("daemon", "broken", "resolved")]
    assert {phases[-1] for phases in nights.heard("daemon").values()} == {"resolved"}


def test_10_flapping_within_an_hour_is_one(nights: Nights) -> None:
    nights.fault("refused", LEDGER, 0.5)
    nights.publish(LEDGER, hours=0.8)
    nights.fault("refused", LEDGER, 1.2)

    nights.pass_until(5)

    (incident,) = nights.incidents
    assert nights.causes == [(LEDGER, "refused", "open")]
    assert incident["reopened"] == 1


def test_11_the_same_failure_on_the_next_day_is_another(nights: Nights) -> None:
    nights.fault("refused", LEDGER, 0.5, columns=["retail_disc"])
    nights.publish(LEDGER, hours=5)
    nights.fault("refused", LEDGER, 24.5, columns=["retail_disc"])

    nights.pass_until(30)

    assert nights.causes == [(LEDGER, "refused", "open"), (LEDGER, "refused", "resolved")]
    assert nights.sent == [(SALES, "opened"), (SALES, "resolved"), (SALES, "opened")]


def test_12_a_product_that_waits_for_its_source_is_the_cause_of_its_readers(nights: Nights) -> None:
    nights.held |= {"hr/employees", *OF_EMPLOYEES}

    nights.pass_until(20)

    (incident,) = nights.incidents
    assert nights.causes == [("hr/employees", "late", "open")]
    assert incident["late"].keys() == OF_EMPLOYEES
    assert nights.heard("hr/employees") == {PEOPLE: ["opened"], SALES: ["opened"]}


def test_12_a_source_that_is_missing_is_the_cause_of_all_that_is_made_of_it(nights: Nights) -> None:
    source = "completejourney/campaigns"
    both = {"marketing/campaigns", "marketing/campaign_targets"}
    nights.held |= {*both, "sales/redeemed_baskets"}
    for product in sorted(both):
        nights.fault("failed", product, 1, code="S001", source=source)

    nights.pass_until(20)

    (incident,) = nights.incidents
    assert nights.causes == [(f"source:{source}", "failed", "open")]
    assert {*incident["affected"]} == {
        *both,
        "marketing/campaign_attribution",
        "marketing/redemption_propensity",
        "sales/promoted_sales",
    }
    assert nights.heard(f"source:{source}") == {MARKETING: ["opened"], SALES: ["opened"]}


def test_12_readers_that_are_late_after_a_missing_source_are_its_consequences(nights: Nights) -> None:
    source = "completejourney/transactions"
    nights.held |= {LEDGER, *OF_LEDGER}
    nights.fault("failed", LEDGER, 1, code="S001", source=source)

    nights.pass_until(20)

    (incident,) = nights.incidents
    assert nights.causes == [(f"source:{source}", "failed", "open")]
    assert incident["late"].keys() == {LEDGER, *LEDGER_DAILY}

    nights.held.clear()
    nights.publish(LEDGER, *LEDGER_DAILY, hours=21)
    nights.pass_until(24)
    assert nights.causes == [(f"source:{source}", "failed", "resolved")]


def test_13_a_reader_that_is_due_before_its_late_input_joins_it(nights: Nights) -> None:
    # Attribution was made 8 days ago, and campaigns, which it reads, will be a week old in 12 hours.
    early, cause = "marketing/campaign_attribution", "marketing/campaigns"
    nights.held |= {early, cause}
    nights.begin(early, days=8)
    nights.begin(cause, days=6.5)
    nights.pass_until(11)
    (before,) = nights.incidents
    assert before["cause"] == early

    nights.pass_until(20)

    (incident,) = nights.incidents
    assert nights.causes == [(cause, "late", "open")]
    assert incident["absorbed"] == [before["id"]]
    assert incident["late"].keys() == {early}
    assert nights.sent == [(MARKETING, "opened"), (SALES, "opened")]


@pytest.mark.parametrize("repaired", [9.9, 10.0, 10.1])
def test_14_a_reader_that_breaks_after_the_repair_is_another(nights: Nights, repaired: float) -> None:
    # 18:00, after ten hours, is a time at which lateness is found again.
    nights.held |= {LEDGER, *OF_LEDGER}
    nights.fault("refused", LEDGER)
    nights.publish(LEDGER, hours=repaired)
    nights.publish(*sorted(LEDGER_DAILY - OF_STORES - {"sales/stores"}), hours=repaired + 0.5)
    nights.fault("failed", "sales/stores", repaired + 0.6, **CRASH)

    nights.pass_until(23)

    assert nights.causes == [("sales/stores", "failed", "open"), (LEDGER, "refused", "resolved")]
    found = {each["cause"]: each for each in nights.incidents}
    assert found["sales/stores"]["late"].keys() == OF_STORES
    assert {*found["sales/stores"]["affected"]} == OF_STORES
    assert nights.heard("sales/stores") == {SALES: ["opened"], PEOPLE: ["opened"]}
    assert {phases[-1] for phases in nights.heard(LEDGER).values()} == {"resolved"}


@pytest.mark.parametrize(
    ("product", "columns", "affected", "teams"),
    [
        (LEDGER, ["retail_disc"], DISCOUNTS, {SALES}),
        (LEDGER, ["household_id"], BY_HOUSEHOLD, {SALES, MARKETING, PEOPLE}),
        (LEDGER, None, OF_LEDGER, {SALES, MARKETING, PEOPLE}),
        ("marketing/promotions", ["mailer_location"], {"sales/promoted_sales"}, {MARKETING, SALES}),
        ("hr/employees", ["monthly_income"], set(), {PEOPLE}),
        ("sales/products", ["package_size"], set(), {SALES}),
    ],
)
def test_only_those_hear_whom_the_columns_concern(
    nights: Nights, product: str, columns: list[str] | None, affected: set[str], teams: set[str]
) -> None:
    nights.fault("refused", product, 0.5, columns=columns)

    nights.pass_until(1)

    (incident,) = nights.incidents
    assert {*incident["affected"]} == affected
    assert nights.heard(product).keys() == teams

    # `mesh alert explain` announces the same.
    wrong = frozenset(columns) if columns is not None else None
    explained = explain(nights.mesh.directory, nights.mesh.book, product, wrong, START)
    assert {
        each.recipient.team for each in explained if "refused" in each.events or "opened" in each.events
    } == teams
