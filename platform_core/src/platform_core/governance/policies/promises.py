"""What a product promises: when, how good, for how long, in which version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from platform_core.contracts.model import DataProduct
from platform_core.governance.facts import LocationFacts, MeshFacts
from platform_core.governance.policy import Violation, policy
from platform_core.words import did_you_mean, listed

STATUSES: Final = ("proposed", "draft", "active", "deprecated", "retired")
_NUMBER = r"(?:0|[1-9][0-9]*)"
_PART = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PART}(?:\.{_PART})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
# What follows from the columns' own `required` and `unique` is the schema, said as rules.
_OF_THE_SCHEMA = frozenset({"schema", "not_null", "unique", "file"})


@policy(
    "G106",
    title="A service level is declared",
    scope="product",
    rationale="Without a promise of freshness no consumer can tell late from normal, nobody is alerted, and "
    "what is built on the product can promise nothing either.",
    fix="Add to the contract:\nslaProperties:\n  - {property: latency, value: 1, unit: d}",
    failing="slaProperties:\n  - {property: retention, value: 1, unit: y}",
    passing="slaProperties:\n  - {property: latency, value: 1, unit: d}\n"
    "  - {property: retention, value: 1, unit: y}",
)
def sla(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    if product.deadline is None and product.maximum_age is None:
        place = product.places.get("/slaProperties") or product.place
        expected = "a latency, with a schedule (deadline) or without (maximum age)"
        yield Violation(f"{product.id} does not say how fresh it is", place, product.id, expected)


@policy(
    "G107",
    title="At least one quality rule beyond the schema",
    scope="product",
    rationale="Types and missing values say that the table is well formed, not that it is right. One rule on "
    "the content (a count of rows, a range, accepted values, a sum that must hold, a foreign key) is what "
    "refuses a half-loaded delivery.",
    fix="Add a rule:\nquality:\n  - {metric: rowCount, mustBeGreaterThan: 0}",
    failing="properties:\n  - {name: store_id, logicalType: integer, primaryKey: true}",
    passing="properties:\n  - {name: store_id, logicalType: integer, primaryKey: true}\n"
    "quality:\n  - {metric: rowCount, mustBeBetween: [400, 500]}",
)
def quality(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    if any(rule.kind not in _OF_THE_SCHEMA for rule in product.rules):
        return
    if any("/quality/" in pointer for pointer in product.places):
        return
    place = product.places.get("/schema/0/name") or product.place
    message = f"{product.id} is checked against its schema and nothing else"
    yield Violation(message, place, product.id, "a rule on its content: quality, enum, logicalTypeOptions")


@policy(
    "G108",
    title="The key is declared",
    scope="product",
    rationale="Who joins a table without knowing its key multiplies rows. A declared key is checked at every "
    "publication. A table that has none is published under a waiver that says why.",
    fix="Mark the columns of the key: primaryKey: true.",
    failing="- {name: store_id, logicalType: integer}",
    passing="- {name: store_id, logicalType: integer, primaryKey: true}",
)
def key(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    # A masked twin whose parent's key is left out has none on purpose, and says so.
    if not product.key and product.twin_of is None:
        place = product.places.get("/schema/0/name") or product.place
        yield Violation(f"{product.id} has no key", place, product.id, "primaryKey: true on its columns")


@policy(
    "G113",
    title="The version is semantic",
    scope="product",
    rationale="Consumers read from the version whether a change breaks them: major breaks, minor adds, patch "
    "mends (semver.org).",
    fix="Write three numbers: version: 1.0.0.",
    failing="version: v2",
    passing="version: 2.0.0",
)
def version(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    if not _SEMVER.fullmatch(product.version):
        place = product.places.get("/version") or product.place
        message = f'the version of {product.id} is "{product.version}"'
        yield Violation(message, place, product.id, "major.minor.patch: 1.0.0")


@policy(
    "G114",
    title="The status is one of the standard's",
    scope="product",
    rationale="A status that only its author knows warns nobody: consumers of a deprecated or retired "
    "product are told so by the word alone.",
    fix=f"Write one of {', '.join(STATUSES)}.",
    failing="status: live",
    passing="status: active",
)
def status(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    if product.status not in STATUSES:
        place = product.places.get("/status") or product.place
        message = f'the status of {product.id} is "{product.status}"'
        guess = did_you_mean(product.status.lower(), STATUSES)
        yield Violation(message, place, product.id, f"one of {listed(STATUSES)}", guess)


@policy(
    "G117",
    title="Retention is declared",
    scope="product",
    rationale="How long old versions are kept decides how far back a consumer can go, and for personal data "
    "how long it may be kept at all. Versions are removed by it, never rows.",
    fix="Add to slaProperties:\n- {property: retention, value: 1, unit: y}",
    failing="slaProperties:\n  - {property: latency, value: 1, unit: d}",
    passing="slaProperties:\n  - {property: latency, value: 1, unit: d}\n"
    "  - {property: retention, value: 1, unit: y}",
)
def retention(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    if product.retention is None:
        place = product.places.get("/slaProperties") or product.place
        message = f"{product.id} does not say how long its versions are kept"
        yield Violation(message, place, product.id, "property: retention")
