"""``mesh format``: contracts in the one form that ``mesh infer`` writes."""

from __future__ import annotations

import argparse
import sys

from platform_core.cli import FAILED, OK


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "products", metavar="PRODUCT", nargs="*", help="such as sales/transactions; without one, all"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something would change")


def run(options: argparse.Namespace) -> int:
    """Format contracts, or say which are in another form. A contract that cannot be read stays as it is."""
    from platform_core.cli.show import product_id
    from platform_core.contracts.formatting import formatted
    from platform_core.contracts.registry import Registry
    from platform_core.errors import ContractError, Diagnostic, shown
    from platform_core.files import write_files
    from platform_core.settings import mesh_root

    registry = Registry.open(mesh_root())
    names = [product_id(name, registry) for name in options.products] or list(registry.names())
    changed, faults = {}, list[Diagnostic]()
    for name in names:
        path = registry.path(name)
        try:
            text = formatted(path)
        except ContractError as error:
            faults += error.diagnostics
            continue
        if text != path.read_text(encoding="utf-8"):
            changed[path] = text
    if not options.check:
        write_files(changed)
    for path in changed:
        print(f"{'would format' if options.check else 'formatted'} {shown(path)}")
    print(
        f"{len(names) - len(changed) - len(faults)} of {len(names)} contracts were in form", file=sys.stderr
    )
    if faults:
        raise ContractError(*faults)
    return FAILED if options.check and changed else OK
