"""``mesh register``: publish a domain's contracts to the registry that other repositories read."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from platform_core.cli import FAILED, OK


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "domain", nargs="*", metavar="DOMAIN", help="whose contracts; without any, all of this repository"
    )
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help="the registry; default: the folder named by MESH_REGISTRY"
    )
    parser.add_argument("--check", action="store_true", help="say what would be refused or done, and stop")


def run(options: argparse.Namespace) -> int:
    """Hold the domains against all policies, then register what they promise."""
    from platform_core.contracts.register import register
    from platform_core.contracts.registry import Registry
    from platform_core.errors import render, shown
    from platform_core.settings import REGISTRY, mesh_root
    from platform_core.workspace.validate import validate

    root = mesh_root()
    to = _folder(options.to)
    if to.is_dir():
        # What the domains read of others is in it, for the location that is loaded below too.
        REGISTRY.default_to(to)
    registry = Registry.open(root)
    domains = options.domain or [domain for domain in registry.domains() if registry.is_own(domain)]
    # First what costs nothing: a location is loaded only for contracts that can be registered.
    register(registry, domains, to, write=False)
    report = validate(root, locations=domains)
    errors = [fault for fault in report.diagnostics if fault.severity == "error"]
    if errors:
        print(f"{render(errors)}\n\nnothing was registered", file=sys.stderr)
        return FAILED
    for domain, done in zip(domains, register(registry, domains, to, write=not options.check), strict=True):
        counted = []
        for what in ("added", "changed", "removed", "unchanged"):
            names: tuple[str, ...] = getattr(done, what)
            counted.append(f"{len(names)} {what}")
            for name in names if what != "unchanged" else ():
                print(f"{'would be ' if options.check else ''}{what}: {domain}/{name}")
        print(f"{domain} in {shown(to)}: {', '.join(counted)}")
    return OK


def _folder(named: Path | None) -> Path:
    """The registry to write to.

    Raises:
        UsageError: U087 where none is named.
    """
    from platform_core.errors import Diagnostic, UsageError
    from platform_core.settings import REGISTRY, whole

    folder = whole(named) if named is not None else REGISTRY.existing_folder()
    if folder is None:
        raise UsageError(
            Diagnostic(
                "U087",
                "no registry is named",
                expected="a folder, which a first registration makes",
                fix="mesh register --to FOLDER, or set MESH_REGISTRY",
            )
        )
    return folder
