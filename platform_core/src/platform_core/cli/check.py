"""``mesh check``: one product's contract and what makes it, in its domain's own interpreter."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from platform_core.cli import FAILED, INTERRUPTED, OK, USAGE

if TYPE_CHECKING:
    from platform_core.contracts.registry import Registry

INSIDE = "--inside"
"""Says that this process is the domain's own interpreter already."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", help="such as sales/transactions")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    from platform_core.contracts.named import product_id
    from platform_core.contracts.registry import Registry, mesh_root
    from platform_core.errors import Diagnostic, RunError

    root = mesh_root()
    registry = Registry.open(root)
    if options.inside:
        return _inside(options, registry, root)
    name = product_id(options.product, registry.names())
    # A process even where it is the same interpreter: what a product imports stays out of this one.
    command = [str(interpreter(root, name.partition("/")[0])), "-m", "platform_core.cli", "check"]
    # The other interpreter may have a version of the library that knows text alone.
    words = ["--json"] if options.format == "json" else []
    status = subprocess.run([*command, INSIDE, name, *words], check=False).returncode
    if status not in (OK, FAILED, USAGE, INTERRUPTED):
        message = f"the check of {name} broke off: its process ended with status {status}"
        raise RunError(Diagnostic("R002", message, fix="Look for what ends the process, such as sys.exit()."))
    return status


def _inside(options: argparse.Namespace, registry: Registry, root: Path) -> int:
    from platform_core.cli.dry_run import dry_run
    from platform_core.cli.output import answer
    from platform_core.errors import Diagnostic, PlatformError, UsageError

    checked: list[str] = []
    faults: tuple[Diagnostic, ...] = ()
    try:
        checked = dry_run(options.product, registry, root)
    except UsageError:
        raise
    except PlatformError as error:
        faults = error.diagnostics
    except KeyboardInterrupt:
        return INTERRUPTED  # whoever started this process says so
    text = "" if faults else f"ok {options.product}: {', '.join(checked)}"
    return answer(options, root, {"product": options.product, "checked": checked}, text, faults)


def interpreter(root: Path, domain: str) -> Path:
    """The interpreter of the domain's code location; this one where the workspace names none that exists."""
    from platform_core.workspace.locations import read_locations

    found = [each.python for each in read_locations(root) if each.name == domain and each.python.exists()]
    return found[0] if found else Path(sys.executable)
