"""A domain's conformance to the policies, as tests of its own suite.

In ``domains/<domain>/tests/conftest.py``::

    pytest_plugins = ["platform_core.conformance"]

adds one test per policy for that domain, and one for all other faults. They run in the domain's own
environment and read only the contracts of other domains, so only ``mesh validate`` finds faults across
domains, such as cycles.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from platform_core.diagnostics import Diagnostic, render

if TYPE_CHECKING:
    from platform_core.governance.facts import LocationFacts
    from platform_core.governance.policy_set import PolicySet

BESIDE_POLICIES = "soundness"


class NotConforming(Exception):
    """A policy that the domain breaks, with the diagnostics as its text."""


class GovernanceWarning(UserWarning):
    """A policy that the domain breaks and that is not an error (yet)."""


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the policies for a ``conftest.py`` that enables this plugin."""
    if file_path.name != "conftest.py" or "platform_core.conformance" not in file_path.read_text("utf-8"):
        return None
    return Conformance.from_parent(parent, path=file_path)


class Conformance(pytest.File):
    """All policies for the domain of the tests."""

    def collect(self) -> Iterator[pytest.Item]:
        catalogue, _ = self.judged
        for policy in catalogue.policies:
            if policy.domain in (None, self.domain):
                yield Conforms.from_parent(self, name=policy.code)
        yield Conforms.from_parent(self, name=BESIDE_POLICIES)

    @cached_property
    def domain(self) -> str:
        from platform_core.settings import mesh_root

        return self.path.absolute().relative_to(mesh_root(self.path.parent) / "domains").parts[0]

    @cached_property
    def judged(self) -> tuple[PolicySet, tuple[Diagnostic, ...]]:
        """The policies, and the diagnostics about the domain."""
        from platform_core.governance.facts import MeshFacts
        from platform_core.governance.judge import judge
        from platform_core.governance.policy_set import load_policies
        from platform_core.settings import mesh_root
        from platform_core.source.federation import read_federation
        from platform_core.workspace.validate import About

        root = mesh_root(self.path.parent)
        own = _own(self.domain)
        mesh = MeshFacts((own, *_others(self.domain, root)), read_federation(root))
        catalogue = load_policies(root, [location.domain for location in mesh.locations])
        about = About(root, [own], mesh)
        diagnostics = judge(mesh, catalogue, date.today()).diagnostics
        return catalogue, tuple(d for d in diagnostics if about(d))


class Conforms(pytest.Item):
    """One policy, or all other faults."""

    parent: Conformance

    def runtest(self) -> None:
        catalogue, diagnostics = self.parent.judged
        if self.name == BESIDE_POLICIES:
            tested = {policy.code for policy in catalogue.policies}
            found = [d for d in diagnostics if d.code not in tested]
        else:
            found = [d for d in diagnostics if d.code == self.name]
        errors = [d for d in found if d.severity == "error"]
        for diagnostic in found:
            if diagnostic.severity != "error":
                warnings.warn(f"{diagnostic.code}: {diagnostic.message}", GovernanceWarning, stacklevel=1)
        if errors:
            raise NotConforming(render(errors))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        if isinstance(excinfo.value, NotConforming):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        catalogue, _ = self.parent.judged
        policy = catalogue.get(self.name)
        words = policy.title if policy is not None else "contracts, functions and waivers are sound"
        return self.path, 0, f"{self.name}: {words}"


def _own(domain: str) -> LocationFacts:
    from platform_core.governance.asset_facts import asset_facts
    from platform_core.governance.collect import collect
    from platform_core.products.definitions import assemble
    from platform_core.products.makers.domain import read_domain

    found = read_domain(domain)
    definitions, faults = assemble(found)
    return collect(found, asset_facts(definitions.assets or ()), faults, sql=True)


def _others(domain: str, root: Path) -> Iterator[LocationFacts]:
    from platform_core.registry.lookup import Registry
    from platform_core.workspace.introspection.cache import unloadable

    for other in Registry.open(root).domains():
        if other != domain:
            # Their own faults are left out; as unloaded, they also suppress policies that need their code.
            yield replace(unloadable(other, root, ()), faults=())
