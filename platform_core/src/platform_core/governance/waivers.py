"""Waivers: which of them are in force, the approvers that they need, and their faults."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from platform_core.codes import family
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic
from platform_core.governance.facts import MeshFacts
from platform_core.governance.policy_set import PolicySet
from platform_core.source.federation import Waiver
from platform_core.words import did_you_mean, listed


class WaiversInForce:
    """The waivers of a mesh or of a single location, and their use."""

    def __init__(self, mesh: MeshFacts, catalogue: PolicySet, today: date) -> None:
        self._mesh = mesh
        self._catalogue = catalogue
        self._today = today
        names = {name for location in mesh.locations for name in (location.domain, location.name)}
        self._waivers = [
            waiver
            for waiver in mesh.federation.waivers
            if mesh.complete or ProductId(waiver.product).domain in names
        ]
        self._in_force = {
            (waiver.code, waiver.product): waiver
            for waiver in self._waivers
            if not _expired(waiver, today) and not unauthorized(mesh, waiver)
        }
        self._used: set[tuple[str, str]] = set()

    def waiver(self, code: str, subject: str) -> Waiver | None:
        """The waiver in force for a violation, which then counts as used."""
        self._used.add((code, subject))
        return self._in_force.get((code, subject))

    def faults(self) -> Iterator[Diagnostic]:
        """The faults of waivers: unknown (G404), expired (G401), unauthorized (G403), or unused (G402) after
        all policies were applied."""
        known = _subjects(self._mesh)
        policies = {policy.code: policy for policy in self._catalogue.policies}
        for waiver in self._waivers:
            policy = policies.get(waiver.code)
            missing = unauthorized(self._mesh, waiver)
            if policy is None:
                guess = did_you_mean(waiver.code, policies, 0.7)
                yield _fault("G404", waiver, f'no policy has the code "{waiver.code}"', guess)
            elif known is not None and waiver.product not in known:
                guess = did_you_mean(waiver.product, known)
                yield _fault("G404", waiver, f'unknown product "{waiver.product}"', guess)
            elif _expired(waiver, self._today):
                yield _fault("G401", waiver, f"{_of(waiver)} expired on {waiver.expires}")
            elif missing:
                yield _fault("G403", waiver, f"{_of(waiver)} lacks the approval of {missing}")
            elif (waiver.code, waiver.product) not in self._used and (
                self._mesh.complete or policy.scope != "mesh"
            ):
                yield _fault("G402", waiver, f"{_of(waiver)} is unused: the policy is kept")


def unauthorized(mesh: MeshFacts, waiver: Waiver) -> str | None:
    """The approval that a waiver lacks by the topology, or None.

    ``federated``: a representative of every domain. ``governed``: a member of the central team.
    ``autonomous``: a representative of the product's own domain.
    """
    federation, approvers = mesh.federation, set(waiver.approvers)
    if federation.topology == "governed":
        central = federation.teams.get(federation.central_team or "")
        people = {*central.members, central.email} if central is not None else set()
        return None if approvers & people else f"the central team, {federation.central_team or 'unnamed'}"
    speakers = federation.representatives
    if federation.topology == "autonomous":
        domains = [ProductId(waiver.product).domain]
    else:
        domains = sorted({*speakers, *(location.domain for location in mesh.locations)})
    without = [domain for domain in domains if not approvers & set(speakers.get(domain, ()))]
    return f"a representative of {listed(without)}" if without else None


def _subjects(mesh: MeshFacts) -> Collection[str] | None:
    if any(location.faults for location in mesh.locations):
        return None
    assets = (asset.key for location in mesh.locations for asset in location.assets)
    return {*mesh.products, *(location.name for location in mesh.locations), *assets}


def _expired(waiver: Waiver, today: date) -> bool:
    return today > date.fromisoformat(waiver.expires)


def _of(waiver: Waiver) -> str:
    return f"the waiver of {waiver.code} for {waiver.product}"


def _fault(code: str, waiver: Waiver, message: str, guess: str | None = None) -> Diagnostic:
    return Diagnostic(code, message, waiver.place, None, guess or family("G").codes[code].fix)
