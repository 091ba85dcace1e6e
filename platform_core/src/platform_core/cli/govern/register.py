"""``mesh register``: publish a domain's contracts to the registry of other repositories."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from platform_core.cli.output import answer, note
from platform_core.diagnostics import ContractError, Diagnostic, UsageError, shown
from platform_core.registry.lookup import Registry
from platform_core.registry.publish import Registered, register
from platform_core.registry.typed_names import domain_name
from platform_core.settings import REGISTRY, mesh_root, whole
from platform_core.workspace.validate import validate

CHANGES: Final = ("added", "changed", "removed", "unchanged")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("domain", nargs="*", metavar="DOMAIN", help="default: all domains of this repository")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="the registry; default: MESH_REGISTRY")
    parser.add_argument("--check", action="store_true", help="show what would change or fail; write nothing")


def run(options: argparse.Namespace) -> int:
    """Check the domains against all policies, then register their contracts."""
    root = mesh_root()
    to = _folder(options.to)
    done: tuple[Registered, ...] = ()
    faults: list[Diagnostic] = []
    # It has the contracts that the domains read, also for the locations that load below.
    with REGISTRY.defaulting_to(to) if to.is_dir() else nullcontext():
        registry = Registry.open(root)
        domains = [domain_name(domain, registry.domains()) for domain in options.domain]
        domains = domains or [domain for domain in registry.domains() if registry.is_own(domain)]
        try:
            # First without writing, which is cheap: locations load only for contracts that can be registered.
            register(registry, domains, to, write=False)
            report = validate(root, locations=domains)
            faults = [fault for fault in report.diagnostics if fault.severity == "error"]
            if not faults:
                done = register(registry, domains, to, write=not options.check)
        except ContractError as refused:
            faults = list(refused.diagnostics)
    registered, lines = [], []
    for domain, each in zip(domains, done, strict=bool(done)):
        changes = {what: [f"{domain}/{name}" for name in getattr(each, what)] for what in CHANGES}
        registered.append({"domain": domain, **changes})
        would = "would be " if options.check else ""
        lines += [f"{would}{what}: {name}" for what in CHANGES[:3] for name in changes[what]]
        counted = ", ".join(f"{len(names)} {what}" for what, names in changes.items())
        lines.append(f"{domain} in {shown(to)}: {counted}")
    facts = {"registry": to, "written": bool(done) and not options.check, "domains": registered}
    found = [*faults, *(warning for each in done for warning in each.weakened)]
    status = answer(options, root, facts, "\n".join(lines), found)
    if faults:
        note(options, "nothing was registered")
    return status


def _folder(named: Path | None) -> Path:
    folder = whole(named) if named is not None else REGISTRY.existing_folder()
    if folder is None:
        raise UsageError.of(
            "U087",
            "no registry is named",
            expected="a folder; the first registration creates it",
            fix="Write `mesh register --to FOLDER`, or set MESH_REGISTRY.",
        )
    return folder
