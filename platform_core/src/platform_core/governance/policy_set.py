"""All policies that hold: those built in, the federation's own and the domains' own."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from platform_core.codes import FAMILIES
from platform_core.diagnostics import Diagnostic, Place, own_line, shown
from platform_core.governance import policies
from platform_core.governance.policy import FACTS, REGISTERED, Policy, Strictness
from platform_core.words import did_you_mean, listed

_CODE = re.compile(r"[A-Z]{1,12}[0-9]{3}")


def _policies(module: ModuleType) -> list[Policy]:
    return getattr(module, REGISTERED, [])


def _built_in() -> Iterator[Policy]:
    for module in pkgutil.iter_modules(policies.__path__, f"{policies.__name__}."):
        yield from _policies(importlib.import_module(module.name))


BUILT_IN: Final = tuple(sorted(_built_in(), key=lambda policy: policy.code))
"""The library's own policies, in the order of their codes."""


@dataclass(frozen=True)
class PolicySet:
    """Policies in the order of their codes, and what a domain tightened: ``stricter[domain][code]``."""

    policies: tuple[Policy, ...]
    stricter: Mapping[str, Mapping[str, Strictness]] = field(default_factory=dict)
    faults: tuple[Diagnostic, ...] = ()

    def get(self, code: str) -> Policy | None:
        return next((policy for policy in self.policies if policy.code == code), None)


def load_policies(root: Path, domains: Iterable[str]) -> PolicySet:
    """Every policy for the mesh at ``root``: built in, in ``governance/policies/*.py``, and in the
    ``policies.py`` of the packages of ``domains``.

    Such a module is imported by its path, wherever governance looks: it can rely on ``platform_core``
    and the standard library, not on what its domain has installed. What cannot be loaded is a fault
    (G490), what is laxer than the federation another (G405); neither is raised.
    """
    loading = _Loading({policy.code: policy for policy in BUILT_IN})
    folder = root / "governance" / "policies"
    if folder.is_symlink() and not folder.is_dir():
        loading.faults.append(Diagnostic("G490", f"{shown(folder)} leads nowhere", Place(folder)))
    for path in sorted(folder.glob("*.py")) if folder.is_dir() else ():
        loading.module(path, None)
    for domain in sorted(set(domains)):
        path = root / "domains" / domain / "src" / domain / "policies.py"
        if path.is_file() or path.is_symlink():
            loading.module(path, domain)
    policies = tuple(sorted(loading.policies.values(), key=lambda policy: policy.code))
    return PolicySet(policies, loading.stricter, tuple(loading.faults))


def place_of(policy: Policy) -> Place | None:
    """Where a policy is written."""
    code = getattr(policy.check, "__code__", None)
    return Place(Path(code.co_filename), code.co_firstlineno) if code is not None else None


def broken(message: str, error: BaseException, path: Path) -> Diagnostic:
    """G490: a policy's module or function raised; the place is its own line, not the library's."""
    text = " ".join(str(error).split()) or "no message"
    return Diagnostic(
        "G490",
        f"{message}: {type(error).__name__}: {text[:200]}",
        (own_line(error, path.__eq__) or Place(path)).whole_line(),
        expected="a policy that yields violations and raises nothing",
        fix="Mend the policy: what it was to find is not known as long as it raises.",
    )


@dataclass(eq=False)
class _Loading:
    policies: dict[str, Policy]
    stricter: dict[str, dict[str, Strictness]] = field(default_factory=dict)
    faults: list[Diagnostic] = field(default_factory=list)

    def module(self, path: Path, domain: str | None) -> None:
        try:
            module = _import(path, domain)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a module raises is its own fault
            self.faults.append(broken(f"the policies in {shown(path)} cannot be loaded", error, path))
            return
        for policy in _policies(module):
            self._add(policy, path, domain)
        self._tighten(getattr(module, "STRICTER", {}), path, domain)

    def _add(self, policy: Policy, path: Path, domain: str | None) -> None:
        place = place_of(policy) or Place(path)
        taken = self.policies.get(policy.code)
        if not _CODE.fullmatch(policy.code) or policy.code[:-3] in FAMILIES:
            whose = domain or "the federation"
            message = f'"{policy.code}" cannot be the code of a policy of {whose}'
            expected = "capital letters and three digits that are not the library's: F101, HR101"
            self._fault("G490", message, place, expected)
        elif taken is not None:
            expected = f"a code of its own; the other is at {place_of(taken)}"
            self._fault("G490", f"two policies have the code {policy.code}", place, expected)
        elif domain is not None and policy.scope == "mesh":
            self._fault(
                "G490",
                f"{policy.code} of {domain} looks at the whole mesh",
                place,
                "scope product or location: a domain's policies hold for the domain alone",
            )
        elif unknown := [name for name in policy.takes if name not in FACTS[policy.scope]]:
            message = f'{policy.code} takes "{unknown[0]}", which a policy on a {policy.scope} is not given'
            guess = did_you_mean(unknown[0], FACTS[policy.scope])
            self._fault("G490", message, place, f"parameters among {listed(FACTS[policy.scope])}", guess)
        else:
            self.policies[policy.code] = replace(policy, domain=domain)

    def _tighten(self, said: Any, path: Path, domain: str | None) -> None:
        if domain is None or not isinstance(said, Mapping):
            if said:
                self._fault("G490", "STRICTER is of no use here", _line(path, "STRICTER"), "a domain's dict")
            return
        for code, strictness in said.items():
            place = _line(path, f'"{code}"')
            policy = self.policies.get(code)
            if policy is None:
                guess = did_you_mean(str(code), self.policies)
                self._fault("G405", f'{domain} tightens "{code}", which is no policy', place, None, guess)
            elif strictness not in ("error", "warn"):
                self._fault("G405", f'{code} cannot be "{strictness}"', place, '"error"')
            elif strictness == "warn":
                message = f"{domain} makes {code} a warning, which is not for a domain to say"
                self._fault("G405", message, place, '"error": a domain may be stricter, never laxer')
            else:
                self.stricter.setdefault(domain, {})[code] = "error"

    def _fault(
        self, code: str, message: str, place: Place, expected: str | None, fix: str | None = None
    ) -> None:
        default = (
            "Mend the policy." if code == "G490" else "Remove the entry: a waiver is how to except a product."
        )
        self.faults.append(Diagnostic(code, message, place, expected, fix or default))


def _import(path: Path, domain: str | None) -> ModuleType:
    name = f"_mesh_policies.{domain or 'federation'}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses of the module look it up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _line(path: Path, word: str) -> Place:
    for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if (column := text.find(word)) >= 0:
            return Place(path, number, column + 1, len(word))
    return Place(path)
