"""Policies on alerts: they name what exists, and somebody hears of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.governance.facts import MeshFacts
from platform_core.governance.policy import Violation, policy
from platform_core.source.alerts import DOMAIN, OWNER, READERS, TOOLS, AlertPolicy
from platform_core.source.federation import Team
from platform_core.words import did_you_mean, listed


@policy("G508", scope="mesh")
def alerts_name_what_exists(mesh: MeshFacts) -> Iterator[Violation]:
    if not mesh.federation.readable:
        return
    known = _known(mesh)
    for each in mesh.federation.alerts.policies:
        for kind, words in _words(each).items():
            for word in words:
                if word not in known[kind]:
                    message = (
                        f'the alert policy {each.name} names the {kind} "{word}", which is not in the mesh'
                    )
                    guess = did_you_mean(word, known[kind])
                    yield Violation(message, each.place, None, f"one of {listed(sorted(known[kind]))}", guess)


@policy("G509", scope="mesh", severity="warn")
def alerts_have_a_channel(mesh: MeshFacts) -> Iterator[Violation]:
    federation = mesh.federation
    if not federation.readable:
        return
    products = mesh.products.values()
    for each in federation.alerts.policies:
        named = {team for word in each.notify for team in _teams(word, mesh)}
        if OWNER in each.notify:
            named |= {product.owner for product in products if product.owner and _is_about(each, product)}
        if READERS in each.notify:
            named |= {product.owner for product in products if product.owner}
        people = sorted(word for word in each.notify if "@" in word)
        if people and federation.alerts.email is None:
            message = f"the alert policy {each.name} notifies {listed(people)}, and there is no mail server"
            yield Violation(message, each.place, None, "email: {host: ..., from: ...} in alerts.yaml")
        for team in sorted(named & federation.teams.keys()):
            if not _has_channel(federation.teams[team], each, mesh):
                tools = f" of {listed(each.by)}" if each.by else ""
                message = f"the team {team} has no channel{tools} that takes alerts of the policy {each.name}"
                expected = "a channel with a webhook, or an e-mail address and a mail server"
                fix = "Until then the central team hears of it."
                yield Violation(message, federation.teams[team].place, None, expected, fix)


def _words(each: AlertPolicy) -> Mapping[str, tuple[str, ...]]:
    people = [word for word in each.notify if word not in (OWNER, READERS)]
    domains = tuple(word.removeprefix(DOMAIN) for word in people if word.startswith(DOMAIN))
    chosen = (part for text in each.of.get("selection", ()) for part in text.replace(",", " ").split())
    return {
        "team": tuple(w for w in people if "@" not in w and not w.startswith(DOMAIN)),
        "domain": (*domains, *each.of.get("domain", ())),
        "owner": each.of.get("owner", ()),
        "tag": each.of.get("tag", ()),
        "product": tuple(word.strip("+") for word in chosen),
    }


def _known(mesh: MeshFacts) -> Mapping[str, set[str]]:
    domains = {ProductId(name).domain for name in mesh.known}
    products = mesh.known.values()
    return {
        "team": {*mesh.federation.teams},
        "domain": domains,
        "owner": {product.owner for product in products if product.owner},
        "tag": {tag for product in products for tag in product.tags},
        "product": {*mesh.known, *mesh.unread, *domains},
    }


def _is_about(each: AlertPolicy, product: DataProduct) -> bool:
    found: dict[str, set[str | None]] = {
        "domain": {product.domain},
        "owner": {product.owner},
        "tag": {*product.tags},
    }
    return all(found[key] & {*words} for key, words in each.of.items() if key in found)


def _teams(word: str, mesh: MeshFacts) -> Iterator[str]:
    if word.startswith(DOMAIN):
        teams = mesh.federation.teams.values()
        yield from (team.slug for team in teams if team.domain == word.removeprefix(DOMAIN))
    else:
        yield word


def _has_channel(team: Team, each: AlertPolicy, mesh: MeshFacts) -> bool:
    tools, mail = each.by or TOOLS, mesh.federation.alerts.email is not None
    by_mail = mail and "email" in tools
    own = any(c.tool in tools and (c.webhook or (c.tool == "email" and mail)) for c in team.channels)
    return own or (by_mail and team.email is not None)
