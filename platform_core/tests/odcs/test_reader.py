"""The data product of a good contract."""

# ruff: noqa: E501 - a contract has one line for a column, however long
from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.budget import Budget
from platform_core.contracts.model import DataProduct, Reference, Rule
from platform_core.odcs.reader import load_contract

Load = Callable[..., DataProduct]


def rule(product: DataProduct, name: str) -> Rule:
    return next(rule for rule in product.rules if rule.name == name)


def test_all_parts_of_a_contract(load: Load) -> None:
    product = load()
    assert (product.id, product.version, product.status, product.owner) == (
        "shop/orders",
        "1.0.0",
        "active",
        "shop-analytics",
    )
    assert (product.purpose, product.usage) == ("Orders of the shop.", "Join by customer.")
    assert product.tags == ("retail",)
    assert product.key == ("order_id",)
    assert product.granted_to("domain:finance")
    assert not product.granted_to("domain:hr")
    assert product.support[0].url == "https://chat.example.com/shop"
    assert product.deadline is not None
    assert (product.deadline.schedule, product.deadline.lower_bound, product.deadline.timezone) == (
        "0 5 * * *",
        timedelta(hours=5),
        "America/New_York",
    )
    assert product.maximum_age is None
    assert product.retention == timedelta(days=365)
    assert product.referenced == ("crm/customers",)
    assert product.remarks == ()
    customer = product.column("customer_id")
    assert customer is not None
    assert customer.personal
    assert not customer.shown_in_samples
    assert customer.classification == "confidential"
    total = product.column("total")
    assert total is not None
    assert total.physical_type == "DECIMAL(10,2)"


def test_partitions(load: Load) -> None:
    partitions = load().partitions
    assert partitions is not None
    assert (partitions.column, partitions.every, partitions.timezone) == (
        "ordered_at",
        "month",
        "America/New_York",
    )
    assert (partitions.start, partitions.end) == (datetime(2017, 1, 1), datetime(2018, 1, 1))


def test_rules_and_their_names(load: Load) -> None:
    product = load()
    assert [rule.name for rule in product.rules] == [
        "schema",
        "unique__order_id",
        "row_count",
        "paid_orders",
        "not_null__order_id",
        "range__order_id",
        "not_null__customer_id",
        "references__customer_id",
        "accepted_values__state",
        "length__state",
        "pattern__state",
        "range__total",
        "not_null__ordered_at",
        "range__ordered_at",
        "few_nulls",
        "recency__ordered_at",
    ]
    assert rule(product, "row_count").limits == Bounds(minimum=1, maximum=5000)
    assert rule(product, "length__state").limits == Bounds(minimum=4, maximum=6)
    assert rule(product, "range__total").limits == Bounds(minimum=0, maximum=999.5, minimum_exclusive=True)
    assert rule(product, "range__ordered_at").limits == Bounds(minimum=datetime(2017, 1, 1, tzinfo=UTC))
    assert rule(product, "accepted_values__state").values == ("open", "paid")
    few = rule(product, "few_nulls")
    assert (few.kind, few.severity, few.allowed) == ("not_null", "warning", Bounds(maximum=2, unit="percent"))
    paid = rule(product, "paid_orders")
    assert paid.query == "SELECT count(*) FROM ${table} WHERE state = 'paid' AND total IS NULL"
    assert (paid.scope, paid.limits) == ("partition", Bounds(equal=0))
    reference = rule(product, "references__customer_id")
    assert reference.reference == Reference("crm/customers", ("customer_id",))
    assert reference.severity == "warning"
    assert rule(product, "recency__ordered_at").maximum_age == timedelta(days=2)


def test_places_point_into_the_file(load: Load) -> None:
    product = load()
    lines = product.path.read_text().splitlines()
    place = product.places["/schema/0/properties/3/physicalType"]
    written = lines[place.line - 1][place.column - 1 :][: place.length]
    assert written == '"decimal(10, 2)"'
    assert lines[rule(product, "range__total").place.line - 1][
        rule(product, "range__total").place.column - 1 :
    ].startswith("logicalTypeOptions")


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("mustBe: 7", Bounds(equal=7)),
        ("mustNotBe: 7", Bounds(not_equal=7)),
        ("mustBeGreaterThan: 7", Bounds(minimum=7, minimum_exclusive=True)),
        ("mustBeGreaterOrEqualTo: 7", Bounds(minimum=7)),
        ("mustBeLessThan: 7.5", Bounds(maximum=7.5, maximum_exclusive=True)),
        ("mustBeLessOrEqualTo: 7", Bounds(maximum=7)),
        ("mustNotBeBetween: [3, 7]", Bounds(minimum=3, maximum=7, outside=True)),
    ],
)
def test_operators(load: Load, operator: str, expected: Bounds) -> None:
    assert rule(load(("mustBeBetween: [1, 5000]", operator)), "row_count").limits == expected


@pytest.mark.parametrize(
    ("entry", "name", "kind", "columns"),
    [
        ("{metric: duplicateValues, mustBe: 0, arguments: {properties: [state, total]}}", "unique__state__total", "unique", ("state", "total")),
        ("{type: sql, query: 'SELECT 1', mustBe: 1}", "sql", "sql", ()),
        ("{rule: rowCount, mustBeGreaterThan: 3, id: not-few}", "not_few", "row_count", ()),
    ],
)  # fmt: skip
def test_rules_of_the_table(load: Load, entry: str, name: str, kind: str, columns: tuple[str, ...]) -> None:
    found = rule(load(("{metric: rowCount, mustBeBetween: [1, 5000]}", entry)), name)
    assert (found.kind, found.columns) == (kind, columns)


@pytest.mark.parametrize(
    ("entry", "name", "kind"),
    [
        ("{metric: missingValues, mustBe: 0, arguments: {missingValues: [2017-01-01]}}", "missing_values__ordered_at", "not_null"),
        ("{metric: invalidValues, mustBe: 0, arguments: {validValues: [2017-02-01]}}", "accepted_values__ordered_at", "accepted_values"),
        ("{metric: invalidValues, mustBe: 0, arguments: {pattern: '^2'}}", "pattern__ordered_at", "pattern"),
        ("{metric: duplicateValues, mustBe: 0}", "unique__ordered_at", "unique"),
        ("{type: sql, query: 'SELECT max({property}) FROM {table}', mustBeLessThan: 9}", "sql__ordered_at", "sql"),
    ],
)  # fmt: skip
def test_rules_of_a_column(load: Load, entry: str, name: str, kind: str) -> None:
    old = "{metric: nullValues, name: Few nulls!, mustBeLessOrEqualTo: 2, unit: percent, severity: warning}"
    found = rule(load((old, entry)), name)
    assert (found.kind, found.columns) == (kind, ("ordered_at",))


def test_composite_key_is_one_rule_in_the_keys_order(load: Load) -> None:
    product = load(
        ("order_id, logicalType: integer, primaryKey: true,", "order_id, logicalType: integer, primaryKey: true, primaryKeyPosition: 2,"),
        ("{name: state, logicalType: string,", "{name: state, logicalType: string, primaryKey: true, primaryKeyPosition: 1,"),
    )  # fmt: skip
    assert product.key == ("state", "order_id")
    assert rule(product, "unique__state__order_id").columns == ("state", "order_id")
    assert rule(product, "not_null__state").kind == "not_null"


def test_a_key_that_is_also_unique_is_one_rule(load: Load) -> None:
    product = load(("primaryKey: true, logical", "primaryKey: true, unique: true, logical"))
    assert [rule.name for rule in product.rules].count("unique__order_id") == 1


def test_maximum_age_with_warning(load: Load) -> None:
    product = load(
        ('    scheduler: cron\n    schedule: "0 5 * * *"\n', ""),
        (
            "{property: timezone, value: America/New_York, vendor",
            "{property: warnAfter, value: 90 min, vendor",
        ),
    )
    assert product.deadline is None
    assert product.maximum_age is not None
    assert product.maximum_age.fail_after == timedelta(hours=5)
    assert product.maximum_age.warn_after == timedelta(minutes=90)


def test_composite_foreign_key(load: Load) -> None:
    product = load(
        (
            "    quality:\n      - {metric: rowCount",
            "    relationships:\n      - from: [orders.customer_id, schema/orders/properties/state]\n"
            "        to:\n"
            "          - crm/states.odcs.yaml#/schema/states/properties/customer\n"
            "          - crm/states.odcs.yaml#/schema/states/properties/state\n"
            "    quality:\n      - {metric: rowCount",
        )
    )
    found = rule(product, "references__customer_id__state")
    assert found.columns == ("customer_id", "state")
    assert found.reference == Reference("crm/states", ("customer", "state"))


def test_identity_is_declared_once(write: Callable[..., Path]) -> None:
    path = write(("id: shop/orders", "id: 7f3a\ndomain: shop\nname: orders"))
    assert load_contract(path, "shop").id == "shop/orders"
    assert load_contract(path).id == "shop/orders"


def test_restricted_column_moves_the_table_to_the_restricted_lake(load: Load) -> None:
    assert load(("classification: Confidential", "classification: restricted")).lake == "shop_restricted"


def test_reading_is_without_dagster_and_imports_are_lazy() -> None:
    code = (
        "import sys, platform_core.contracts\n"
        "heavy = {'dagster', 'pydantic', 'duckdb', 'jsonschema_rs', 'open_data_contract_standard'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_terms_of_operation(load: Load) -> None:
    assert (load().target, load().budget) == (None, None)
    terms = (
        "customProperties:\n"
        "  - {property: serviceLevelTarget, value: 99.5, vendor: platform-core}\n"
        "  - {property: budget, value: {seconds: 3600}, vendor: platform-core}\n"
    )
    product = load(("tags: [retail]\n", f"tags: [retail]\n{terms}"))
    assert (product.target, product.budget) == (99.5, Budget(seconds=3600, bytes=None))
    whole = load(("tags: [retail]\n", f"tags: [retail]\n{terms.replace('99.5', '100')}"))
    assert whole.target == 100
