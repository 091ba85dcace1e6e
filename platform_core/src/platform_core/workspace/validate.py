"""The check of the whole workspace against all policies, from the facts of its locations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from platform_core.codes import known_codes
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, PlatformError, UsageError
from platform_core.governance.contract_changes import contract_changes
from platform_core.governance.facts import LocationFacts, MeshFacts
from platform_core.governance.judge import Judgement, judge
from platform_core.governance.policy_set import PolicySet, load_policies
from platform_core.lake.lakes import current_lakes
from platform_core.lake.reclassified import exposed_leftovers
from platform_core.source.dg_workspace import disagreements
from platform_core.source.federation import Waiver, read_federation
from platform_core.source.workspace import read_locations
from platform_core.words import did_you_mean, listed
from platform_core.workspace.introspection.cache import introspect


@dataclass(frozen=True)
class Examination:
    """A mesh with its facts, its policies and their judgement."""

    mesh: MeshFacts
    catalogue: PolicySet
    judgement: Judgement


@dataclass(frozen=True)
class Report:
    """The report of `mesh validate`. ``unloaded`` are the locations that did not load, or the workspace file
    if it cannot be read."""

    root: Path
    diagnostics: tuple[Diagnostic, ...]
    waived: tuple[tuple[Diagnostic, Waiver], ...] = ()
    locations: tuple[str, ...] = ()
    products: int = 0
    unloaded: tuple[str, ...] = ()
    catalogue: PolicySet = field(default_factory=lambda: PolicySet(()))
    versions: Mapping[str, str] = field(default_factory=dict)
    """The version of platform_core by location."""

    @property
    def errors(self) -> int:
        return sum(d.severity == "error" for d in self.diagnostics)

    @property
    def warnings(self) -> int:
        return len(self.diagnostics) - self.errors

    @property
    def exit_code(self) -> int:
        """1 for errors or locations that did not load, else 0."""
        return int(self.errors > 0 or bool(self.unloaded))


def examine(root: Path, today: date) -> Examination:
    """Judge the mesh at ``root``. Raises DefinitionError D070 for a broken workspace file."""
    locations = introspect(root, read_locations(root))
    mesh = MeshFacts(locations, read_federation(root))
    mesh = replace(mesh, changes=contract_changes(root, mesh.products))
    catalogue = load_policies(root, [location.domain for location in locations])
    return Examination(mesh, catalogue, judge(mesh, catalogue, today))


def validate(
    root: Path,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    locations: Sequence[str] = (),
) -> Report:
    """Judge the mesh and filter the report.

    ``select`` and ``ignore`` are codes or beginnings of codes (``G1``); ``locations`` filters the report, but
    all locations are judged. Faults that prevent a judgement, such as a broken contract, pass any ``select``.
    Raises UsageError: U051 for an unknown code, U052 for an unknown location.
    """
    try:
        loaded = read_locations(root)
        known = [location.name for location in loaded]
        for name in [each for each in locations if each not in known]:
            message, expected = f'no code location is named "{name}"', f"one of {listed(known)}"
            raise UsageError.of("U052", message, None, expected, did_you_mean(name, known))
        found = examine(root, date.today())
    except UsageError:
        raise
    except PlatformError as error:
        return Report(root, error.diagnostics, unloaded=("workspace.yaml",))
    for code in (*select, *ignore):
        _require_code(code, found)
    asked = [location for location in found.mesh.locations if not locations or location.name in locations]
    leftovers = exposed_leftovers(current_lakes(root), found.mesh.products.values())
    beyond_policies = (*leftovers, *disagreements(root, loaded))
    unjudged = {fault for each in found.mesh.locations for fault in each.faults if fault.severity == "error"}
    about = About(root, asked, found.mesh) if locations else None

    def wanted(diagnostic: Diagnostic) -> bool:
        code = diagnostic.code
        if about is not None and not about(diagnostic):
            return False
        selected = not select or code.startswith(tuple(select)) or diagnostic in unjudged
        return selected and not (ignore and code.startswith(tuple(ignore)))

    return Report(
        root=root,
        diagnostics=tuple(d for d in (*found.judgement.diagnostics, *beyond_policies) if wanted(d)),
        waived=tuple((d, waiver) for d, waiver in found.judgement.waived if wanted(d)),
        locations=tuple(location.name for location in asked),
        products=sum(len(location.products) for location in asked),
        unloaded=tuple(location.name for location in asked if not location.loads),
        catalogue=found.catalogue,
        # Facts of 0.1 have no version.
        versions={each.name: each.platform_core or "0.1" for each in asked if each.loads},
    )


class About:
    """Whether a diagnostic is about some locations, by the file of its place."""

    def __init__(self, root: Path, locations: Iterable[LocationFacts], mesh: MeshFacts) -> None:
        locations = tuple(locations)
        domains = {location.domain for location in locations}
        self._folders = [root / part / domain for part in ("domains", "dbt_projects") for domain in domains]
        self._files = {product.path for location in locations for product in location.products}
        for location in locations:
            self._files |= {factory.place.path for factory in location.factories}
            self._files |= {asset.place.path for asset in location.assets if asset.place is not None}
        # Governance files that cannot be read may affect any location.
        self._of_all = frozenset(() if mesh.federation.readable else mesh.federation.faults)
        waivers = (w for w in mesh.federation.waivers if ProductId(w.product).domain in domains)
        self._places = {*(location.place for location in locations), *(waiver.place for waiver in waivers)}

    def __call__(self, diagnostic: Diagnostic) -> bool:
        place = diagnostic.place
        if place is None or place in self._places or place.path in self._files or diagnostic in self._of_all:
            return True
        return any(place.path.is_relative_to(folder) for folder in self._folders)


def _require_code(code: str, found: Examination) -> None:
    known = {*known_codes(), *(policy.code for policy in found.catalogue.policies)}
    known |= {diagnostic.code for diagnostic in found.judgement.diagnostics}
    if not code or not any(each.startswith(code) for each in known):
        expected = "a code such as G101, or the beginning of one"
        fix = did_you_mean(code.upper(), sorted(known)) or "`mesh explain` lists the policies."
        raise UsageError.of("U051", f'no policy has the code "{code}"', None, expected, fix)
