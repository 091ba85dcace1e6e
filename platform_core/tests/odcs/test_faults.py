"""Every fault of a contract is reported with code, place and fix."""

# ruff: noqa: E501 - a contract has one line for a column, however long
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from platform_core.diagnostics import ContractError, Diagnostic
from platform_core.odcs.reader import load_contract

Faults = Callable[..., tuple[Diagnostic, ...]]
FEW = "{metric: nullValues, name: Few nulls!, mustBeLessOrEqualTo: 2, unit: percent, severity: warning}"
ROWS = "{metric: rowCount, mustBeBetween: [1, 5000]}"
CRON = '    scheduler: cron\n    schedule: "0 5 * * *"\n'
ZONE = "{property: timezone, value: America/New_York, vendor: platform-core}"
KEY = "primaryKey: true, logicalTypeOptions: {minimum: 1}"
TO = "crm/customers.odcs.yaml#/schema/customers/properties/customer_id"
SEVERITY = "{property: severity, value: warning, vendor: platform-core}"
SCOPE = "{property: scope, value: partition, vendor: platform-core}"
GRID = "{every: month, start: 2017-01-01, end: 2018-01-01, timezone: America/New_York}"

CASES = [
    # what is replaced, by what, code, what is underlined, a word of the advice
    ("logicalType: string,", "logicaltype: string,", "C010", "logicaltype", "logicalType"),
    ("status: active", "stauts: active", "C010", "stauts", "status"),
    ("version: 1.0.0\n", "", "C011", "apiVersion", "version"),
    ("{name: state,", "{nmae: state,", "C010", "nmae", "name"),
    ("kind: DataContract", "kind: DataContrct", "C012", "DataContrct", "DataContract"),
    ("apiVersion: v3.2.0", "apiVersion: v3.2", "C012", "v3.2", "v3.2.0"),
    ("logicalType: string,", "logicalType: strng,", "C012", "strng", "string"),
    ("metric: rowCount", "metric: rowsCount", "C012", "rowsCount", "rowCount"),
    ("version: 1.0.0", "version: 1.10", "C013", "1.10", '"1.10"'),
    ("minLength: 4", 'minLength: "4"', "C013", '"4"', "minLength: 4"),
    ("    required: true\n        tags", "    required: yes\n        tags", "C013", "yes", "true or false"),
    ("tags: [retail]", "tags: retail", "C013", "retail", "list"),
    (ROWS, "{metric: rowCount}", "C014", "{metric", "mustBe"),
    (ROWS, "{metric: rowCount, mustBeGreaterThan: 1, mustBeLessThan: 3}", "C014", "{metric", "mustBeBetween"),
    (TO, "crm customers", "C014", "crm customers", "#/schema"),
    (ROWS, "{metric: rowCount, mustBe: 1, query: SELECT 1}", "C015", "query", "query"),
    ("id: shop/orders", "id: shop/order", "C020", "shop/order", "orders"),
    ("id: shop/orders", "id: shopp/orders", "C020", "shopp/orders", "shop"),
    ("id: shop/orders", "id: shop/orders\ndomain: sales", "C020", "sales", "domain"),
    ("  - name: orders", "  - name: order", "C020", "order", "orders"),
    ("{name: state,", "{name: state, physicalName: status,", "C020", "status", "physicalName"),
    ("value: America/New_York, vendor: platform-core}", "value: UTC, vendor: platform-core}\n      - {property: timzone, value: UTC, vendor: platform-core}", "C030", "timzone", "timezone"),
    ("property: scope,", "property: scopes,", "C030", "scopes", "scope"),
    (SCOPE, "{property: maskedAs, value: x}", "C030", "maskedAs", "schema object"),
    ("value: partition, vendor", "value: partitions, vendor", "C031", "partitions", "partition"),
    ("tags: [retail]", 'customProperties: [{property: serviceLevelTarget, value: 0, vendor: platform-core}]', "C031", '0', None),
    ("tags: [retail]", 'customProperties: [{property: serviceLevelTarget, value: 101, vendor: platform-core}]', "C031", '101', None),
    ("tags: [retail]", 'customProperties: [{property: serviceLevelTarget, value: "95", vendor: platform-core}]', "C031", '"95"', None),
    ("tags: [retail]", 'customProperties: [{property: serviceLevelTarget, value: true, vendor: platform-core}]', "C031", 'true', None),
    ("tags: [retail]", 'customProperties: [{property: budget, value: 3600, vendor: platform-core}]', "C031", '3600', None),
    ("tags: [retail]", 'customProperties: [{property: budget, value: {}, vendor: platform-core}]', "C031", '{}', None),
    ("tags: [retail]", 'customProperties: [{property: budget, value: {seconds: 0}, vendor: platform-core}]', "C031", '0', None),
    ("tags: [retail]", 'customProperties: [{property: budget, value: {bytes: "5 GB"}, vendor: platform-core}]', "C031", '"5 GB"', None),
    ("tags: [retail]", 'customProperties: [{property: budget, value: {seconds: true}, vendor: platform-core}]', "C031", 'true', None),
    ("tags: [retail]", 'customProperties: [{property: budget, value: {second: 5}, vendor: platform-core}]', "C031", 'second', "seconds"),
    ("tags: [retail]", 'customProperties: [{property: serviceLevelTargets, value: 95, vendor: platform-core}]', "C030", 'serviceLevelTargets', "serviceLevelTarget"),
    ("{name: state,", "{name: total,", "C040", "total", "one"),
    (KEY, "primaryKey: true, primaryKeyPosition: 2, logicalTypeOptions: {minimum: 1}", "C041", "2", None),
    (KEY, "primaryKeyPosition: 1, logicalTypeOptions: {minimum: 1}", "C041", "1", "primaryKey"),
    (KEY, "primaryKey: true, required: false", "C041", "false", "required"),
    ("{name: total, logicalType: number,", "{name: total, primaryKey: true, logicalType: number,", "C041", "primaryKey", "primaryKeyPosition: 1"),
    ("decimal(10, 2)", "decimal(10, 20)", "C042", '"decimal(10, 20)"', None),
    ("decimal(10, 2)", "INTEGER DEFAULT 1", "C042", '"INTEGER DEFAULT 1"', None),
    ("decimal(10, 2)", "VARCAHR", "C042", '"VARCAHR"', "VARCHAR"),
    ("classification: Confidential", "classification: confidental", "C043", "confidental", "confidential"),
    ("tags: [personal]", "tags: [personnal]", "C043", "personnal", "personal"),
    ("tags: [personal]", "tags: [personal]\n        customProperties: [{property: notPersonal, value: Says so.}]", "C043", "Says so.", "one of the two"),
    ("tags: [personal]", 'customProperties: [{property: notPersonal, value: " "}]', "C031", '" "', None),
    (ROWS, "{metric: duplicateValues, mustBe: 0, arguments: {properties: [stat]}}", "C050", "stat", "state"),
    (ROWS, "{metric: nullValues, mustBe: 0}", "C051", "nullValues", "property"),
    (FEW, "{metric: rowCount, mustBe: 0}", "C051", "rowCount", None),
    (FEW, "{metric: invalidValues, mustBe: 0}", "C051", "{metric", None),
    (FEW, "{metric: invalidValues, mustBe: 0, arguments: {validvalues: [1]}}", "C051", "validvalues", "validValues"),
    (FEW, "{type: sql, query: 'SELECT ${colum}', mustBe: 0}", "C051", "'SELECT", "column"),
    ("FROM {object}", "FROM {column}", "C051", "SELECT", None),
    ('"^[a-z]+$"', '"^[a-z+$"', "C052", '"^[a-z+$"', None),
    ('"^[a-z]+$"', '"(?=a)b"', "C052", '"(?=a)b"', None),
    # Other engines take it, and not the one that runs it.
    ('"^[a-z]+$"', '"a{1,1001}"', "C052", '"a{1,1001}"', None),
    ("mustBeBetween: [1, 5000]", "mustBeBetween: [5000, 1]", "C053", "[5000, 1]", "[1, 5000]"),
    ("minLength: 4, maxLength: 6", "minLength: 6, maxLength: 4", "C053", "4", None),
    ("exclusiveMinimum: 0, maximum: 999.5", "minimum: 9, maximum: 3", "C053", "3", None),
    ("exclusiveMinimum: 0, maximum: 999.5", "exclusiveMinimum: 3, maximum: 3", "C053", "3", None),
    ("minimum: 2017-01-01T00:00:00Z", "minimum: first of May", "C053", "first of May", None),
    ("[{value: open}, {value: paid}]", "[{value: open}, {value: 4}]", "C053", "4", None),
    ("mustBeLessOrEqualTo: 2, unit", "mustBeLessOrEqualTo: 200, unit", "C053", "{metric", None),
    ("name: Few nulls!", "name: not_null__ordered_at", "C054", "not_null", None),
    ("severity: warning}\n    quality", "severity: warnin}\n    quality", "C055", "warnin", "warning"),
    ("unit: percent", "unit: percents", "C055", "percents", "percent"),
    (TO, "customers.customer_id", "C056", "customers.customer_id", "<domain>/customers"),
    (TO, "crm/customers.odcs.yaml#/schema/customer/properties/id", "C056", "crm/customers", "schema/customers"),
    (TO, "orders.order", "C050", "orders.order", "order_id"),
    ("unit: h\n", "unit: hrs\n", "C060", "hrs", "hours"),
    ("value: 5\n", "value: -5\n", "C060", "-5", None),
    ("property: latency\n", "property: latancy\n", "C060", "latancy", "latency"),
    ("0 5 * * *", "0 25 * * *", "C061", '"0 25 * * *"', "0 6 * * *"),
    ("0 5 * * *", "0 0 5 * * *", "C061", '"0 0', None),
    ("0 5 * * *", "0 5 31 2 *", "C061", '"0 5', None),
    ("scheduler: cron", "scheduler: airflow", "C061", "airflow", "cron"),
    ("value: America/New_York, vendor", "value: America/NewYork, vendor", "C062", "America/NewYork", "America/New_York"),
    ("value: America/New_York, vendor", 'value: "-05:00", vendor', "C062", '"-05:00"', None),
    ("value: 5\n", "value: 25\n", "C063", "25", "value"),
    (ZONE, "{property: warnAfter, value: 1, vendor: platform-core}", "C063", "1", "warnAfter"),
    ("element: orders.ordered_at", "element: orders.order_at", "C064", "orders.order_at", "ordered_at"),
    ("element: orders.ordered_at", "element: orders.total", "C064", "orders.total", None),
    ("        partitioned: true\n", "", "C070", "value: {every", "partitioned: true"),
    (GRID, "{every: monthly, start: 2017-01-01}", "C070", "monthly", "month"),
    (GRID, "{every: month, start: 2017-01-15}", "C070", "2017-01-15", None),
    (GRID, "{every: week, start: 2017-01-02}", "C070", "2017-01-02", None),
    (GRID, "{every: month, start: 2017-02-01, end: 2017-01-01}", "C070", "2017-01-01", None),
    (GRID, "{every: month, start: 2017-01-01, zone: UTC}", "C070", "zone", None),
    (GRID, "{every: month, start: 2017-01-01, timezone: EST}", "C062", "EST", None),
    ("domain:finance, access: read", "domain:finance", "C080", "{role: domain:finance}", "access: read"),
    ("domain:finance, access: read", "domian:finance, access: read", "C080", "domian:finance", "domain:finance"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "underlined", "advice"), CASES, ids=[f"{c[2]}-{i}" for i, c in enumerate(CASES)])  # fmt: skip
def test_fault(faults: Faults, old: str, new: str, code: str, underlined: str, advice: str | None) -> None:
    found = faults((old, new))
    fault = next((fault for fault in found if fault.code == code), None)
    assert fault is not None, "\n".join(fault.render() for fault in found)
    assert fault.place is not None
    line = fault.place.source_line()
    assert line is not None
    assert line[fault.place.column - 1 :].startswith(underlined), fault.render()
    assert advice is None or advice in (fault.fix or ""), fault.render()
    assert f"orders.odcs.yaml:{fault.place.line}:{fault.place.column}" in fault.render()


def test_one_mistake_is_one_fault(faults: Faults) -> None:
    """A consequence of a mistake is not reported as another fault."""
    single = [case for case in CASES if case[2] in {"C010", "C012", "C013", "C014"}]
    for old, new, code, *_ in single:
        found = faults((old, new))
        assert [fault.code for fault in found] == [code], "\n".join(fault.render() for fault in found)


def test_all_faults_of_a_file_are_reported_at_once(faults: Faults) -> None:
    found = faults(("0 5 * * *", "0 25 * * *"), ('"^[a-z]+$"', '"("'), ("0, maximum: 999.5", "9, maximum: 3"))
    assert [fault.code for fault in found] == ["C061", "C052", "C053"]
    found = faults(("status: active", "stauts: active"), ("{name: state,", "{name: state, requierd: true,"))
    assert [fault.code for fault in found] == ["C010", "C010"]


def test_the_line_is_shown(faults: Faults) -> None:
    (fault,) = faults(("logicalType: string,", "logicalType: strng,"))
    text = fault.render()
    assert "| " + "      - {name: state, logicalType: strng," in text
    assert 'did you mean "string"?' in text
    assert "expected" in text


def test_other_vendors_properties_are_left_alone(write: Callable[..., Path]) -> None:
    path = write(
        (SCOPE, "{property: scopes, value: 1, vendor: soda}\n          - {property: colour, value: red}")
    )
    assert load_contract(path, "shop").remarks == ()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "C006"),
        (b"# nothing\n", "C006"),
        (b"[1, 2]", "C006"),
        (b"just text", "C006"),
        (b"a: 1\n---\nb: 2\n", "C006"),
        (b"id: \xff\xfe", "C003"),
        ("id: x".encode("utf-16"), "C003"),
        (b"id: a\x00b", "C003"),
        (b"id:\n\tname: x\n", "C004"),
        (b"id: [a, b\n", "C004"),
        (b'id: "a', "C004"),
        (b"id: *nobody\n", "C004"),
        (b"id: a\nid: b\n", "C005"),
        (b"id: &a [*a]\n", "C007"),
        (b"1: a\n", "C007"),
        (b"? [a]\n: b\n", "C007"),
        (b"id: !!python/object/apply:os.system [ls]\n", "C007"),
        (b"id: .nan\n", "C007"),
        (b"id: " + b"9" * 5000 + b"\n", "C007"),
        (b"[" * 100_000, "C007"),
        (b"- " * 50_000 + b"x", "C007"),
        (b"a0: &a0 [x]\n" + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12)), "C007"),
        (b"x: y\n" * 1_250_000 + b"x: " + b"y" * 6_000_000, "C002"),
    ],
    ids=range(23),
)  # fmt: skip
def test_a_file_without_a_contract(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "orders.odcs.yaml"
    path.write_bytes(content)
    with pytest.raises(ContractError) as caught:
        load_contract(path, "shop")
    assert [fault.code for fault in caught.value.diagnostics] == [code], str(caught.value)
    assert len(str(caught.value).splitlines()) < 15


def test_an_unreadable_file(tmp_path: Path) -> None:
    loop = tmp_path / "loop.odcs.yaml"
    loop.symlink_to(loop)
    dangling = tmp_path / "dangling.odcs.yaml"
    dangling.symlink_to(tmp_path / "nothing")
    pipe = tmp_path / "pipe.odcs.yaml"
    os.mkfifo(pipe)
    for path in (tmp_path, tmp_path / "none.odcs.yaml", loop, dangling, pipe):
        with pytest.raises(ContractError) as caught:
            load_contract(path)
        assert [fault.code for fault in caught.value.diagnostics] == ["C001"], path
        assert "C001" in str(caught.value)  # shown without waiting for a line of a pipe


def test_scalars_are_those_of_yaml_1_2(write: Callable[..., Path]) -> None:
    """Unquoted times, dates, yes and no are text, as the contract's reader sees them."""
    path = write(
        ("limitations: None known.", "limitations: 10:00"), ('purpose: "Orders of the shop."', "purpose: no")
    )
    product = load_contract(path, "shop")
    assert (product.limitations, product.purpose) == ("10:00", "no")
