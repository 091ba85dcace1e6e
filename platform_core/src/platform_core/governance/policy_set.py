"""All policies of a mesh: built in, of the federation and of domains."""

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
    """Policies in the order of their codes, and the stricter severities: ``stricter[domain][code]``."""

    policies: tuple[Policy, ...]
    stricter: Mapping[str, Mapping[str, Strictness]] = field(default_factory=dict)
    faults: tuple[Diagnostic, ...] = ()

    def get(self, code: str) -> Policy | None:
        return next((policy for policy in self.policies if policy.code == code), None)


def load_policies(root: Path, domains: Iterable[str]) -> PolicySet:
    """Every policy for the mesh at ``root``: built in, in ``governance/policies/*.py``, and in the
    ``policies.py`` of the packages of ``domains``.

    A module is imported by its path, in any interpreter: it may import ``platform_core`` and the standard
    library, but not packages of its domain. A module that fails is a fault (G490), and so is a severity that
    is less strict than that of the federation (G405); neither is raised.
    """
    loading = _Loading({policy.code: policy for policy in BUILT_IN})
    folder = root / "governance" / "policies"
    if folder.is_symlink() and not folder.is_dir():
        loading.faults.append(Diagnostic("G490", f"{shown(folder)} is a broken link", Place(folder)))
    for path in sorted(folder.glob("*.py")) if folder.is_dir() else ():
        loading.module(path, None)
    for domain in sorted(set(domains)):
        path = root / "domains" / domain / "src" / domain / "policies.py"
        if path.is_file() or path.is_symlink():
            loading.module(path, domain)
    policies = tuple(sorted(loading.policies.values(), key=lambda policy: policy.code))
    return PolicySet(policies, loading.stricter, tuple(loading.faults))


def place_of(policy: Policy) -> Place | None:
    """The place of a policy's function."""
    code = getattr(policy.check, "__code__", None)
    return Place(Path(code.co_filename), code.co_firstlineno) if code is not None else None


def broken(message: str, error: BaseException, path: Path) -> Diagnostic:
    """G490: the module or function of a policy raised; the place is a line of its file."""
    text = " ".join(str(error).split()) or "no message"
    return Diagnostic(
        "G490",
        f"{message}: {type(error).__name__}: {text[:200]}",
        (own_line(error, path.__eq__) or Place(path)).whole_line(),
        expected="a policy that yields violations and raises nothing",
        fix="Repair the policy.",
    )


@dataclass(eq=False)
class _Loading:
    policies: dict[str, Policy]
    stricter: dict[str, dict[str, Strictness]] = field(default_factory=dict)
    faults: list[Diagnostic] = field(default_factory=list)

    def module(self, path: Path, domain: str | None) -> None:
        try:
            module = _import(path, domain)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - code of a domain may raise anything
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
            expected = "capital letters and three digits, not those of the library: F101, HR101"
            self._fault("G490", message, place, expected)
        elif taken is not None:
            expected = f"a code of its own; the other is at {place_of(taken)}"
            self._fault("G490", f"two policies have the code {policy.code}", place, expected)
        elif domain is not None and policy.scope == "mesh":
            self._fault(
                "G490",
                f"{policy.code} of {domain} has the scope mesh",
                place,
                "the scope product or location",
            )
        elif unknown := [name for name in policy.takes if name not in FACTS[policy.scope]]:
            message = f'{policy.code} has an unknown parameter "{unknown[0]}"'
            guess = did_you_mean(unknown[0], FACTS[policy.scope])
            self._fault("G490", message, place, f"parameters among {listed(FACTS[policy.scope])}", guess)
        else:
            self.policies[policy.code] = replace(policy, domain=domain)

    def _tighten(self, stricter: Any, path: Path, domain: str | None) -> None:
        if domain is None or not isinstance(stricter, Mapping):
            if stricter:
                self._fault("G490", "STRICTER is not a dict of a domain", _line(path, "STRICTER"), "a dict")
            return
        for code, strictness in stricter.items():
            place = _line(path, f'"{code}"')
            policy = self.policies.get(code)
            if policy is None:
                guess = did_you_mean(str(code), self.policies)
                self._fault("G405", f'unknown policy "{code}" in STRICTER of {domain}', place, None, guess)
            elif strictness not in ("error", "warn"):
                self._fault("G405", f'{code} cannot be "{strictness}"', place, '"error"')
            elif strictness == "warn":
                message = f"{domain} cannot make {code} a warning"
                self._fault("G405", message, place, '"error"')
            else:
                self.stricter.setdefault(domain, {})[code] = "error"

    def _fault(
        self, code: str, message: str, place: Place, expected: str | None, fix: str | None = None
    ) -> None:
        default = "Repair the policy." if code == "G490" else "Remove the entry; use a waiver for a product."
        self.faults.append(Diagnostic(code, message, place, expected, fix or default))


def _import(path: Path, domain: str | None) -> ModuleType:
    name = f"_mesh_policies.{domain or 'federation'}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python module")
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
