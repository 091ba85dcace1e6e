"""Policies on personal data: tags, classification and grants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from platform_core.contracts.model import DataProduct
from platform_core.contracts.personal_names import looks_personal
from platform_core.governance.facts import LocationFacts
from platform_core.governance.policy import Violation, policy
from platform_core.odcs.columns import CLASSIFICATIONS
from platform_core.odcs.masked_twin import MASKED
from platform_core.words import listed

_EVERYBODY: Final = frozenset({"*", "all", "any", "anyone", "everybody", "everyone", "public", "world"})


@policy("G109", scope="product")
def classification(product: DataProduct) -> Iterator[Violation]:
    for column in product.columns:
        if column.classification not in CLASSIFICATIONS:
            what = f'"{column.classification}"' if column.classification else "missing"
            message = f'the classification of the column "{column.name}" of {product.id} is {what}'
            yield Violation(message, column.place, product.id, f"one of {listed(CLASSIFICATIONS)}")


@policy("G110", scope="product")
def personal_tagged(product: DataProduct) -> Iterator[Violation]:
    for column in product.columns:
        # A masked column of a masked twin is not personal.
        if column.not_personal or (product.twin_of is not None and column.mask is not None):
            continue
        kind = looks_personal(column.name, column.logical_type)
        if kind is not None and "personal" not in column.tags and "pseudonymous" not in column.tags:
            message = f'the column "{column.name}" of {product.id} looks like {kind} of a person'
            yield Violation(message, column.place, product.id, "tags: [personal]")


@policy("G111", scope="product")
def personal_restricted(product: DataProduct) -> Iterator[Violation]:
    personal = [column for column in product.columns if column.personal]
    if not personal:
        return
    if not product.restricted:
        message = f'the personal column "{personal[0].name}" of {product.id} is not restricted'
        yield Violation(message, personal[0].place, product.id, "classification: restricted")
    for grant in product.grants:
        if grant.role != f"domain:{product.domain}" and grant.access != MASKED:
            message = f'{product.id} with personal data ("{personal[0].name}") is granted to {grant.role}'
            yield Violation(message, grant.place, product.id, "no grant to others")


@policy("G123", scope="product")
def personal_made(product: DataProduct, location: LocationFacts) -> Iterator[Violation]:
    factory = location.factory.get(product.name)
    disclosed = any(rule.kind == "disclosure" for rule in product.rules)
    if factory is None or disclosed or product.twin_of is not None:
        return
    for name, source, used in factory.from_personal:
        column = product.column(name)
        if column is not None and not column.personal and not column.not_personal:
            message = f'the column "{name}" of {product.id} is made from the personal column {source}.{used}'
            yield Violation(message, column.place, product.id, "tags: [personal], a mask or a disclosure")


@policy("G112", scope="product")
def pseudonymous_granted(product: DataProduct) -> Iterator[Violation]:
    columns = [column for column in product.columns if "pseudonymous" in column.tags]
    for column in columns:
        if column.classification == "public":
            message = f'the pseudonymous column "{column.name}" of {product.id} is public'
            yield Violation(message, column.place, product.id, "confidential, or at least internal")
    for grant in product.grants if columns else ():
        if grant.role.lower() in _EVERYBODY:
            message = f'{product.id} with pseudonyms ("{columns[0].name}") is granted to {grant.role}'
            yield Violation(message, grant.place, product.id, "domain:<name>, or the name of a group")


@policy("G121", scope="product")
def twin_granted(product: DataProduct) -> Iterator[Violation]:
    if product.twin_of is not None and not {g.role for g in product.grants} - {f"domain:{product.domain}"}:
        message = f"no role may read {product.id}, the masked twin of {product.twin_of}"
        yield Violation(message, product.place, product.id, "a role with access: masked")


@policy("G122", scope="product")
def masked_has_twin(product: DataProduct) -> Iterator[Violation]:
    if product.masking is None and product.twin_of is None:
        for grant in product.grants:
            if grant.access == MASKED:
                message = f"{grant.role} is granted the masked twin of {product.id}, which has no twin"
                yield Violation(message, grant.place, product.id, "maskedAs on the schema object")
