"""The mesh as it was at another commit: its contracts, and what its products were made from.

The locations of the other commit run in the environments of this one, with this ``platform_core``, so that
one engine makes the fingerprints of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from platform_core.authoring.domain.lock import locked
from platform_core.diagnostics import Diagnostic
from platform_core.fingerprint.made_from import library_digest
from platform_core.governance.facts import LocationFacts, MeshFacts
from platform_core.settings import WORKSPACE
from platform_core.source.federation import read_federation
from platform_core.source.revision import Revision
from platform_core.source.workspace import Location, read_locations
from platform_core.workspace.home import Home
from platform_core.workspace.introspection.cache import Introspection

_LIBRARY = Path("platform_core", "src", "platform_core")


@dataclass(frozen=True)
class Base:
    """The facts of the locations at a commit. ``folder`` holds its files."""

    folder: Path
    mesh: MeshFacts
    library: str
    """The digest of its ``platform_core``; that of this one where the repository has none."""

    @property
    def faults(self) -> tuple[Diagnostic, ...]:
        """The faults of locations that do not load."""
        return tuple(fault for each in self.mesh.locations if not each.loads for fault in each.faults)


def base_of(root: Path, home: Home, found: Revision, now: Sequence[LocationFacts]) -> Base:
    """The mesh at a commit. The facts of a location without a changed file are those of now."""
    folder = found.extract(home.path / "base")
    changed = found.changed()
    known = {facts.name: facts for facts in now}
    own = {location.name: location for location in read_locations(root)}
    same: dict[str, LocationFacts] = {}
    others: list[Location] = []
    there = read_locations(folder) if (folder / WORKSPACE).is_file() else ()  # before the mesh existed
    for location in there:
        facts = known.get(location.name)
        if facts is not None and facts.loads and not any(_concerns(file, facts) for file in changed):
            same[location.name] = facts
        elif location.name in own:
            others.append(replace(location, python=own[location.name].python))
        else:
            others.append(location)
    packages = tuple(folder / "domains" / each.name / "src" for each in others)
    looking = Introspection(folder, Home(folder / ".mesh"), packages=packages)
    try:
        begun = {name: future.result() for name, future in looking.begin(others).items()}
    finally:
        looking.stop()
    locations = tuple((same | begun)[each.name] for each in there)
    sources = folder / _LIBRARY
    library = library_digest(sources) if sources.is_dir() else library_digest()
    return Base(folder, MeshFacts(locations, read_federation(folder)), library)


def _concerns(file: str, facts: LocationFacts) -> bool:
    """Whether the facts of a location may depend on a file of the mesh."""
    of_domain = file.startswith((f"domains/{facts.domain}/", f"dbt_projects/{facts.domain}/"))
    return of_domain or file == "workspace.yaml" or (file.startswith("domains/") and "/contracts/" in file)


def locked_packages(root: Path, domain: str, packages: Mapping[str, str]) -> dict[str, str]:
    """The versions of a product's packages, and of DuckDB, by the lock of its domain; the given ones where it
    has no entry."""
    return {**packages, **locked(root / "domains" / domain, {*packages, "duckdb"})}
