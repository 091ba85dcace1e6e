"""Every field of a product and every key of the standard has its place in the rule set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from compatibility.pairs import BASES

from platform_core.codes import family
from platform_core.compatibility.compare import changes
from platform_core.compatibility.document import DOCUMENT_CODES, keys
from platform_core.contracts.bounds import Bounds
from platform_core.contracts.budget import Budget
from platform_core.contracts.model import (
    Column,
    DataProduct,
    Deadline,
    Ending,
    Feature,
    Grant,
    Mask,
    Masking,
    MaximumAge,
    Partitions,
    Reference,
    Rule,
    Signature,
    Support,
    Suppression,
)
from platform_core.diagnostics import Place
from platform_core.odcs.custom_properties import Level
from platform_core.odcs.editions import schema_of
from platform_core.odcs.reader import load_contract

NOT_COMPARED: Mapping[type, set[str]] = {
    # The id and the file are those of the contract; a version is compared by its changes. A twin's parent has
    # the twin's name.
    DataProduct: {"domain", "name", "path", "place", "version", "twin_of", "places", "remarks"},
}
"""The fields that are places, or that follow from others. ``place`` is one in each class."""
AT = Place(Path("x"))
MUTATED: Mapping[type, Mapping[str, Any]] = {
    DataProduct: {
        "status": "retired",
        "columns": (),
        "rules": (),
        "owner": "others",
        "purpose": "p",
        "usage": "u",
        "limitations": "l",
        "tags": ("t",),
        "kind": "stream",
        "file": "x.csv",
        "signature": Signature("t", "m", (Feature("f", "BIGINT", AT),), AT),
        "support": (),
        "grants": (),
        "deadline": None,
        "maximum_age": None,
        "retention": None,
        "partitions": None,
        "event_time": "seen_at",
        "masking": None,
        "ending": Ending(AT, date(2027, 3, 31)),
        "target": 90.0,
        "budget": Budget(90),
    },
    Column: {
        "name": "renamed",
        "logical_type": "boolean",
        "physical_type": "BLOB",
        "description": "d",
        "required": True,
        "unique": True,
        "key_position": 1,
        "classification": "public",
        "tags": ("personal",),
        "not_personal": "why",
        "mask": Mask("redact", AT),
        "deprecated": True,
    },
    Budget: {"seconds": 7.0, "bytes": 7},
    Ending: {
        "end_of_support": date(2025, 1, 1),
        "end_of_life": date(2025, 1, 1),
        "successor": "shop/other",
    },
    Rule: {
        "name": "renamed",
        "kind": "reference",
        "columns": ("amount",),
        "severity": "warning",
        "scope": "partition",
        "description": "d",
        "allowed": Bounds(maximum=7),
        "limits": Bounds(maximum=7),
        "values": ("a",),
        "missing_values": ("a",),
        "pattern": "x",
        "query": "SELECT 7",
        "reference": Reference("shop/x", ("y",)),
        "maximum_age": timedelta(7),
    },
    Reference: {"product": "shop/other", "columns": ("other",)},
    Bounds: {
        "minimum": 2,
        "maximum": 3,
        "minimum_exclusive": True,
        "maximum_exclusive": True,
        "equal": 5,
        "not_equal": 5,
        "outside": True,
        "unit": "percent",
        "step": 2,
        "special": True,
    },
    Mask: {
        "method": "redact",
        "key": "k",
        "width": 3,
        "edges": (1, 2),
        "unit": "year",
        "prefix": 1,
        "groups": (("a", "b"),),
        "other": "o",
    },
    Masking: {"name": "faces", "suppression": None},
    Suppression: {"minimum": 9, "columns": ("city",)},
    Partitions: {
        "column": "sku",
        "every": "day",
        "start": datetime(2020, 1, 1),
        "timezone": "UTC",
        "end": None,
    },
    Deadline: {"schedule": "0 9 * * *", "lower_bound": timedelta(1), "timezone": "UTC"},
    MaximumAge: {"fail_after": timedelta(9), "warn_after": timedelta(0, 9)},
    Signature: {
        "target": "t",
        "metric": "m",
        "features": (Feature("f", "BIGINT", AT),),
        "margin": 0.5,
        "better": "lower",
        "trusted": ("a.B",),
    },
    Feature: {"name": "other", "type": "VARCHAR"},
    Grant: {"role": "bi", "access": "none"},
    Support: {"channel": "c", "url": "u", "tool": "t"},
}
FIELDS = [(kind, field.name) for kind in MUTATED for field in fields(kind)]


def first(product: DataProduct, name: str, change: Callable[[Any], Any]) -> DataProduct:
    """The product with a changed first element of a tuple, or with a changed single value."""
    value = getattr(product, name)
    changed = (change(value[0]), *value[1:]) if isinstance(value, tuple) else change(value)
    return replace(product, **{name: changed})


def rule(product: DataProduct, name: str, change: Callable[[Rule], Rule]) -> DataProduct:
    rules = tuple(change(each) if each.name == name else each for each in product.rules)
    assert rules != product.rules
    return replace(product, rules=rules)


def column(product: DataProduct, name: str, change: Callable[[Column], Column]) -> DataProduct:
    columns = tuple(change(each) if each.name == name else each for each in product.columns)
    return replace(product, columns=columns)


def mutated(load: Callable[[str], DataProduct], kind: type, field: str) -> tuple[DataProduct, DataProduct]:
    def change(value: Any) -> Any:
        new = MUTATED[kind][field]
        assert getattr(value, field) != new, field
        return replace(value, **{field: new})

    base = {Signature: "churn", Feature: "churn", MaximumAge: "churn", Mask: "people"}
    base |= {Masking: "people", Suppression: "people"}
    by_field = {"signature": "churn", "maximum_age": "churn", "masking": "people", "mask": "people"}
    product = load(
        base.get(kind) or (by_field.get(field) if kind in (DataProduct, Column) else None) or "orders"
    )
    match kind.__name__:
        case "DataProduct":
            return product, change(product)
        case "Column":
            return product, column(product, "age" if field == "mask" else "contact", change)
        case "Rule":
            return product, rule(product, "many", change)
        case "Bounds":
            name = "range__amount"
            return product, rule(product, name, lambda each: replace(each, limits=change(each.limits)))
        case "Reference":
            name = "references__store_id"
            return product, rule(product, name, lambda e: replace(e, reference=change(e.reference)))
        case "Ending":
            ends = replace(product, ending=Ending(AT, date(2026, 1, 1), date(2026, 6, 1), "shop/x"))
            return ends, replace(ends, ending=change(ends.ending))
        case "Budget":
            own = replace(product, budget=Budget(60, 60))
            return own, first(own, "budget", change)
        case "Mask":
            return product, column(product, "age", lambda each: replace(each, mask=change(each.mask)))
        case "Suppression":
            masking = product.masking
            assert masking is not None
            fewer = replace(masking, suppression=change(masking.suppression))
            return product, replace(product, masking=fewer)
        case "Feature":
            return product, first(
                product, "signature", lambda e: replace(e, features=(change(e.features[0]),))
            )
    names = {"Grant": "grants", "Support": "support", "MaximumAge": "maximum_age"}
    return product, first(product, names.get(kind.__name__, kind.__name__.lower()), change)


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], DataProduct]:
    def one(base: str) -> DataProduct:
        file = tmp_path / f"{base}.odcs.yaml"
        file.write_text(BASES[base])
        return load_contract(file)

    return one


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=lambda each: getattr(each, "__name__", each))
def test_a_change_of_each_field_is_reported(
    load: Callable[[str], DataProduct], kind: type, field: str
) -> None:
    if field == "place" or field in NOT_COMPARED.get(kind, ()):
        assert field not in MUTATED[kind]
        return
    old, new = mutated(load, kind, field)
    assert changes(old, new)


def schema_keys() -> Iterator[str]:
    """The paths of the standard's keys, with one level of columns in columns."""
    schema = schema_of("latest")
    kinds = {
        "quality": ("", "custom"),
        "slaProperties": ("", "other"),
        "customProperties": ("other",),
        "schema": ("", "other"),
    }

    def walk(node: Any, path: str) -> Iterator[str]:
        if "$ref" in node:
            target: Any = schema
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            yield from walk(target, path)
        for word in ("allOf", "anyOf", "oneOf"):
            for part in node.get(word, ()):
                yield from walk(part, path)
        yield from walk(node["then"], path) if "then" in node else ()
        for name, value in node.get("properties", {}).items():
            here = f"{path}.{name}".removeprefix(".")
            if here.count(".properties") > 2 or here.count("customProperties") > 1 or len(here) > 150:
                continue
            if here.count("items") + here.count(".map") + here.count("authoritativeDefinitions") > 1:
                continue
            yield here
            yield from walk(value, here)
        for kind in kinds.get(path.rpartition(".")[2], ("",)) if isinstance(node.get("items"), dict) else ():
            # A list of texts is one value.
            if members := list(walk(node["items"], f"{path}[{kind}]")):
                yield from (f"{path}[{kind}]", *members)

    yield from dict.fromkeys(walk(schema, ""))


CONTAINERS = {
    "customProperties",
    "description",
    "roles",
    "schema",
    "slaProperties",
    "logicalTypeOptions",
    "relationships",
    "quality",
    "quality[custom]",
    "slaProperties[]",
}
"""Keys that have no meaning of their own, only members."""


def test_every_key_of_the_standard_is_in_the_table() -> None:
    found = list(schema_keys())
    assert len(found) > 800
    unknown = [key for key in found if keys().codes(key) is None and key.rpartition(".")[2] not in CONTAINERS]
    assert unknown == []


def test_every_property_of_the_platform_is_in_the_table() -> None:
    paths = {
        Level.TABLE: "schema[]",
        Level.COLUMN: "schema[].properties[]",
        Level.QUALITY: "schema[].quality[]",
        Level.RELATIONSHIP: "schema[].relationships[]",
        Level.SLA: "slaProperties[]",
        Level.CONTRACT: "",
    }
    for level in Level:
        for name in level.known:
            path = f"{paths[level]}.customProperties[{name}]".removeprefix(".")
            assert keys().codes(path) == (), name


def test_every_pattern_fits_a_key() -> None:
    found = [*schema_keys()]
    found += [f"schema[].customProperties[{name}]" for name in Level.TABLE.known]
    found += [f"schema[].properties[].customProperties[{name}]" for name in Level.COLUMN.known]
    found += [f"slaProperties[].customProperties[{name}]" for name in Level.SLA.known]
    found += [f"customProperties[{name}]" for name in Level.CONTRACT.known]
    for part in ("quality", "relationships"):
        found += [f"schema[].{part}[].customProperties[{name}]" for name in Level.RELATIONSHIP.known]
    table = keys()
    used = {table.pattern(path) for path in found}
    assert [pattern for pattern in (*table.model, *table.document) if pattern not in used] == []


def test_the_table_has_every_code() -> None:
    table = keys()
    of_documents = {code for codes in table.document.values() for code in codes}
    assert of_documents == set(DOCUMENT_CODES)
    listed = of_documents | {code for codes in table.model.values() for code in codes}
    assert sorted(listed) == sorted(family("K").codes)
