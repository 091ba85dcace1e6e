"""``mesh check``: one product's contract and what makes it, in its domain's own interpreter."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

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

    name = product_id(options.product, Registry.open(root))
    # A process even where it is the same interpreter: what a product imports stays out of this one.
    command = [str(interpreter(root, name.domain)), "-m", "platform_core.cli", "check"]
    return subprocess.run([*command, INSIDE, name], check=False).returncode


def interpreter(root: Path, domain: str) -> Path:
    """The interpreter of the domain's code location; this one where the workspace names none that exists."""
    from platform_core.settings import WORKSPACE
    from platform_core.source.workspace import read_locations

    if (root / WORKSPACE).is_file():
        for location in read_locations(root):
            if location.name == domain and location.python.exists():
                return location.python
    return Path(sys.executable)
