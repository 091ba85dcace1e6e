"""What a reader has to be told: purpose, columns, and where to ask."""

from __future__ import annotations

from collections.abc import Iterator

from platform_core.contracts.model import DataProduct
from platform_core.governance.facts import LocationFacts, MeshFacts
from platform_core.governance.policy import Violation, policy


@policy(
    "G104",
    title="A product says what it is for",
    scope="product",
    rationale="Consumers in other domains choose a product by what it is for. Without a purpose they have "
    "to ask, or to guess from the names of columns.",
    fix="Add to the contract:\ndescription: {purpose: One row per ...}",
    failing="id: sales/stores\nteam: {name: sales-analytics}",
    passing="id: sales/stores\nteam: {name: sales-analytics}\ndescription: {purpose: One row per store.}",
)
def purpose(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    if not product.purpose.strip():
        places = product.places
        place = places.get("/description/purpose") or places.get("/description") or product.place
        yield Violation(f"{product.id} has no purpose", place, product.id, "description: {purpose: ...}")


@policy(
    "G105",
    title="Every column is described",
    scope="product",
    rationale="A column's name says it to those who named it. Unit, meaning of codes and of missing values "
    "are what another domain gets wrong.",
    fix="Add a description with unit and meaning.",
    failing="- {name: discount, logicalType: number}",
    passing='- {name: discount, logicalType: number, description: "US dollars off the shelf price."}',
)
def columns_described(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    for column in product.columns:
        if not column.description.strip():
            message = f'the column "{column.name}" of {product.id} has no description'
            yield Violation(message, column.place, product.id, 'description: "..."')


@policy(
    "G116",
    title="There is a channel for support",
    scope="product",
    rationale="Whoever finds a fault in the data must know where to say so, before finding out who owns it. "
    "The channel of the owner's team is enough; `support` in the contract is for another one.",
    fix="Add a channel to the team in governance/teams.yaml, or support to the contract.",
    failing="teams:\n  sales-analytics: {name: Sales analytics, email: sales-analytics@example.com}",
    passing='teams:\n  sales-analytics:\n    channels: [{channel: "#sales-analytics", tool: slack}]',
)
def support(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    federation = mesh.federation
    owner = product.owner or ""
    team = federation.teams.get(owner)
    # Without a known owner there is a violation already, whose cure brings a channel along.
    if team is None or product.support or team.channels:
        return
    if not team.email:
        return
    message = f"{product.id} has no support channel, and neither has its owner, {owner}"
    place = product.places.get("/team/name") or product.place
    yield Violation(message, place, product.id, "channels of the team, or support in the contract")
