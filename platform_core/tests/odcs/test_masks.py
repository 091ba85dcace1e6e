"""Masks of a contract: the faults of wrong masks, and the twin from right ones."""

# ruff: noqa: E501 - a contract has one line for a column, however long
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from platform_core.contracts.budget import Budget
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import ContractError, DefinitionError
from platform_core.registry.lookup import Registry

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: shop/people
version: 1.0.0
status: active
description: {{purpose: Who they are., usage: Join by id., limitations: Few.}}
team: {{name: shop}}
roles: [{{role: analysts, access: masked}}, {{role: "domain:crm", access: masked}}, {{role: auditors, access: read}}]
slaProperties: [{{property: latency, value: 2, unit: d}}, {{property: retention, value: 9, unit: d}}]
schema:
  - name: people
    customProperties:
      - {{property: maskedAs, value: {twin}, vendor: platform-core}}
      - {{property: suppress, value: {suppress}, vendor: platform-core}}
    properties:
      - {{name: id, logicalType: integer, primaryKey: true, tags: [pseudonymous], classification: confidential, logicalTypeOptions: {{minimum: 1}}, customProperties: [{{property: mask, value: {id}, vendor: platform-core}}]}}
      - {{name: age, logicalType: integer, required: true, tags: [personal], classification: restricted, logicalTypeOptions: {{minimum: 1}}, customProperties: [{{property: mask, value: {age}, vendor: platform-core}}]}}
      - {{name: city, logicalType: string, tags: [personal], classification: restricted, enum: [{{value: Ulm}}, {{value: Bonn}}], customProperties: [{{property: mask, value: {city}, vendor: platform-core}}]}}
      - {{name: born, logicalType: date, tags: [personal], classification: restricted, customProperties: [{{property: mask, value: {born}, vendor: platform-core}}]}}
      - {{name: name, logicalType: string, required: true, tags: [personal], classification: restricted}}
      - {{name: team, logicalType: string, required: true, classification: internal, enum: [{{value: red}}]}}
    quality:
      - {{metric: rowCount, mustBe: 10}}
      - {{type: sql, name: sane, query: "SELECT count(*) FROM ${{table}} WHERE age < 0", mustBe: 0}}
"""
GOOD = {
    "twin": "profiles",
    "suppress": "{groupsBelow: 5, columns: [age, city, team]}",
    "id": "{method: hash, key: person}",
    "age": "{method: generalize, width: 10}",
    "city": "{method: generalize, groups: {north: [Bonn]}, other: elsewhere}",
    "born": "{method: generalize, to: year}",
}
Write = Callable[..., Registry]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.delenv("MESH_CONTRACTS", raising=False)

    def write(text: str | None = None, **words: str) -> Registry:
        path = tmp_path / "domains" / "shop" / "contracts" / "people.odcs.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or CONTRACT.format(**{**GOOD, **words}))
        return Registry.open(tmp_path)

    return write


BAD = [
    ({"id": "hash"}, "C090", "hash", "method"),
    ({"id": "{key: person}"}, "C090", "value", "method"),
    ({"id": "{method: hsah, key: person}"}, "C090", "hsah", "hash"),
    ({"id": "{method: hash}"}, "C090", "hash", "key: id"),
    ({"id": "{method: hash, key: Person 1}"}, "C090", "Person 1", None),
    ({"id": "{method: hash, kee: person}"}, "C090", "kee", "key"),
    ({"id": "{method: hash, key: crm.person}"}, "C090", "crm.person", "Write {method: hash, key: person}."),
    ({"id": "{method: hash, key: shop.person}"}, "C090", "shop.person", "Write {method: hash, key: person}."),
    ({"id": "{method: hash, key: Crm.person}"}, "C090", "Crm.person", None),
    ({"id": "{method: hash, key: crm.Person}"}, "C090", "crm.Person", None),
    ({"id": "{method: hash, key: Person}"}, "C090", "Person", None),
    ({"id": "{method: hash, key: per\u017fon}"}, "C090", "per\u017fon", None),
    ({"id": "{method: hash, key: crm\u2024person}"}, "C090", "crm\u2024person", None),
    ({"id": "{method: hash, key: ../crm.person}"}, "C090", "../crm.person", None),
    ({"id": "{method: redact}"}, "C093", "redact", "hash"),
    ({"id": "{method: generalize, width: 10}"}, "C093", "generalize", "hash"),
    ({"age": "{method: generalize}"}, "C090", "generalize", None),
    ({"age": "{method: generalize, width: 1}"}, "C090", "1", None),
    ({"age": "{method: generalize, bands: [30, 31]}"}, "C090", "[", None),
    ({"city": "{method: generalize, prefix: 4}"}, "C090", "4", "below 4"),
    ({"age": "{method: generalize, width: 10, bands: [1, 2]}"}, "C090", "bands", None),
    ({"age": "{method: generalize, to: month}"}, "C090", "to", None),
    ({"age": "{method: generalize, bands: [30, 20]}"}, "C090", "[", None),
    ({"age": "{method: generalize, widht: 5}"}, "C090", "widht", "width"),
    ({"city": "{method: generalize, prefix: 0}"}, "C090", "0", None),
    ({"city": "{method: generalize, groups: {a: [Ulm], b: [Ulm]}}"}, "C090", "{", None),
    ({"city": "{method: generalize, prefix: 2, other: x}"}, "C090", "x", None),
    ({"born": "{method: generalize, to: week}"}, "C090", "week", None),
    ({"born": "{method: drop, key: x}"}, "C090", "key", "Remove"),
    ({"twin": "people"}, "C092", "people", None),
    ({"twin": "crm/profiles"}, "C092", "crm/profiles", None),
    ({"suppress": "5"}, "C094", "5", None),
    ({"suppress": "{groupsBelow: 1, columns: [age]}"}, "C094", "1", "groupsBelow: 5"),
    ({"suppress": "{groupsBelow: 5, columns: []}"}, "C094", "[", None),
    ({"suppress": "{groupsBelow: 5, columns: [agee]}"}, "C094", "agee", "age"),
    ({"suppress": "{groupsBelow: 5, columns: [name]}"}, "C094", "name", None),
    ({"suppress": "{groupsBelow: 5, columns: [id]}"}, "C094", "id", None),
    ({"suppress": "{groupsBelow: 5, column: [age]}"}, "C094", "column", "columns"),
]


@pytest.mark.parametrize(("words", "code", "underlined", "advice"), BAD, ids=lambda value: str(value)[:50])
def test_a_wrong_mask_is_one_diagnostic(
    write: Write, words: dict[str, str], code: str, underlined: str, advice: str | None
) -> None:
    registry = write(**words)
    with pytest.raises(ContractError) as caught:
        registry.get("shop/people")
    [fault] = caught.value.diagnostics
    assert fault.code == code
    assert fault.place is not None
    line = (fault.place.source_line() or "")[fault.place.column - 1 :]
    assert line.startswith(underlined), f"{line!r} is underlined"
    assert fault.expected
    if advice is not None:
        assert advice in f"{fault.fix} {fault.expected}"


def test_masks_without_a_twin_are_one_diagnostic(write: Write) -> None:
    text = CONTRACT.format(**GOOD)
    registry = write("\n".join(line for line in text.split("\n") if "maskedAs" not in line))
    with pytest.raises(ContractError) as caught:
        registry.get("shop/people")
    [fault] = caught.value.diagnostics
    assert (fault.code, fault.place and fault.place.line) == ("C091", 15)


def test_a_twin_without_columns_is_refused(write: Write) -> None:
    dropped = dict.fromkeys(("id", "age", "city", "born"), "{method: drop}")
    text = CONTRACT.format(**{**GOOD, **dropped}).replace("internal", "restricted")
    with pytest.raises(ContractError) as caught:
        write(text).get("shop/people")
    assert caught.value.diagnostics[0].code == "C092"


def test_the_name_of_a_twin_is_its_own(write: Write) -> None:
    registry = write()
    path = registry.path("shop/people")
    path.with_name("profiles.odcs.yaml").write_text(path.read_text().replace("people", "profiles"))
    with pytest.raises(ContractError) as caught:
        Registry(registry.base, "contracts").get("shop/people")
    assert [fault.code for fault in caught.value.diagnostics] == ["C092"]


@pytest.fixture
def twin(write: Write) -> DataProduct:
    return write().get("shop/profiles")


def test_the_registry_knows_the_twin(write: Write) -> None:
    registry = write()
    assert registry.names() == ("shop/people", "shop/profiles")
    assert registry.knows("shop/profiles")
    assert registry.path("shop/profiles") == registry.path("shop/people")
    products, faults = registry.scan("shop")
    assert [product.id for product in products] == ["shop/people", "shop/profiles"]
    assert not faults
    with pytest.raises(DefinitionError, match="did you mean"):
        registry.get("shop/profile")


def test_reading_the_twin_of_a_broken_contract_reports_its_fault(write: Write) -> None:
    registry = write(CONTRACT.format(**GOOD).replace("status: active", "stauts: active"))
    for name in ("shop/people", "shop/profiles"):
        with pytest.raises(ContractError, match="C010"):
            registry.get(name)
    assert [fault.code for fault in registry.scan("shop")[1]] == ["C010"]
    assert registry.twins("shop") == ("profiles",)


def test_a_twin_has_columns_without_persons(twin: DataProduct) -> None:
    columns = {
        column.name: (column.logical_type, column.classification, column.tags) for column in twin.columns
    }
    assert columns == {
        "id": ("string", "confidential", ("pseudonymous",)),
        "age": ("string", "confidential", ()),
        "city": ("string", "confidential", ()),
        "born": ("date", "confidential", ()),
        "team": ("string", "internal", ()),
    }
    assert twin.key == ("id",)
    assert not twin.restricted
    assert (twin.lake, twin.id, twin.twin_of) == ("shop", "shop/profiles", "shop/people")


def test_a_twin_keeps_the_rules_that_still_apply(twin: DataProduct) -> None:
    rules = {rule.name: rule for rule in twin.rules}
    assert list(rules) == [
        "schema",
        "unique__id",
        "row_count",
        "not_null__id",
        "not_null__age",
        "not_null__team",
        "accepted_values__team",
        "accepted_values__city",
        "group_size__age__city__team",
        "no_raw_values",
        "no_raw_values_before",
    ]
    limits = rules["row_count"].limits
    assert limits is not None
    assert (limits.equal, limits.maximum) == (None, 10)
    assert rules["accepted_values__city"].values == ("north", "elsewhere")
    assert rules["no_raw_values"].columns == ("id", "name")


def test_a_twin_is_granted_to_those_who_may_read_it_masked(twin: DataProduct, write: Write) -> None:
    parent = write().get("shop/people")
    assert [
        (who, twin.granted_to(who), parent.granted_to(who)) for who in ("analysts", "domain:crm", "auditors")
    ] == [
        ("analysts", True, False),
        ("domain:crm", True, False),
        ("auditors", False, True),
    ]
    assert twin.retention == parent.retention
    assert twin.owner == "shop"
    assert "hashed under the key `shop.person`" in twin.usage
    assert "`name`" in twin.limitations


def test_a_twin_without_the_key_of_its_parent_has_none(write: Write) -> None:
    twin = write(id="{method: drop}").get("shop/profiles")
    assert twin.key == ()
    assert "It has no key" in twin.limitations
    assert not [rule for rule in twin.rules if rule.kind == "unique"]


def test_a_key_is_its_domains(write: Write) -> None:
    """Domains with the same name of a key have different keys, or one could guess the other's hashed values."""
    found = []
    for domain in ("shop", "crm"):
        path = write().path("shop/people")
        own = path.parents[2] / domain / "contracts" / path.name
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(path.read_text().replace("shop/", f"{domain}/"))
        found += [
            column.mask.key for column in Registry.open(path.parents[3]).get(f"{domain}/people").columns[:1]
        ]
    assert found == ["shop.person", "crm.person"]


def test_a_band_holds_more_than_one_value(write: Write) -> None:
    """A band of a cent would reveal a price of two decimals."""
    text = CONTRACT.format(**{**GOOD, "age": "{method: generalize, width: 0.02}"})
    text = text.replace(
        "{name: age, logicalType: integer", '{name: age, logicalType: number, physicalType: "DECIMAL(9,2)"'
    )
    assert write(text).get("shop/people").masking
    with pytest.raises(ContractError, match="C090"):
        write(text.replace("0.02", "0.01")).get("shop/people")


def test_a_prefix_is_shorter_than_the_longest_value_may_be(write: Write) -> None:
    text = CONTRACT.format(**{**GOOD, "city": "{method: generalize, prefix: 3}"})
    assert write(text).get("shop/people").masking
    text = text.replace("enum: [{value: Ulm}, {value: Bonn}], ", "logicalTypeOptions: {maxLength: 3}, ", 1)
    with pytest.raises(ContractError, match="hides nothing"):
        write(text).get("shop/people")


def test_a_twin_has_the_target_of_its_parent_and_no_budget_of_its_own(write: Write) -> None:
    terms = (
        "customProperties:\n"
        "  - {property: serviceLevelTarget, value: 99, vendor: platform-core}\n"
        "  - {property: budget, value: {seconds: 60}, vendor: platform-core}\n"
    )
    text = CONTRACT.format(**GOOD)
    registry = write(text.replace("schema:\n", f"{terms}schema:\n", 1))
    twin, parent = registry.get("shop/profiles"), registry.get("shop/people")
    assert (parent.target, parent.budget) == (99, Budget(60))
    assert (twin.target, twin.budget) == (99, None)
