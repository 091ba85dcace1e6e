"""What the domains agreed on, read from the folder ``governance``: teams, topology and waivers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, get_args

from platform_core.contracts.document import Document, parse
from platform_core.errors import ContractError, Diagnostic, Place, shown
from platform_core.governance.facts import Federation, Team, Topology, Waiver
from platform_core.words import did_you_mean, listed

TOPOLOGIES: Final[tuple[Topology, ...]] = get_args(Topology)
_TEAM = ("name", "description", "domain", "email", "channels", "members")
_CHANNEL = ("channel", "tool", "url", "description")
_MEMBER = ("role", "name", "email")
_MESH = ("topology", "central_team", "email_domains", "representatives")
_SHOWN = "docs/governance.md shows the file."
_WAIVER = ("code", "product", "reason", "approvers", "expires")

Where = tuple[str | int, ...]


def read_federation(root: Path) -> Federation:
    """The federation of the mesh at ``root``; what is wrong with its files is in ``faults`` (G406).

    A file that is missing says nothing: no teams, a federated topology, no waivers.
    """
    folder = root / "governance"
    if folder.is_symlink() and not folder.is_dir():
        lost = Diagnostic("G406", f"{shown(folder)} leads nowhere", Place(folder), "a folder")
        return Federation(faults=(lost,), readable=False)
    teams, mesh, waivers = (_open(folder / f"{name}.yaml") for name in ("teams", "mesh", "waivers"))
    topology = mesh.text(("topology",)) or "federated"
    if topology not in TOPOLOGIES:
        mesh.fault(f'no topology is named "{topology}"', ("topology",), listed(TOPOLOGIES), TOPOLOGIES)
    mesh.known((), _MESH)
    by_slug = dict(_teams(teams))
    central = mesh.text(("central_team",))
    if central is not None and teams.readable and central not in by_slug:
        mesh.fault(f'no team is named "{central}"', ("central_team",), listed(sorted(by_slug)), by_slug)
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


def _teams(file: _File) -> Iterator[tuple[str, Team]]:
    file.known((), ("teams",))
    for slug in file.mapping(("teams",)):
        where: Where = ("teams", slug)
        file.known(where, _TEAM)
        channels, members = (*where, "channels"), (*where, "members")
        for index in range(len(file.list(channels))):
            file.known((*channels, index), _CHANNEL)
        for index in range(len(file.list(members))):
            file.known((*members, index), _MEMBER)
        yield (
            slug,
            Team(
                slug,
                file.key_place(where),
                email=file.text((*where, "email")),
                channels=tuple(file.each(channels, "channel")),
                members=tuple(file.each(members, "email")),
                domain=file.text((*where, "domain")),
            ),
        )


def _waivers(file: _File) -> Iterator[Waiver]:
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


@dataclass(eq=False)
class _File:
    """One of the folder's files, read leniently: every fault is noted and what is sound is used."""

    path: Path
    document: Document | None = None
    readable: bool = True
    """Whether it could be read at all: else what it says is not known rather than not said."""
    faults: list[Diagnostic] = field(default_factory=list)

    def fault(self, message: str, where: Where, expected: str, near: Any = ()) -> None:
        said = self.at(where)
        guess = did_you_mean(said, near) if isinstance(said, str) and near else None
        self.faults.append(Diagnostic("G406", message, self.place(where), expected, guess or _SHOWN))

    def at(self, where: Where) -> Any:
        return self.document.at(*where) if self.document is not None else None

    def place(self, where: Where) -> Place:
        if self.document is None:
            return Place(self.path)
        return self.document.place(*where) if where else Place(self.path)

    def key_place(self, where: Where) -> Place:
        return self.document.key_place(*where) if self.document is not None else Place(self.path)

    def known(self, where: Where, keys: tuple[str, ...]) -> None:
        """Fault every key that is not one of ``keys``."""
        for key in self.mapping(where):
            if key not in keys:
                message = f'{self.path.name} knows no "{key}"' + (" here" if where else "")
                place = self.key_place((*where, key))
                self.faults.append(
                    Diagnostic(
                        "G406",
                        message,
                        place,
                        f"one of {listed(keys)}",
                        did_you_mean(key, keys) or f"Remove {key}.",
                    )
                )

    def mapping(self, where: Where) -> dict[str, Any]:
        found = self.at(where)
        if isinstance(found, dict):
            return found
        if found is not None:
            self._type(where, "a mapping, key: value")
        return {}

    def list(self, where: Where) -> list[Any]:
        found = self.at(where)
        if isinstance(found, list):
            return found
        if found is not None:
            self._type(where, "a list, each item after a dash")
        return []

    def text(self, where: Where) -> str | None:
        found = self.at(where)
        if found is None or isinstance(found, str):
            return found
        self._type(where, "text")
        return None

    def texts(self, where: Where) -> tuple[str, ...]:
        found = (self.text((*where, index)) for index in range(len(self.list(where))))
        return tuple(text for text in found if text)

    def each(self, where: Where, key: str) -> Iterator[str]:
        """What the mappings of a list say under ``key``."""
        for index in range(len(self.list(where))):
            if self.mapping((*where, index)) and (text := self.text((*where, index, key))):
                yield text

    def _type(self, where: Where, expected: str) -> None:
        name = next((part for part in reversed(where) if isinstance(part, str)), self.path.name)
        fault = Diagnostic(
            "G406", f'"{name}" holds something else', self.place(where), expected, f"Write {expected}."
        )
        if fault not in self.faults:
            self.faults.append(fault)


def _open(path: Path) -> _File:
    if not path.is_symlink() and not path.exists():
        return _File(path)
    try:
        return _File(path, parse(path))
    except ContractError as error:
        if error.diagnostics[0].code == "C006" and _says_nothing(path):
            return _File(path)
        return _File(path, None, False, [_as_governance(path, d) for d in error.diagnostics])


def _says_nothing(path: Path) -> bool:
    """Whether a file has nothing but comments: an empty list of waivers, say."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return all(not line.strip() or line.lstrip().startswith("#") for line in lines)


def _as_governance(path: Path, fault: Diagnostic) -> Diagnostic:
    """A reader's fault, without its talk of contracts."""
    what = {"C001": "cannot be read", "C002": "is too large", "C006": "is no mapping of keys to values"}
    _, _, reason = fault.message.rpartition(": ") if fault.code == "C001" else ("", "", "")
    message = f"{shown(path)} {what[fault.code]}" if fault.code in what else fault.message
    fix = fault.fix if fault.code not in what else None
    return Diagnostic(
        "G406",
        f"{message}: {reason}" if reason else message,
        fault.place or Place(path),
        expected="a file as docs/governance.md shows it",
        fix=fix or _SHOWN,
    )
