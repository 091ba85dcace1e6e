"""Grants: the principals that may read a data product, and the diagnostics for all others."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import AccessDenied, UsageError, shown
from platform_core.odcs.masked_twin import MASKED
from platform_core.registry.typed_names import domain_name
from platform_core.source.federation import read_teams
from platform_core.words import listed

ANALYSTS: Final = "analysts"


def require_principal(principal: str, domains: tuple[str, ...]) -> None:
    """Raise UsageError unless ``principal`` is a group's name (U041) or ``domain:<a domain>`` (U042)."""
    kind, colon, domain = principal.partition(":")
    if colon and kind == "domain":
        domain_name(domain, domains)
    elif colon or not principal:
        expected = f"{ANALYSTS}, or domain:<name> with one of {listed(domains)}"
        raise UsageError.of("U041", f'"{principal}" is not a known principal', None, expected)


def reader_of(asked: str | None, default: str, known_as: str | None, domains: tuple[str, ...]) -> str:
    """The principal of a reader: the one asked for, or ``default``. Where the servers know the reader as a
    domain or a group, it is that one.

    Raises UsageError as ``require_principal``; E016 for another principal than the servers know.
    """
    if known_as is None:
        chosen = default if asked is None else asked
        require_principal(chosen, domains)
        return chosen
    own = f"domain:{known_as}" if known_as in domains else known_as
    if asked not in (None, own):
        message = f"{asked} cannot be chosen: the credentials of this process are those of {own}"
        fix = "Leave --as out, or set MESH_PRINCIPAL and use the credentials of that principal."
        raise UsageError.of("E016", message, None, "the reader that the credentials name", fix)
    return own


def is_granted(product: DataProduct, principal: str) -> bool:
    """Whether ``principal`` may read a product; ``require_grant`` gives the reasons against it."""
    own = principal == f"domain:{product.domain}"
    return own or (not product.restricted and product.granted_to(principal))


def require_grant(product: DataProduct, principal: str, root: Path) -> None:
    """Refuse a product that ``principal`` (``domain:<name>`` or a group) may not read.

    Raises AccessDenied: A001 without a grant; A002 for a restricted product of another domain, even if its
    contract grants it.
    """
    if is_granted(product, principal):
        return
    owner = asked(product, root)
    if product.restricted:
        message = f"{product.id} is restricted to the domain {product.domain}; {principal} cannot read it"
        expected = f"a product of {product.domain} without restricted columns"
        fix = (
            f"Read its masked twin `{product.domain}/{product.masking.name}`."
            if product.masking is not None
            else f"Ask {owner} for one, or run `mesh products --domain {product.domain}`."
        )
        raise AccessDenied.of("A002", message, product.place, expected, fix, plain=True)
    access = MASKED if product.twin_of else "read"
    in_yaml = f'"{principal}"' if ":" in principal else principal
    message, place = f"{principal} has no grant for {product.id}", product.places.get("/roles")
    expected = f"a role {principal} with {access} access in its contract"
    role = f"roles:\n  - {{role: {in_yaml}, access: {access}}}"
    fix = f"Ask {owner} to add to {shown(product.path)}:\n{role}"
    raise AccessDenied.of("A001", message, place or product.place, expected, fix, plain=True)


def asked(product: DataProduct, root: Path) -> str:
    """The owner to ask for a grant: the team, with its address if ``teams.yaml`` has one."""
    if product.owner is None:
        return f"the domain {product.domain}"
    teams = read_teams(root)
    team = teams.teams.get(product.owner)
    if team is not None and team.email:
        return f"{product.owned_by} ({team.email})"
    unread = next((fault.place for fault in teams.faults if fault.place), None)
    return f"{product.owned_by}" + (f" (its address cannot be read: {unread})" if unread else "")
