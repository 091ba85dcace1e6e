"""The agreement of the domains, read from the folder ``governance``: teams, topology and waivers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Literal, get_args

from platform_core.diagnostics import Diagnostic, GovernanceError, Place, shown
from platform_core.secrets import Secret
from platform_core.source.alerts import Alerts, alerts_of
from platform_core.source.budget import read_budget
from platform_core.source.cursor import Node, open_leniently
from platform_core.source.file_kind import FileKind
from platform_core.source.secret_reference import secret_reference
from platform_core.words import listed, slug

Topology = Literal["federated", "governed", "autonomous"]

TOPOLOGIES: Final[tuple[Topology, ...]] = get_args(Topology)
_TEAM = ("name", "description", "domain", "email", "channels", "members")
_CHANNEL = ("channel", "tool", "url", "description", "webhook")
_MEMBER = ("role", "name", "email")
_MESH = ("topology", "central_team", "email_domains", "representatives", "budget", "service_levels")
GOVERNANCE: Final = FileKind(
    "governance file",
    "a file as docs/governance.md or docs/operate.md shows it",
    "docs/governance.md shows the file, docs/operate.md that of alerts.",
    code="G406",
    raised=GovernanceError,
    may_be_empty=True,
)
_WAIVER = ("code", "product", "reason", "approvers", "expires")


@dataclass(frozen=True)
class Channel:
    """A channel of a team, for example ``#sales`` of Slack."""

    name: str
    tool: str | None = None
    url: str | None = None
    webhook: Secret | None = field(default=None, repr=False)
    """The secret with the address to which alerts are sent; a channel of the tool ``email`` needs none."""


@dataclass(frozen=True)
class Team:
    """A team of the federation's list, ``governance/teams.yaml``."""

    slug: str
    """Its key in the file, written like an owner: ``shop_team`` is ``shop-team``."""
    place: Place
    name: str | None = None
    email: str | None = None
    channels: tuple[Channel, ...] = ()
    members: tuple[str, ...] = ()
    domain: str | None = None


@dataclass(frozen=True)
class Waiver:
    """An exception of one product from one policy, for a time: an entry of ``governance/waivers.yaml``."""

    code: str
    product: str
    reason: str
    approvers: tuple[str, ...]
    expires: str
    """ISO date, the last day on which it is in force."""
    place: Place


@dataclass(frozen=True)
class Federation:
    """The agreement of the domains, from the folder ``governance``."""

    topology: Topology = "federated"
    central_team: str | None = None
    email_domains: tuple[str, ...] = ()
    representatives: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """E-mail addresses of the representatives, by domain."""
    teams: dict[str, Team] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    budget: dict[str, float] = field(default_factory=dict)
    """The budget of each product that declares none."""
    service_levels: str | None = None
    """The product with the service levels of all products."""
    alerts: Alerts = field(default_factory=Alerts)
    faults: tuple[Diagnostic, ...] = ()
    readable: bool = True
    """False where one of the files could not be read: its content is then unknown."""


def read_teams(root: Path) -> Federation:
    """The federation with its teams alone."""
    file = open_leniently(root / "governance" / "teams.yaml", GOVERNANCE)
    found = {team.slug: team for team in _teams(file)}
    return Federation(teams=found, faults=file.faults.quotable())


def read_federation(root: Path) -> Federation:
    """The federation of the mesh at ``root``; the faults of its files are in ``faults`` (G406).

    A missing file is an empty one: no teams, a federated topology, no waivers.
    """
    folder = root / "governance"
    if folder.is_symlink() and not folder.is_dir():
        lost = Diagnostic("G406", f"{shown(folder)} is a broken link", Place(folder), "a folder")
        return Federation(faults=(lost,), readable=False)
    files = [
        open_leniently(folder / f"{name}.yaml", GOVERNANCE) for name in ("teams", "mesh", "waivers", "alerts")
    ]
    teams, mesh, waivers, alerts = files
    topology = mesh.text("topology") or "federated"
    if topology not in TOPOLOGIES:
        mesh["topology"].error("C010", f'unknown topology "{topology}"', known=TOPOLOGIES)
    mesh.has_only(_MESH, "C010", "mesh.yaml")
    by_slug = {team.slug: team for team in _teams(teams)}
    named = mesh.text("central_team")
    central = slug(named, "-") if named is not None else None
    if central is not None and not teams.faults.errors and central not in by_slug:
        expected = f"one of {listed(sorted(by_slug))}"
        mesh["central_team"].error("C010", f'unknown team "{named}"', expected, known=by_slug)
    if topology == "governed" and central is None:
        message, expected = "a governed mesh has no central team", "central_team: a team of teams.yaml"
        mesh.faults.error("C010", message, Place(folder / "mesh.yaml"), expected)
    representatives = mesh["representatives"]
    return Federation(
        topology=topology if topology in TOPOLOGIES else "federated",
        central_team=central,
        email_domains=mesh.texts("email_domains"),
        representatives={name: representatives.texts(name) for name in representatives.mapping()},
        teams=by_slug,
        waivers=tuple(_waivers(waivers)),
        budget=read_budget(mesh["budget"], "C010") if "budget" in mesh.mapping() else {},
        service_levels=mesh.text("service_levels"),
        alerts=alerts_of(alerts),
        faults=tuple(fault for file in files for fault in file.faults.quotable()),
        readable=all(file.faults.readable for file in files),
    )


def alert_secrets(found: Federation) -> frozenset[str]:
    """The variables with secrets of channels, of the mail server and of the heartbeat."""
    secrets = [channel.webhook for team in found.teams.values() for channel in team.channels]
    secrets += [found.alerts.heartbeat, found.alerts.email.password if found.alerts.email else None]
    return frozenset(each["env"] for each in secrets if isinstance(each, Mapping) and "env" in each)


def _teams(file: Node) -> Iterator[Team]:
    file.has_only(("teams",), "C010", "teams.yaml")
    seen: dict[str, str] = {}
    for key in file["teams"].mapping():
        team = file["teams"][key]
        team.has_only(_TEAM, "C010", "teams.yaml")
        name = slug(key, "-")
        if other := seen.get(name):
            message = f'"{key}" and "{other}" are the same team name'
            team.error("C010", message, "a name of its own", at_key=True)
        seen[name] = key
        channels, members = team.items("channels"), team.items("members")
        for items, keys in ((channels, _CHANNEL), (members, _MEMBER)):
            for item in items:
                item.has_only(keys, "C010", "teams.yaml")
        # Messages are kept by the name of their channel.
        named = [item.text("channel") for item in channels]
        for number, item in enumerate(channels):
            if named[number] is not None and named[number] in named[:number]:
                item["channel"].error("C010", f'a second channel "{named[number]}"', "every channel once")
        yield Team(
            name,
            team.key_place(),
            email=team.text("email"),
            name=team.text("name"),
            channels=tuple(
                Channel(
                    channel, item.text("tool"), item.text("url"), secret_reference(item, "webhook", "G406")
                )
                for item in channels
                if (channel := item.text("channel"))
            ),
            members=tuple(email for item in members if (email := item.text("email"))),
            domain=team.text("domain"),
        )


def _waivers(file: Node) -> Iterator[Waiver]:
    file.has_only(("waivers",), "C010", "waivers.yaml")
    for entry in file.items("waivers"):
        if not entry.value:
            continue
        entry.has_only(_WAIVER, "C010", "waivers.yaml")
        missing = [key for key in _WAIVER if entry.get(key) in (None, "", [])]
        if missing:
            entry.error("C010", f"a waiver without {listed(missing)}", listed(_WAIVER))
            continue
        expires = entry.text("expires") or ""
        try:
            date.fromisoformat(expires)
        except ValueError:
            entry["expires"].error("C010", f'"{expires}" is not a date', "a date as 2026-12-31")
            continue
        code, product, reason = (entry.text(key) or "" for key in ("code", "product", "reason"))
        approvers = entry.texts("approvers")
        if code and product and reason and approvers:
            words = " ".join(reason.split())
            yield Waiver(code, product, words, approvers, expires, entry.place("code"))
