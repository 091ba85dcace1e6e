"""``mesh check``: one product's contract and what makes it, in its domain's own interpreter."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from platform_core.cli.exit_status import FAILED, INTERRUPTED, OK, USAGE

if TYPE_CHECKING:
    from platform_core.registry.lookup import Registry
    from platform_core.source.workspace import Location

INSIDE = "--inside"
"""Says that this process is the domain's own interpreter already."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", help="such as sales/transactions")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    from platform_core.contracts.product_id import ProductId
    from platform_core.diagnostics import RunError
    from platform_core.registry.lookup import Registry
    from platform_core.registry.typed_names import product_id
    from platform_core.settings import mesh_root
    from platform_core.workspace.home import Home
    from platform_core.workspace.processes.start import location_variables
    from platform_core.workspace.processes.start import run as run_process
    from platform_core.workspace.run.worker_process import startable

    root = mesh_root()
    registry = Registry.open(root)
    if options.inside:
        return _inside(options, registry, root)
    name = ProductId.written(options.product)
    if name.domain not in registry.domains():
        name = product_id(options.product, registry.names())
    # A process even where it is the same interpreter: what a product imports stays out of this one.
    location = location_of(root, name.domain)
    # The other interpreter may have a version of the library that knows text alone.
    words = ["--json"] if options.format == "json" else []
    command = [str(location.python), "-m", "platform_core.cli", "check", INSIDE, name, *words]
    with startable(location):
        status = run_process(command, location_variables(location, root, Home.of(root)))
    if status not in (OK, FAILED, USAGE, INTERRUPTED):
        message = f"the check of {name} broke off: its process ended with status {status}"
        raise RunError.of("R002", message, fix="Look for what ends the process, such as sys.exit().")
    return status


def _inside(options: argparse.Namespace, registry: Registry, root: Path) -> int:
    from platform_core.cli.author.dry_run import dry_run
    from platform_core.cli.author.standing import standing
    from platform_core.cli.output import answer
    from platform_core.diagnostics import Diagnostic, PlatformError, UsageError

    checked: list[str] = []
    faults: list[Diagnostic] = []
    try:
        checked = dry_run(options.product, registry, root)
    except UsageError:
        raise
    except PlatformError as error:
        faults += error.diagnostics
    except KeyboardInterrupt:
        return INTERRUPTED  # whoever started this process says so
    readers = ""
    with suppress(PlatformError):  # of its contract, which the dry run told
        violations, readers = standing(registry.get(options.product), registry, root)
        faults += violations
    broken = any(fault.severity == "error" for fault in faults)
    said = [*([] if broken else checked), *([readers] if readers else [])]
    text = f"{'' if broken else 'ok '}{options.product}: {', '.join(said)}" if said else ""
    facts = {"product": options.product, "checked": said}
    return answer(options, root, facts, text, faults)


def location_of(root: Path, domain: str) -> Location:
    """The domain's code location; one of this interpreter where the workspace names none that exists."""
    from platform_core.source.workspace import Location, read_locations

    found = (each for each in read_locations(root) if each.name == domain and each.python.exists())
    return next(found, Location(domain, domain, Path(sys.executable)))
