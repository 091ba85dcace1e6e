"""Policies on documentation: purpose, columns, and a support channel."""

from __future__ import annotations

from collections.abc import Iterator

from platform_core.contracts.model import DataProduct, place_in
from platform_core.governance.facts import MeshFacts
from platform_core.governance.policy import Violation, policy


@policy("G104", scope="product")
def purpose(product: DataProduct) -> Iterator[Violation]:
    if not product.purpose.strip():
        place = place_in(product, "/description/purpose", "/description")
        yield Violation(f"{product.id} has no purpose", place, product.id, "description: {purpose: ...}")


@policy("G105", scope="product")
def columns_described(product: DataProduct) -> Iterator[Violation]:
    for column in product.columns:
        if not column.description.strip():
            message = f'the column "{column.name}" of {product.id} has no description'
            yield Violation(message, column.place, product.id, 'description: "..."')


@policy("G116", scope="product")
def support(product: DataProduct, mesh: MeshFacts) -> Iterator[Violation]:
    team = mesh.federation.teams.get(product.owner or "")
    # A missing owner, and one without any address, are other violations.
    if team is None or product.support or team.channels or not team.email:
        return
    message = f"{product.id} has no support channel, and neither has its owner, {product.owner}"
    yield Violation(
        message,
        place_in(product, "/team/name"),
        product.id,
        "channels of the team, or support in the contract",
    )
