"""Documents of every edition of the standard load, even with parts that the platform does not act on."""

# ruff: noqa: E501 - a contract has one line for a column, however long
from __future__ import annotations

from pathlib import Path

import pytest

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import ContractError
from platform_core.odcs.reader import load_contract

HEAD = "kind: DataContract\nid: 4f1c5a\nversion: 2.0.0\nstatus: draft\n"


def load(tmp_path: Path, text: str, edition: str = "v3.2.0") -> DataProduct:
    path = tmp_path / "guest.odcs.yaml"
    path.write_text(f"apiVersion: {edition}\n{HEAD}{text}", encoding="utf-8")
    return load_contract(path)


def test_the_least_document(tmp_path: Path) -> None:
    path = tmp_path / "least.odcs.yaml"
    path.write_text('apiVersion: v3.2.0\nkind: DataContract\nid: x-1\nversion: "1"\n')
    product = load_contract(path)
    assert product.name == "least"
    assert product.columns == ()
    assert [rule.name for rule in product.rules] == ["schema"]


def test_parts_without_effect(tmp_path: Path) -> None:
    product = load(
        tmp_path,
        """\
domain: Shop Floor
name: Sensor Readings
tenant: acme
dataProduct: readings
context: {instructions: Prefer the daily table., verifiedStatements: [{question: How many?, answer: Nine.}], constraints: [{constraint: No guessing.}]}
servers:
  - {server: main, type: postgres, host: db.example.com, port: "${PORT}", database: d, schema: s, environment: prod, roles: [{role: reader}]}
  - {server: lake, type: duckdb, database: x.db, schema: 4}
price: {priceAmount: 9.95, priceCurrency: EUR, priceUnit: megabyte}
team: {members: [{username: ada, role: owner, dateIn: 2024-01-01}]}
support: [{channel: mail, url: "mailto:a@example.com", scope: issues}]
authoritativeDefinitions: [{url: "https://example.com/d", type: privacy-statement}]
customProperties: [{property: refRulesetName, value: {a: [1, null]}}, {property: timezone, value: 7}]
contractCreatedTs: 2024-01-01T00:00:00Z
slaDefaultElement: readings.at
slaProperties:
  - {property: generalAvailability, value: "2024-01-01T00:00:00Z"}
  - {property: latency, value: 4, unit: d, element: elsewhere.at, driver: regulatory}
  - {property: frequency, value: 1, valueExt: 1, unit: d}
  - {property: latency, value: soon}
roles: [{role: opser, access: write, firstLevelApprovers: boss}]
schema:
  - {name: other, properties: [{name: id, logicalType: integer}]}
  - name: readings
    physicalName: t_readings
    physicalType: topic
    logicalType: object
    dataGranularityDescription: one per second
    synonyms: [{synonym: measures, locale: en}]
    context: Use it well.
    relationships: [{from: readings.sensor, to: sensors.id}, {from: [readings.at, readings.sensor], to: [other.id, other.id]}]
    properties:
      - {name: sensor, physicalType: varchar(18), physicalName: s, primaryKey: true, required: false, partitioned: true, partitionKeyPosition: 1}
      - {name: bare}
      - {name: place, logicalType: object, properties: [{name: x, logicalType: number}]}
      - {name: values, logicalType: array, items: {logicalType: object, properties: [{name: v, logicalType: integer}]}, logicalTypeOptions: {maxItems: 3}}
      - {name: labels, logicalType: map, map: {key: {logicalType: string}, value: {logicalType: number}}}
      - {name: embedding, logicalType: vector, logicalTypeOptions: {dimensions: 3, distanceMetric: cosine}}
      - {name: clock, logicalType: time, logicalTypeOptions: {minimum: "05:00:00", maximum: "06:00:00", format: HH}}
      - {name: day, logicalType: date, logicalTypeOptions: {minimum: 01.02.2020}}
      - name: at
        logicalType: timestamp
        semanticType: dimension
        criticalDataElement: true
        encryptedName: at_e
        transformSourceObjects: [a, b]
        transformLogic: now()
        examples: [1, x, null, {a: b}]
        classification: top secret
        relationships: [{to: a.b.c, type: foreignKey}, {to: "https://example.com/x.yaml#/schema/x/properties/y"}]
        quality:
          - {type: text, description: Must be on time., dimension: timeliness}
          - {type: custom, engine: soda, implementation: "checks: 1"}
          - {type: library, metric: nullValues, mustBe: 0, severity: critical, unit: shards, businessImpact: operational}
          - {description: only words}
""",
    )
    assert product.id == "shop_floor/sensor_readings"
    assert [column.name for column in product.columns] == ["id"], "no object is named like the contract"
    assert product.owner is None


def test_the_object_named_like_the_product_is_meant(tmp_path: Path) -> None:
    text = (
        "name: b\nschema:\n  - {name: a, properties: [{name: x}]}\n  - {name: b, properties: [{name: y}]}\n"
    )
    assert [column.name for column in load(tmp_path, text).columns] == ["y"]


def test_v3_0(tmp_path: Path) -> None:
    product = load(
        tmp_path,
        """\
team: [{username: ada, role: owner, further: 1}, {name: Bob}]
support: [{channel: "#x", url: "https://x.example.com", shift: night}]
roles: [{role: r, id: 5}]
slaProperties: [{property: retention, value: 3, unit: y, extra: true}]
servers: [{server: a, type: s3, location: "s3://x/", whatever: 3}]
schema:
  - name: t
    quality: [{type: library, rule: countCheck, mustBe: 1}, {rule: rowCount, mustBeGreaterThan: 3}]
    properties:
      - {name: a, logicalType: integer, logicalTypeOptions: {minimum: 1, exclusiveMinimum: true}}
      - {name: b, logicalType: string, quality: [{rule: validValues, validValues: [x, y]}, {rule: duplicateCount, mustBeLessThan: 9}]}
""",
        "v3.0.2",
    )
    rules = {rule.name: rule for rule in product.rules}
    assert set(rules) == {"schema", "row_count", "range__a", "accepted_values__b", "unique__b"}
    assert rules["range__a"].limits is not None
    assert rules["range__a"].limits.minimum_exclusive
    assert rules["accepted_values__b"].values == ("x", "y")
    assert [remark.code for remark in product.remarks] == ["C051"]


@pytest.mark.parametrize("edition", ["v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0"])
def test_a_column_needs_no_logical_type(tmp_path: Path, edition: str) -> None:
    """The bundled schema asks every column without a type for a `map`; the standard does not."""
    text = "schema: [{name: t, properties: [{name: a, physicalType: TEXT, required: true}]}]\n"
    assert load(tmp_path, text, edition).columns[0].physical_type == "VARCHAR"


def test_a_map_still_needs_its_types(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as caught:
        load(tmp_path, "schema: [{name: t, properties: [{name: a, logicalType: map}]}]\n")
    assert [fault.code for fault in caught.value.diagnostics] == ["C011"]


def test_a_guest_must_be_valid_and_use_known_platform_properties(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as caught:
        load(tmp_path, "schema: [{name: t, propertys: []}]\n")
    assert "properties" in (caught.value.diagnostics[0].fix or "")
    with pytest.raises(ContractError) as caught:
        load(tmp_path, "customProperties: [{property: mask, value: 1, vendor: platform-core}]\n")
    assert [fault.code for fault in caught.value.diagnostics] == ["C030"]
