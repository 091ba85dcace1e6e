"""The judgement of a mesh: its violations, its waivers, and the state of every product."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Literal

from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, Place
from platform_core.governance.facts import MeshFacts
from platform_core.governance.policy import Policy, Scope, Strictness, Violation
from platform_core.governance.policy_set import PolicySet, broken, place_of
from platform_core.governance.waivers import WaiversInForce
from platform_core.source.document import LazyDict
from platform_core.source.federation import Waiver

PolicyState = Literal["pass", "warn", "fail", "waived"]
_RANK: dict[PolicyState, int] = {"pass": 0, "waived": 1, "warn": 2, "fail": 3}
Outcome = Violation | Diagnostic
MESH = "mesh"
"""The subject of a violation of the whole mesh."""


@dataclass(frozen=True)
class Judgement:
    """The result of all policies.

    ``diagnostics`` are violations, and faults of locations and governance files, in the order of their
    places. ``states`` holds the state of each subject (a product's id, a location's name, an asset's key,
    ``mesh``) by policy.
    """

    diagnostics: tuple[Diagnostic, ...]
    waived: tuple[tuple[Diagnostic, Waiver], ...] = ()
    states: Mapping[tuple[str, str], PolicyState] = field(default_factory=dict)
    by_subject: Mapping[str, Sequence[Diagnostic]] = field(default_factory=dict)
    """The violations by subject, without waived ones."""

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity != "error")


def judge(mesh: MeshFacts, catalogue: PolicySet, today: date) -> Judgement:
    """Apply every policy, then ramps, topology and waivers.

    A mesh that is not ``complete`` is a single location, without mesh policies and without the waivers of
    other locations. A policy that raises becomes a diagnostic (G490).
    """
    mesh = mesh if mesh.today == today else replace(mesh, today=today)
    broken_by: dict[tuple[str, str], PolicyState] = {}
    by_subject: dict[str, list[Diagnostic]] = {}
    found: list[Diagnostic] = [*mesh.federation.faults, *catalogue.faults]
    for location in mesh.locations:
        found.extend(location.faults)
    waived: list[tuple[Diagnostic, Waiver]] = []
    waiving = WaiversInForce(mesh, catalogue, today)
    policies = [policy for policy in catalogue.policies if policy.scope != "mesh" or mesh.complete]
    for policy, name, outcome in _ask_all(policies, mesh):
        if isinstance(outcome, Diagnostic):
            found.append(outcome)
            continue
        subject = outcome.product or name or MESH
        strictness = _strictness(policy, catalogue, mesh, ProductId(subject).domain, today)
        diagnostic = policy.diagnostic(outcome, strictness)
        waiver = waiving.waiver(policy.code, subject)
        if waiver is not None:
            waived.append((diagnostic, waiver))
        else:
            found.append(diagnostic)
            by_subject.setdefault(subject, []).append(diagnostic)
        state: PolicyState = "waived" if waiver else ("fail" if strictness == "error" else "warn")
        key = (subject, policy.code)
        broken_by[key] = max(broken_by.get(key, "pass"), state, key=_RANK.__getitem__)
    found.extend(waiving.faults())
    return Judgement(
        tuple(sorted(dict.fromkeys(found), key=_order)),
        tuple(sorted(waived, key=lambda pair: _order(pair[0]))),
        LazyDict(partial(_states, policies, mesh, broken_by)),
        by_subject,
    )


def _states(
    policies: Iterable[Policy], mesh: MeshFacts, broken_by: Mapping[tuple[str, str], PolicyState]
) -> dict[tuple[str, str], PolicyState]:
    """The states of all subjects and policies, hundreds of thousands in a large mesh."""
    states: dict[tuple[str, str], PolicyState] = {}
    for policy in policies:
        states.update(((subject, policy.code), "pass") for subject in _subjects(policy, mesh))
    return {**states, **broken_by}


def _strictness(
    policy: Policy, catalogue: PolicySet, mesh: MeshFacts, domain: str, today: date
) -> Strictness:
    own = catalogue.stricter.get(domain, {}).get(policy.code)
    if own is not None:
        return own
    # In an autonomous mesh, the federation's policies are advice.
    if mesh.federation.topology == "autonomous" and policy.domain is None:
        return "warn"
    return policy.strictness(today)


def _subjects(policy: Policy, mesh: MeshFacts) -> Iterator[str]:
    if policy.scope == "mesh":
        yield from mesh.products
        yield MESH
    for location in mesh.locations if policy.scope != "mesh" else ():
        if policy.domain in (None, location.domain):
            if policy.scope == "location":
                yield location.name
            else:
                yield from location.product_ids


def _ask_all(policies: Iterable[Policy], mesh: MeshFacts) -> Iterator[tuple[Policy, str | None, Outcome]]:
    """Each violation with its policy and location; a diagnostic where the policy raises.

    All policies are applied to one product before the next: on a large mesh, whose facts exceed the caches of
    a processor, that is a quarter faster.
    """
    by_scope: dict[Scope, list[Policy]] = {"product": [], "location": [], "mesh": []}
    for policy in policies:
        by_scope[policy.scope].append(policy)
    for policy in by_scope["mesh"]:
        outcomes = list(_ask(policy, {"mesh": mesh}))
        found = {(o.product, o.place) for o in outcomes if isinstance(o, Violation)}
        for outcome in outcomes:
            if not (isinstance(outcome, Violation) and _is_inherited(outcome, found, mesh)):
                yield policy, None, outcome
    for location in mesh.locations:
        for policy in by_scope["location"]:
            if policy.domain in (None, location.domain):
                for outcome in _ask(policy, {"location": location, "mesh": mesh}):
                    yield policy, location.name, outcome
        of_product = [policy for policy in by_scope["product"] if policy.domain in (None, location.domain)]
        broken_by_parent: dict[str, set[str]] = {}
        for product in location.products:
            facts = {"product": product, "location": location, "mesh": mesh}
            codes = broken_by_parent.setdefault(product.id, set()) if product.masking else None
            # A violation that a masked twin inherits is reported for its parent.
            inherited = broken_by_parent.get(product.twin_of, ()) if product.twin_of else ()
            for policy in of_product:
                for outcome in _ask(policy, facts):
                    if codes is not None:
                        codes.add(policy.code)
                    if policy.code not in inherited or isinstance(outcome, Diagnostic):
                        yield policy, location.name, outcome


def _is_inherited(violation: Violation, found: set[tuple[str | None, Place | None]], mesh: MeshFacts) -> bool:
    """Whether the parent of a masked twin has the same violation."""
    product = mesh.products.get(violation.product or "")
    return product is not None and product.twin_of is not None and (product.twin_of, violation.place) in found


def _ask(policy: Policy, facts: Mapping[str, object]) -> Iterator[Outcome]:
    try:
        for violation in policy.ask(facts):
            if not isinstance(violation, Violation):
                raise TypeError(f"it yields {type(violation).__name__}, not Violation")
            yield violation
    except Exception as error:  # noqa: BLE001 - code of a domain may raise anything
        place = place_of(policy)
        path = place.path if place is not None else Path(policy.code)
        yield broken(f"the policy {policy.code} raises", error, path)


def _order(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
    place = diagnostic.place
    if place is None:
        return ("", 0, 0, diagnostic.code, diagnostic.message)
    return (str(place.path), place.line, place.column, diagnostic.code, diagnostic.message)
