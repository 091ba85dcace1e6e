"""What the domains agreed on, read from the folder ``governance``: teams, topology and waivers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Literal, get_args

from platform_core.diagnostics import Diagnostic, GovernanceError, Place, shown
from platform_core.source.file_kind import FileKind
from platform_core.source.lenient_file import LenientFile, Where, open_leniently
from platform_core.words import listed, slug

Topology = Literal["federated", "governed", "autonomous"]

TOPOLOGIES: Final[tuple[Topology, ...]] = get_args(Topology)
_TEAM = ("name", "description", "domain", "email", "channels", "members")
_CHANNEL = ("channel", "tool", "url", "description")
_MEMBER = ("role", "name", "email")
_MESH = ("topology", "central_team", "email_domains", "representatives")
GOVERNANCE: Final = FileKind(
    "governance file",
    "a file as docs/governance.md shows it",
    "docs/governance.md shows the file.",
    code="G406",
    raised=GovernanceError,
    may_be_empty=True,
)
_WAIVER = ("code", "product", "reason", "approvers", "expires")


@dataclass(frozen=True)
class Channel:
    """Where a team is reached: ``#sales`` of Slack, say."""

    name: str
    tool: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Team:
    """A team of the federation's list, ``governance/teams.yaml``."""

    slug: str
    """Its key in the file as owners are written: ``shop_team`` is ``shop-team``."""
    place: Place
    name: str | None = None
    email: str | None = None
    channels: tuple[Channel, ...] = ()
    members: tuple[str, ...] = ()
    domain: str | None = None


@dataclass(frozen=True)
class Waiver:
    """An agreed exception: one policy, one product, for a time. See ``governance/waivers.yaml``."""

    code: str
    product: str
    reason: str
    approvers: tuple[str, ...]
    expires: str
    """ISO date; the last day on which it is in force."""
    place: Place


@dataclass(frozen=True)
class Federation:
    """What the domains agreed on, from the folder ``governance``."""

    topology: Topology = "federated"
    central_team: str | None = None
    email_domains: tuple[str, ...] = ()
    representatives: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By domain: who speaks for it (e-mail addresses)."""
    teams: dict[str, Team] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    faults: tuple[Diagnostic, ...] = ()
    readable: bool = True
    """False where one of the files could not be read: then what it says is not known."""


@dataclass(frozen=True)
class Teams:
    """The federation's list of teams, and what is wrong with it."""

    by_slug: dict[str, Team]
    faults: tuple[Diagnostic, ...]


def read_teams(root: Path) -> Teams:
    """The teams alone, for who asks nothing else of the federation."""
    file = open_leniently(root / "governance" / "teams.yaml", GOVERNANCE)
    found = dict(_teams(file))
    return Teams(found, tuple(file.faults))


def read_federation(root: Path) -> Federation:
    """The federation of the mesh at ``root``; what is wrong with its files is in ``faults`` (G406).

    A file that is missing says nothing: no teams, a federated topology, no waivers.
    """
    folder = root / "governance"
    if folder.is_symlink() and not folder.is_dir():
        lost = Diagnostic("G406", f"{shown(folder)} leads nowhere", Place(folder), "a folder")
        return Federation(faults=(lost,), readable=False)
    teams, mesh, waivers = (
        open_leniently(folder / f"{name}.yaml", GOVERNANCE) for name in ("teams", "mesh", "waivers")
    )
    topology = mesh.text(("topology",)) or "federated"
    if topology not in TOPOLOGIES:
        mesh.fault(f'no topology is named "{topology}"', ("topology",), listed(TOPOLOGIES), TOPOLOGIES)
    mesh.known((), _MESH)
    by_slug = dict(_teams(teams))
    named = mesh.text(("central_team",))
    central = slug(named, "-") if named is not None else None
    if central is not None and not teams.faults and central not in by_slug:
        mesh.fault(f'no team is named "{named}"', ("central_team",), listed(sorted(by_slug)), by_slug)
    if topology == "governed" and central is None:
        mesh.fault("a governed mesh has a central team", (), "central_team: a team of teams.yaml")
    representatives = mesh.mapping(("representatives",))
    return Federation(
        topology=topology if topology in TOPOLOGIES else "federated",
        central_team=central,
        email_domains=mesh.texts(("email_domains",)),
        representatives={name: mesh.texts(("representatives", name)) for name in representatives},
        teams=by_slug,
        waivers=tuple(_waivers(waivers)),
        faults=(*teams.faults, *mesh.faults, *waivers.faults),
        readable=teams.readable and mesh.readable and waivers.readable,
    )


def _teams(file: LenientFile) -> Iterator[tuple[str, Team]]:
    file.known((), ("teams",))
    seen: dict[str, str] = {}
    for key in file.mapping(("teams",)):
        where: Where = ("teams", key)
        file.known(where, _TEAM)
        name = slug(key, "-")
        if other := seen.get(name):
            file.fault_at_key(f'"{key}" and "{other}" are one name of a team', where, "a name of its own")
        seen[name] = key
        channels, members = (*where, "channels"), (*where, "members")
        for index in range(len(file.list(channels))):
            file.known((*channels, index), _CHANNEL)
        for index in range(len(file.list(members))):
            file.known((*members, index), _MEMBER)
        yield (
            name,
            Team(
                name,
                file.key_place(where),
                email=file.text((*where, "email")),
                name=file.text((*where, "name")),
                channels=tuple(_channels(file, channels)),
                members=tuple(file.each(members, "email")),
                domain=file.text((*where, "domain")),
            ),
        )


def _channels(file: LenientFile, where: Where) -> Iterator[Channel]:
    for index in range(len(file.list(where))):
        here = (*where, index)
        if file.mapping(here) and (name := file.text((*here, "channel"))):
            yield Channel(name, file.text((*here, "tool")), file.text((*here, "url")))


def _waivers(file: LenientFile) -> Iterator[Waiver]:
    file.known((), ("waivers",))
    for index in range(len(file.list(("waivers",)))):
        where: Where = ("waivers", index)
        if not file.mapping(where):
            continue
        file.known(where, _WAIVER)
        missing = [key for key in _WAIVER if file.at((*where, key)) in (None, "", [])]
        if missing:
            file.fault(f"a waiver without {listed(missing)}", where, listed(_WAIVER))
            continue
        expires = file.text((*where, "expires")) or ""
        try:
            date.fromisoformat(expires)
        except ValueError:
            file.fault(f'"{expires}" is no day', (*where, "expires"), "a day as 2026-12-31")
            continue
        words = [file.text((*where, key)) for key in ("code", "product", "reason")]
        approvers = file.texts((*where, "approvers"))
        if all(words) and approvers:
            code, product, reason = (word or "" for word in words)
            place = file.place((*where, "code"))
            yield Waiver(code, product, " ".join(reason.split()), approvers, expires, place)
