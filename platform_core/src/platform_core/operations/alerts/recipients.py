"""The recipients of an event: those that policies name, with the channels of their teams."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import UsageError
from platform_core.operations.incidents.reach import Reach, Reached
from platform_core.source.alerts import DOMAIN, OWNER, READERS, TOOLS, AlertPolicy, Alerts, Event
from platform_core.source.federation import Channel, Federation
from platform_core.workspace.run.selection import parse_selection

Role = Literal["owner", "reader", "named"]


@dataclass(frozen=True, slots=True)
class Target:
    """One channel that gets messages. ``name`` is its key in the outbox."""

    name: str
    tool: str
    channel: Channel

    @classmethod
    def of(cls, team: str, channel: Channel) -> Target:
        return cls(f"{team} {channel.name}", channel.tool or "", channel)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A team that hears of an event: as the owner, as the reader with its ``products``, or because a policy
    names it. ``missing`` is the team that has no channel, for which the central team hears of it."""

    team: str
    role: Role
    target: Target
    policy: AlertPolicy
    products: tuple[str, ...] = ()
    missing: str | None = None


@dataclass(frozen=True)
class Happening:
    """An event with the products that it is about, and the readers that it reaches."""

    events: frozenset[Event]
    products: tuple[str, ...] = ()
    readers: Mapping[str, Reached] = field(default_factory=dict)
    domain: str | None = None
    """The domain of a location."""
    late: tuple[str, ...] = ()
    """The products that are late by it."""
    reach: Reach = field(default_factory=Reach)
    """The graph of the mesh, for selections."""


@dataclass(frozen=True)
class Directory:
    """The people of a mesh: contracts, teams and policies."""

    products: Mapping[str, DataProduct]
    federation: Federation

    @property
    def alerts(self) -> Alerts:
        return self.federation.alerts

    def recipients(
        self,
        happening: Happening,
        without: Collection[str] = (),
        policies: Iterable[AlertPolicy] | None = None,
    ) -> Iterator[Recipient]:
        """The recipients of an event, each channel once: an owner before a reader. ``without`` are the names
        of channels that are the subject; ``policies`` are by default those of the file."""
        seen: set[str] = set()
        chosen = self.alerts.policies if policies is None else policies
        matching = [each for each in chosen if self.matches(each, happening)]
        order: tuple[Role, ...] = ("owner", "reader", "named")
        for role in order:
            for each in matching:
                for team, products in self._teams(each, role, happening):
                    for target, missing in self._targets(team, each, without):
                        if target.name not in seen:
                            seen.add(target.name)
                            yield Recipient(team, role, target, each, products, missing)

    def matches(self, policy: AlertPolicy, happening: Happening) -> bool:
        """Whether a policy is about an event, by its kind and its products."""
        if not happening.events & set(policy.events):
            return False
        about = {*happening.products, *happening.late}
        products = [self.products[name] for name in sorted(about & self.products.keys())]
        found: dict[str, set[str | None]] = {
            "domain": {happening.domain, *(each.domain for each in products)},
            "owner": {each.owner for each in products},
            "tag": {tag for each in products for tag in each.tags},
        }
        if (words := policy.of.get("selection")) and not about & self._selected(words, happening.reach):
            return False
        return all(found[key] & set(words) for key, words in policy.of.items() if key in found)

    def _selected(self, words: tuple[str, ...], reach: Reach) -> frozenset[str]:
        try:
            chosen = parse_selection(words, self.products)
        except UsageError:  # mesh validate names the unknown product
            return frozenset()
        return chosen.resolve({name: reach.inputs(name) for name in self.products})

    def owners(self, happening: Happening) -> set[str]:
        """The teams or addresses that own what an event is about; the central team where nobody does."""
        found = {self.products[name].owner or "" for name in happening.products if name in self.products} | {
            team.slug for team in self.federation.teams.values() if team.domain == (happening.domain or "")
        }
        return {each for each in found if each} or self._central()

    def _teams(
        self, policy: AlertPolicy, role: Role, happening: Happening
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        if role == "owner" and OWNER in policy.notify:
            yield from ((team, happening.products) for team in sorted(self.owners(happening)))
        if role == "reader" and READERS in policy.notify:
            by_team: dict[str, list[str]] = {}
            for name in sorted(happening.readers):
                product = self.products.get(name)
                if product is not None and product.owner:
                    by_team.setdefault(product.owner, []).append(name)
            yield from ((team, tuple(products)) for team, products in by_team.items())
        if role == "named":
            for word in policy.notify:
                if word in (OWNER, READERS):
                    continue
                domain = word.removeprefix(DOMAIN) if word.startswith(DOMAIN) else None
                teams = self.federation.teams.values()
                named = [team.slug for team in teams if team.domain == domain] if domain else [word]
                yield from ((team, ()) for team in named)

    def _targets(
        self, team: str, policy: AlertPolicy, without: Collection[str]
    ) -> Iterator[tuple[Target, str | None]]:
        own = [each for each in self.targets(team, policy.by or TOOLS) if each.name not in without]
        yield from ((target, None) for target in own)
        if not own:
            for central in sorted(self._central() - {team}):
                others = self.targets(central, TOOLS)
                yield from ((target, team) for target in others if target.name not in without)

    def targets(self, owner: str, tools: Collection[str] = TOOLS) -> list[Target]:
        """The channels of a team, or of a person by an address, to which messages can be sent."""
        team = self.federation.teams.get(owner)
        channels = list(team.channels) if team is not None else []
        address = team.email if team is not None else owner if "@" in owner else None
        if address is not None and self.alerts.email is not None:
            channels.append(Channel(address, "email"))
        return [
            Target.of(owner, each)
            for each in channels
            if each.tool in tools and (each.webhook or (each.tool == "email" and self.alerts.email))
        ]

    def target(self, name: str) -> Target | None:
        """A channel by its name in the outbox."""
        owner = name.partition(" ")[0]
        return next((each for each in self.targets(owner) if each.name == name), None)

    def _central(self) -> set[str]:
        return {self.federation.central_team} if self.federation.central_team else set()


def domain_of(cause: str) -> str | None:
    """The domain of a cause that is a location or a product; None for any other."""
    kind, _, name = cause.partition(":")
    return name if kind == "location" else ProductId(cause).domain if "/" in kind else None
