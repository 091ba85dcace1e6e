"""``mesh check``: one product's contract and what makes it, in its domain's own interpreter."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from platform_core.source.workspace import Location

INSIDE = "--inside"
"""Says that this process is the domain's own interpreter already."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", help="such as sales/transactions")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    from platform_core.contracts.registry import Registry
    from platform_core.settings import mesh_root

    root = mesh_root()
    if options.inside:
        from platform_core.cli.dry_run import dry_run

        print(dry_run(options.product, Registry.open(root), root))
        return 0

    from platform_core.cli.show import product_id
    from platform_core.workspace.home import Home
    from platform_core.workspace.starter import location_variables, start

    name = product_id(options.product, Registry.open(root))
    # A process even where it is the same interpreter: what a product imports stays out of this one.
    location = location_of(root, name.domain)
    command = [str(location.python), "-m", "platform_core.cli", "check", INSIDE, name]
    variables = location_variables(location, root, Home.of(root))
    return start(command, variables, stdin=None, own_session=False).wait()


def location_of(root: Path, domain: str) -> Location:
    """The domain's code location; one of this interpreter where the workspace names none that exists."""
    from platform_core.source.workspace import Location, read_locations

    for location in read_locations(root):
        if location.name == domain and location.python.exists():
            return location
    return Location(domain, domain, Path(sys.executable))
