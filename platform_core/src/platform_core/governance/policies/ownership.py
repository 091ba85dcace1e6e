"""Policies on the owners of products."""

from __future__ import annotations

from collections.abc import Iterator

from platform_core.contracts.model import DataProduct, place_in
from platform_core.diagnostics import Place
from platform_core.governance.facts import MeshFacts
from platform_core.governance.policy import Violation, policy
from platform_core.words import did_you_mean, listed


def owner_place(product: DataProduct) -> Place:
    """The place of the owner in the contract; of its surroundings where it is missing."""
    return place_in(product, "/team/name", "/team")


def _host(owner: str) -> str | None:
    return owner.rpartition("@")[2].lower() if "@" in owner else None


@policy("G101", scope="product")
def owner_present(product: DataProduct) -> Iterator[Violation]:
    if not product.owner:
        yield Violation(f"{product.id} has no owner", owner_place(product), product.id, "team: {name: ...}")


@policy("G102", scope="product")
def owner_known(product: DataProduct, mesh: MeshFacts) -> Iterator[Violation]:
    owner, federation = product.owner, mesh.federation
    if not owner or owner in federation.teams or not federation.readable:
        return
    if "@" in owner:
        if _host(owner) in federation.email_domains:
            return
        message = f"the owner of {product.id}, {owner}, is not an address of the federation"
        expected = f"an address in {listed(federation.email_domains) or 'no domain: none is allowed'}"
        yield Violation(message, owner_place(product), product.id, expected)
        return
    known = sorted(federation.teams)
    message = f'the team "{owner}", which owns {product.id}, is not in the federation\'s list'
    guess = did_you_mean(owner, known)
    yield Violation(message, owner_place(product), product.id, f"one of {listed(known)}", guess)


@policy("G103", scope="product")
def owner_accountable(product: DataProduct, mesh: MeshFacts) -> Iterator[Violation]:
    owner, federation = product.owner or "", mesh.federation
    team = federation.teams.get(owner)
    if team is not None and not team.email and not team.channels:
        message = f'the team "{owner}", which owns {product.id}, has neither address nor channel'
        yield Violation(message, team.place, product.id, "email: ... or channels: [...]")
    # An address outside of the federation is another violation.
    if team is None and _host(owner) in federation.email_domains and federation.readable:
        teams = [t.slug for t in federation.teams.values() if owner == t.email or owner in t.members]
        if len(teams) != 1:
            where = f"in the teams {listed(teams)}" if teams else "in no team"
            message = f"the owner of {product.id}, {owner}, is {where}"
            fix = "Name the team as owner, or add the address to the members of one team."
            yield Violation(message, owner_place(product), product.id, "a member of exactly one team", fix)
