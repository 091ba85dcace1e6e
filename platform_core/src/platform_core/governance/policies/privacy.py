"""Data on people: named for what it is, and kept from those who were not granted it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from platform_core.contracts.model import DataProduct
from platform_core.contracts.personal_names import looks_personal
from platform_core.governance.facts import LocationFacts, MeshFacts
from platform_core.governance.policy import Violation, policy
from platform_core.odcs.columns import CLASSIFICATIONS
from platform_core.odcs.masked_twin import MASKED
from platform_core.words import listed

_EVERYBODY: Final = frozenset({"*", "all", "any", "anyone", "everybody", "everyone", "public", "world"})


@policy(
    "G109",
    title="Every column is classified",
    scope="product",
    rationale="Sensitivity decides where a column may be seen: restricted ones live in a lake of their own, "
    "and none of them appears in previews or samples. What is not classified was not thought about.",
    fix=f"Add a classification: {', '.join(CLASSIFICATIONS)}.",
    failing="- {name: store_id, logicalType: integer}",
    passing="- {name: store_id, logicalType: integer, classification: internal}",
)
def classification(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    for column in product.columns:
        if column.classification not in CLASSIFICATIONS:
            said = f'is "{column.classification}"' if column.classification else "is missing"
            message = f'the classification of the column "{column.name}" of {product.id} {said}'
            yield Violation(message, column.place, product.id, f"one of {listed(CLASSIFICATIONS)}")


@policy(
    "G110",
    title="A column that looks personal says whether it is",
    scope="product",
    rationale="Masks, previews and grants go by the tag `personal`, not by names. A column named like a "
    "person's detail must be tagged so, as `pseudonymous` where it only stands for somebody, be declared not "
    "personal with the reason, which the scorecard lists, or be renamed.",
    fix="Add tags: [personal]; or, where it speaks of nobody, "
    "customProperties: [{property: notPersonal, value: <why>, vendor: platform-core}].",
    failing="- {name: birth_date, logicalType: date, classification: restricted}",
    passing="- {name: birth_date, logicalType: date, classification: restricted, tags: [personal]}",
)
def personal_tagged(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    for column in product.columns:
        # What a mask made of a column of a masked twin is the person's no more.
        if column.not_personal or (product.twin_of is not None and column.mask is not None):
            continue
        kind = looks_personal(column.name, column.logical_type)
        if kind is not None and "personal" not in column.tags and "pseudonymous" not in column.tags:
            message = f'the column "{column.name}" of {product.id} looks like {kind} of a person'
            yield Violation(message, column.place, product.id, "tags: [personal]")


@policy(
    "G111",
    title="Personal data stays in its domain",
    scope="product",
    rationale="Personal columns belong in the domain's restricted lake, which no other domain attaches: that "
    "takes one column classified `restricted` and no grant beyond the domain. Others read a masked twin, or "
    "a product made without the persons.",
    fix="Classify the column as restricted, and grant a product without it instead.",
    failing="- {name: birth_date, classification: confidential, tags: [personal]}",
    passing="- {name: birth_date, classification: restricted, tags: [personal]}",
)
def personal_restricted(
    product: DataProduct, location: LocationFacts, mesh: MeshFacts
) -> Iterator[Violation]:
    personal = [column for column in product.columns if column.personal]
    if not personal:
        return
    if not product.restricted:
        message = f'the personal column "{personal[0].name}" of {product.id} is in the lake that others read'
        yield Violation(message, personal[0].place, product.id, "classification: restricted")
    for grant in product.grants:
        if grant.role != f"domain:{product.domain}" and grant.access != MASKED:
            message = (
                f'{product.id} holds personal data ("{personal[0].name}") and is granted to {grant.role}'
            )
            yield Violation(message, grant.place, product.id, "no grant beyond its own domain")


@policy(
    "G112",
    title="Pseudonymous data is read under a named grant only",
    scope="product",
    rationale="A pseudonym can be joined back to a person by whoever has the other half. It may be shared "
    "with domains and groups that are named one by one, never with everybody, and is never `public`.",
    fix="Name the domains and groups that may read, and classify the column as confidential.",
    failing="- {name: household_id, classification: public, tags: [pseudonymous]}",
    passing="- {name: household_id, classification: confidential, tags: [pseudonymous]}",
)
def pseudonymous_granted(
    product: DataProduct, location: LocationFacts, mesh: MeshFacts
) -> Iterator[Violation]:
    columns = [column for column in product.columns if "pseudonymous" in column.tags]
    for column in columns:
        if column.classification == "public":
            message = f'the pseudonymous column "{column.name}" of {product.id} is public'
            yield Violation(message, column.place, product.id, "confidential, or at least internal")
    for grant in product.grants if columns else ():
        if grant.role.lower() in _EVERYBODY:
            message = f'{product.id} holds pseudonyms ("{columns[0].name}") and is granted to {grant.role}'
            yield Violation(message, grant.place, product.id, "domain:<name>, or the name of a group")


@policy(
    "G121",
    title="A masked twin is granted to somebody",
    scope="product",
    rationale="A masked twin is made, stored and kept for readers outside of its domain. One that nobody may "
    "read is a second copy of what people told, without a reader it was made for.",
    fix="Grant it by a role with access: masked, or remove maskedAs and the masks.",
    failing="roles: []\nschema:\n  - name: people\n    customProperties:\n"
    "      - {property: maskedAs, value: profiles, vendor: platform-core}",
    passing='roles: [{role: "domain:sales", access: masked}]',
)
def twin_granted(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    if product.twin_of is not None and not any(
        grant.role != f"domain:{product.domain}" for grant in product.grants
    ):
        message = f"nobody may read {product.id}, the masked twin of {product.twin_of}"
        yield Violation(message, product.place, product.id, "a role with access: masked")


@policy(
    "G122",
    title="What is granted masked has a masked twin",
    scope="product",
    rationale="A role with `access: masked` grants the masked twin and not the product. Without a twin it "
    "grants nothing, and whoever asked for access waits for a table that is never made.",
    fix="Name the twin by maskedAs and mask its columns, or remove the role.",
    failing='roles: [{role: "domain:sales", access: masked}]  # and no maskedAs',
    passing="customProperties:\n  - {property: maskedAs, value: profiles, vendor: platform-core}",
)
def masked_has_twin(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    if product.masking is None and product.twin_of is None:
        for grant in product.grants:
            if grant.access == MASKED:
                message = f"{grant.role} is granted the masked twin of {product.id}, which has none"
                yield Violation(message, grant.place, product.id, "maskedAs on the schema object")
