"""``mesh check``: check a product's contract, and its function or model, in its domain's own interpreter."""

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
"""Marks a process that already is the domain's own interpreter."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", help="such as sales/transactions")
    parser.add_argument(
        "--lock",
        action="store_true",
        help="first ask its sources for their columns, and write them to contracts/sources",
    )
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
    # Always a new process, even with the same interpreter, so that no product's imports reach this one.
    location = location_of(root, name.domain)
    # An older version of the library in that interpreter may not know --json.
    format_option = ["--json"] if options.format == "json" else []
    command = [str(location.python), "-m", "platform_core.cli", "check", INSIDE, name, *format_option]
    command += ["--lock"] if options.lock else []
    with startable(location):
        status = run_process(command, location_variables(location, root, Home.of(root)))
    if status not in (OK, FAILED, USAGE, INTERRUPTED):
        message = f"the process that checks {name} ended with status {status}"
        raise RunError.of("R002", message, fix="Remove what ends the process, such as sys.exit().")
    return status


def _inside(options: argparse.Namespace, registry: Registry, root: Path) -> int:
    from platform_core.cli.author.dry_run import dry_run
    from platform_core.cli.author.source_locks import lock_sources
    from platform_core.cli.author.standing import standing
    from platform_core.cli.output import answer
    from platform_core.diagnostics import Diagnostic, PlatformError, UsageError

    checked: list[str] = []
    faults: list[Diagnostic] = []
    try:
        if options.lock:
            checked += lock_sources(options.product, registry, root)
        checked += dry_run(options.product, registry, root)
    except UsageError:
        raise
    except PlatformError as error:
        faults += error.diagnostics
    except KeyboardInterrupt:
        return INTERRUPTED  # the parent process reports it
    readers = ""
    with suppress(PlatformError):  # a fault of its contract, which the dry run has reported
        violations, readers = standing(registry.get(options.product), registry, root)
        faults += violations
    broken = any(fault.severity == "error" for fault in faults)
    results = [*([] if broken else checked), *([readers] if readers else [])]
    text = f"{'' if broken else 'ok '}{options.product}: {', '.join(results)}" if results else ""
    return answer(options, root, {"product": options.product, "checked": results}, text, faults)


def location_of(root: Path, domain: str) -> Location:
    """The domain's code location; without one in the workspace, a location of this interpreter."""
    from platform_core.source.workspace import Location, read_locations

    found = (each for each in read_locations(root) if each.name == domain and each.python.exists())
    return next(found, Location(domain, domain, Path(sys.executable)))
