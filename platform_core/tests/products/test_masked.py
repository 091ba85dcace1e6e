"""A masked twin through Dagster: what is in its files, and what nobody is ever shown."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import dagster as dg
import pytest

from code_mesh import CodeMesh
from platform_core.lake.keys import KeyRing
from platform_core.lake.location import LakeLocation

SENTINEL = "Xanthippe-7731"
PEOPLE = """\
    customProperties:
      - {property: maskedAs, value: profiles, vendor: platform-core}
      - {property: suppress, value: {groupsBelow: 2, columns: [age, team]}, vendor: platform-core}
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: confidential, tags: [pseudonymous], customProperties: [{property: mask, value: {method: hash, key: person}, vendor: platform-core}]}
      - {name: name, logicalType: string, required: true, tags: [personal], classification: restricted}
      - {name: nick, logicalType: string, tags: [personal], classification: restricted, customProperties: [{property: mask, value: {method: redact}, vendor: platform-core}]}
      - {name: mail, logicalType: string, tags: [personal], classification: restricted, customProperties: [{property: mask, value: {method: hash, key: mail}, vendor: platform-core}]}
      - {name: age, logicalType: integer, tags: [personal], classification: restricted, logicalTypeOptions: {minimum: 0}, customProperties: [{property: mask, value: {method: generalize, width: 10}, vendor: platform-core}]}
      - {name: joined, logicalType: date, tags: [personal], classification: restricted, customProperties: [{property: mask, value: {method: generalize, to: month}, vendor: platform-core}]}
      - {name: team, logicalType: string, required: true, classification: internal, enum: [{value: red}, {value: blue}]}
"""
ROWS = [
    (1, f"{SENTINEL}-a", "nick-a", "a@example.org", 31, "2020-01-05", "red"),
    (2, f"{SENTINEL}-b", "nick-b", "a@example.org", 39, "2020-01-06", "red"),
    (3, f"{SENTINEL}-c", "nick-c", None, 40, "2020-02-07", "red"),
    (4, f"{SENTINEL}-d", "nick-d", "d@example.org", 55, "2020-02-01", "blue"),
    (5, f"{SENTINEL}-e", "nick-e", "e@example.org", 59, "2020-02-09", "blue"),
]
CODE = f"""
    ROWS = {ROWS!r}

    @data_product
    def people() -> str:
        values = ", ".join(
            "(" + ", ".join("NULL" if v is None else repr(v) for v in row) + ")" for row in ROWS
        )
        names = "id, name, nick, mail, age, joined, team"
        return f"SELECT * REPLACE (id::BIGINT AS id, age::BIGINT AS age, joined::DATE AS joined) FROM (VALUES {{values}}) AS t({{names}})"
"""


@pytest.fixture
def people(mesh: CodeMesh) -> CodeMesh:
    path = mesh.contract("shop/people", PEOPLE)
    path.write_text(path.read_text().replace("access: read}]", "access: masked}]"))
    mesh.code("shop", CODE)
    return mesh


def test_a_twin_is_published_without_raw_values(people: CodeMesh, instance: dg.DagsterInstance) -> None:
    assert people.run("shop", "shop/people", instance).success
    assert people.run("shop", "shop/profiles", instance).success

    rows = people.read("FROM shop.products.profiles ORDER BY age, joined, nick")
    key, mail = KeyRing.current().get("person"), KeyRing.current().get("mail")
    by_id = {row[0]: row for row in rows}
    token = hmac.new(key.secret, b"4", hashlib.sha256).hexdigest()
    address = hmac.new(mail.secret, b"d@example.org", hashlib.sha256).hexdigest()
    assert len(rows) == 4  # nobody else of red is in their forties
    assert [str(cell) for cell in by_id[token][1:]] == ["[redacted]", address, "50 to 59", "2020-02-01", "blue"]
    stored = b"".join(file.read_bytes() for file in LakeLocation.current().data("shop").rglob("*.parquet"))
    assert SENTINEL.encode() not in stored and b"example.org" not in stored and b"nick-" not in stored
