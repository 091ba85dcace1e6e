"""Publication of a domain's contracts in a registry, where other repositories read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from platform_core.compatibility.change import Grade
from platform_core.compatibility.compare import changes
from platform_core.compatibility.versions import demanded, enough
from platform_core.contracts.model import DataProduct, place_in
from platform_core.diagnostics import ContractError, Diagnostic, Place, UsageError, shown
from platform_core.files import file_lock, write_whole
from platform_core.odcs.identity import stem_of
from platform_core.odcs.reader import load_contract
from platform_core.registry.lookup import Registry
from platform_core.registry.shared import same_content

_INFORM: Final = "Inform the readers concerned, or undo the change."


@dataclass(frozen=True)
class Registered:
    """The result for one domain, by the names of its products."""

    folder: Path
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    weakened: tuple[Diagnostic, ...] = ()
    """Warnings: the risky changes that the versions announce."""


def register(
    registry: Registry, domains: Sequence[str], to: Path, *, write: bool = True
) -> tuple[Registered, ...]:
    """Update the registry in ``to`` with the contracts of some domains of this tree, ``registry``.

    Everything is checked before anything is written, and each file is replaced as a whole. A repetition
    changes nothing. Without ``write``, the contracts are only checked.

    Raises:
        UsageError: U083 where a domain has no contracts here, U084 where the folder cannot be written.
        ContractError: faults of the contracts; C057 a foreign key to an unregistered product; C140 and C141
            a version with other content or a newer version in the registry; C142 a breaking or risky change
            that the version does not announce; C143 a registered foreign key that would lose its target;
            C144 a removed contract that was not retired.
    """
    with _locked(to) if write else nullcontext():
        own = Registry(registry.base, registry.inner, to, frozenset(domains))
        for domain in domains:
            if not own.is_own(domain):
                message = f'"{domain}" has no contracts here to register'
                expected = f"contracts in {shown(own.path(f'{domain}/x').parent)}"
                raise UsageError.of(
                    "U083", message, None, expected, "Call it in the repository of that domain."
                )
        plans = [_Plan(own, domain, to) for domain in domains]
        faults = [fault for plan in plans for fault in plan.faults()]
        faults += () if faults else [fault for plan in plans for fault in plan.broken_references()]
        if faults:
            raise ContractError(*dict.fromkeys(faults))
        done = tuple(plan.outcome() for plan in plans)
        if write:
            for plan, outcome in zip(plans, done, strict=True):
                _write(outcome, {product.name: product.path for product in plan.products})
    return done


@dataclass(frozen=True)
class _Plan:
    own: Registry
    """The contracts of these domains, and those of other domains in the registry."""
    domain: str
    folder: Path

    @cached_property
    def products(self) -> tuple[DataProduct, ...]:
        return tuple(each for each in self.own.of_domain(self.domain) if each.twin_of is None)

    @cached_property
    def registered(self) -> dict[str, Path]:
        folder = self.folder / self.domain
        files = sorted(folder.iterdir()) if folder.is_dir() else ()
        return {name: file for file in files if (name := stem_of(file.name)) and not name.startswith(".")}

    @cached_property
    def left_over(self) -> tuple[str, ...]:
        return tuple(sorted(self.registered.keys() - {product.name for product in self.products}))

    def faults(self) -> Iterator[Diagnostic]:
        try:
            for product in self.products:
                yield from self.own.unresolved(product)
                yield from (found for found in self._announced(product) if found.severity == "error")
            for name in self.left_over:
                old = load_contract(self.registered[name], self.domain)
                if old.status != "retired":
                    message = f"{old.id} is registered as {old.status}, but has no contract here"
                    expected = "a product that is retired before it is removed"
                    fix = "Restore its contract with status: retired and register it, then remove it."
                    yield Diagnostic("C144", message, place_in(old, "/status"), expected, fix)
        except ContractError as error:
            yield from error.diagnostics

    def _announced(self, product: DataProduct) -> Iterator[Diagnostic]:
        """The risky and breaking changes of a registered contract: C142 for those that its version does not
        announce, a warning for any other risky one."""
        file = self.registered.get(product.name)
        if file is None or same_content(product.path, file):
            return
        old = load_contract(file, self.domain)
        for found in changes(old, product):
            if found.grade < Grade.RISKY:
                break
            effect = "breaks consumers" if found.grade is Grade.BREAKING else "weakens a promise"
            message = f"{product.id} {product.version} {effect} of {old.version}: {found.message}"
            least = demanded(old.version, found.grade)
            if not enough(old.version, product.version, found.grade):
                expected = f"version {least} or higher, since the change is {found.grade.word} ({found.code})"
                fix = f"Write version: {least}, or undo the change."
                yield Diagnostic("C142", message, found.place, expected, fix)
            elif found.grade is Grade.RISKY:
                yield Diagnostic(found.code, message, found.place, fix=_INFORM, severity="warning")

    def broken_references(self) -> Iterator[Diagnostic]:
        """Foreign keys of other registered domains that would lose their target."""
        before = {f"{self.domain}/{name}" for name in self.registered}
        for product in self.own.scan()[0]:
            reads = {rule.place: rule.reference.product for rule in product.rules if rule.reference}
            if self.own.is_own(product.domain) or not before & set(reads.values()):
                continue
            for fault in self.own.unresolved(product):
                if fault.place is not None and reads.get(fault.place) in before:
                    yield Diagnostic(
                        "C143",
                        f"{product.id} would break: {fault.message}",
                        fault.place,
                        expected=f"the target of {product.id} {product.version}",
                        fix=f"Agree on the change with {product.owned_by or product.domain}.",
                    )

    def outcome(self) -> Registered:
        known = [product for product in self.products if product.name in self.registered]
        same = {each.name for each in known if same_content(each.path, self.registered[each.name])}
        return Registered(
            self.folder / self.domain,
            added=tuple(each.name for each in self.products if each.name not in self.registered),
            changed=tuple(each.name for each in known if each.name not in same),
            removed=self.left_over,
            unchanged=tuple(sorted(same)),
            weakened=tuple(found for each in self.products for found in self._announced(each)),
        )


def _write(done: Registered, sources: dict[str, Path]) -> None:
    try:
        done.folder.mkdir(parents=True, exist_ok=True)
        for name in (*done.added, *done.changed):
            target = done.folder / f"{name}.odcs.yaml"
            write_whole(target, sources[name].read_bytes())
        for name in (*done.changed, *done.removed):
            for ending in (".odcs.yml", *((".odcs.yaml",) if name in done.removed else ())):
                (done.folder / f"{name}{ending}").unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(done.folder, error) from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """A lock, so that two domains that register at the same time see each other's contracts."""
    lock = file_lock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise _unwritable(folder, error) from None
    with lock:
        yield


def _unwritable(folder: Path, error: OSError) -> UsageError:
    message = f"the registry {shown(folder)} cannot be written: {error.strerror}"
    expected, fix = "a writable folder", "Name another folder by --to or MESH_REGISTRY."
    return UsageError.of("U084", message, Place(folder) if folder.is_file() else None, expected, fix)
