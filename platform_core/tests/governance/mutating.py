"""The valid mesh in ``mesh/``, changes to it that each break one policy, and how to look at the result."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import yaml

from platform_core.governance.asset_facts import asset_facts
from platform_core.governance.collect import collect
from platform_core.governance.contract_changes import changes_since
from platform_core.governance.facts import LocationFacts, MeshFacts
from platform_core.governance.judge import Judgement, judge
from platform_core.governance.policy_set import PolicySet, load_policies
from platform_core.products.definitions import assemble
from platform_core.products.makers.domain import read_domain
from platform_core.registry.lookup import Registry
from platform_core.source.federation import read_federation

VALID = Path(__file__).parent / "mesh"
TODAY = date(2030, 3, 1)


@dataclass(frozen=True)
class Edit:
    """In ``file``, ``old`` (which is there once) becomes ``new``; without ``old`` the file is made."""

    file: str
    old: str | None
    new: str

    def apply(self, root: Path) -> None:
        path = root / self.file
        if self.old is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.new)
            return
        text = path.read_text()
        assert text.count(self.old) == 1, f"{self.file} holds {self.old!r} {text.count(self.old)} times"
        path.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True)
class Mutation:
    """``edits`` break the policy ``code`` and nothing else, at the line of ``file`` that holds ``line``."""

    code: str
    name: str
    edits: tuple[Edit, ...]
    file: str
    line: str
    today: date = TODAY
    since: bool = False
    """Whether it changes contracts since the valid mesh, which is the base then."""

    def __str__(self) -> str:
        return f"{self.code}-{self.name}"


def valid_copy(root: Path, *edits: Edit) -> Path:
    shutil.copytree(VALID, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in edits:
        edit.apply(root)
    return root


def look(root: Path, domains: tuple[str, ...] | None = None, *, since: bool = False) -> MeshFacts:
    """The facts of a mesh on disk, its locations loaded in this process; ``since``: with the contracts that
    differ from those of the valid mesh."""
    entries = yaml.safe_load((root / "workspace.yaml").read_text())["load_from"]
    named = [(e["python_module"]["location_name"], e["python_module"]["module_name"]) for e in entries]
    locations = [_location(root, name, module.partition(".")[0]) for name, module in named]
    wanted = tuple(each for each in locations if domains is None or each.domain in domains)
    mesh = MeshFacts(wanted, read_federation(root), complete=domains is None)
    before = Registry.open(VALID)
    changes = tuple(changes_since(before, root, mesh.products.values())) if since else ()
    return replace(mesh, changes=changes)


def catalogue_of(root: Path, mesh: MeshFacts) -> PolicySet:
    return load_policies(root, [location.domain for location in mesh.locations])


def judged(
    root: Path, today: date = TODAY, domains: tuple[str, ...] | None = None, *, since: bool = False
) -> Judgement:
    mesh = look(root, domains, since=since)
    return judge(mesh, catalogue_of(root, mesh), today)


def line_of(root: Path, file: str, words: str) -> int:
    lines = (root / file).read_text().splitlines()
    found = [number for number, text in enumerate(lines, start=1) if words in text]
    assert len(found) == 1, f"{file} holds {words!r} in the lines {found}"
    return found[0]


def _location(root: Path, name: str, domain: str) -> LocationFacts:
    with _packages(root, domain):
        found = read_domain(domain)
        definitions, faults = assemble(found)
        return collect(found, asset_facts(definitions.assets or ()), faults, location=name, sql=True)


@contextmanager
def _packages(root: Path, domain: str) -> Iterator[None]:
    """The domain's package of this mesh, and not that of a mesh that was looked at before."""
    path = str(root / "domains" / domain / "src")
    _forget(domain)
    sys.path.insert(0, path)
    try:
        yield
    finally:
        sys.path.remove(path)
        _forget(domain)


def _forget(domain: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == domain]:
        del sys.modules[name]
