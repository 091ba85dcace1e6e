"""Policies on promises: freshness, quality, version, status and retention."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from platform_core.contracts.model import DataProduct, place_in
from platform_core.governance.policy import Violation, policy
from platform_core.words import did_you_mean, listed

STATUSES: Final = ("proposed", "draft", "active", "deprecated", "retired")
_NUMBER = r"(?:0|[1-9][0-9]*)"
_PART = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PART}(?:\.{_PART})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
# Rules that follow from the schema, such as from `required` and `unique`.
_OF_THE_SCHEMA = frozenset({"schema", "not_null", "unique", "file"})


@policy("G106", scope="product")
def sla(product: DataProduct) -> Iterator[Violation]:
    if product.deadline is None and product.maximum_age is None:
        expected = "a latency, with a schedule (deadline) or without (maximum age)"
        yield Violation(
            f"{product.id} has no freshness promise",
            place_in(product, "/slaProperties"),
            product.id,
            expected,
        )


@policy("G107", scope="product")
def quality(product: DataProduct) -> Iterator[Violation]:
    if any(rule.kind not in _OF_THE_SCHEMA for rule in product.rules):
        return
    if any("/quality/" in pointer for pointer in product.places):
        return
    message = f"{product.id} has no rule on its content"
    yield Violation(
        message,
        place_in(product, "/schema/0/name"),
        product.id,
        "a rule on its content: quality, enum, logicalTypeOptions",
    )


@policy("G108", scope="product")
def key(product: DataProduct) -> Iterator[Violation]:
    # A masked twin without the key columns of its parent has no key.
    if not product.key and product.twin_of is None:
        yield Violation(
            f"{product.id} has no key",
            place_in(product, "/schema/0/name"),
            product.id,
            "primaryKey: true on its columns",
        )


@policy("G113", scope="product")
def version(product: DataProduct) -> Iterator[Violation]:
    if not _SEMVER.fullmatch(product.version):
        message = f'the version of {product.id} is "{product.version}"'
        yield Violation(message, place_in(product, "/version"), product.id, "major.minor.patch: 1.0.0")


@policy("G114", scope="product")
def status(product: DataProduct) -> Iterator[Violation]:
    if product.status not in STATUSES:
        message = f'the status of {product.id} is "{product.status}"'
        guess = did_you_mean(product.status.lower(), STATUSES)
        yield Violation(
            message, place_in(product, "/status"), product.id, f"one of {listed(STATUSES)}", guess
        )


@policy("G117", scope="product")
def retention(product: DataProduct) -> Iterator[Violation]:
    if product.retention is None:
        message = f"{product.id} has no retention"
        yield Violation(message, place_in(product, "/slaProperties"), product.id, "property: retention")
