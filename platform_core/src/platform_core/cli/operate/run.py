"""``mesh run``: materialize products of all code locations."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from platform_core.access.bi_file import refresh_attached
from platform_core.change.plan import plan
from platform_core.change.planned import changed_products
from platform_core.cli.exit_status import FAILED, INTERRUPTED, OK
from platform_core.cli.operate.run_display import Lines, Screen, run_table, summary
from platform_core.cli.output import answer, note
from platform_core.cli.table import print_table
from platform_core.diagnostics import PlatformError, RunError, UsageError
from platform_core.operations.watch.answers import report_unloaded
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_root
from platform_core.source.federation import read_federation
from platform_core.source.workspace import read_locations
from platform_core.words import counted
from platform_core.workspace.home import Home, require_root
from platform_core.workspace.run.coordinator import MeshRun
from platform_core.workspace.run.forecast import Forecast, forecast
from platform_core.workspace.run.result import Observer
from platform_core.workspace.run.selection import parse_selection


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "selection",
        nargs="*",
        metavar="SELECTION",
        help="products (sales/transactions) or domains (sales); + before or after a name adds its upstream "
        "or downstream; without one, the whole mesh",
    )
    parser.add_argument(
        "--partitions",
        metavar="KEYS",
        help="one key, first..last, or all (default) of the partitioned products; a + after a name adds the "
        "downstream partitions of the same time",
    )
    parser.add_argument(
        "--changed",
        action="store_true",
        help="only what `mesh plan` names, and of that nothing whose inputs turn out to be equal",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print what would be made, about how long and how many bytes, and make nothing",
    )


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    require_root(root)
    locations = read_locations(root)
    registry = Registry.open(root)
    names = registry.names()
    here = [name for name in names if registry.is_own(name.domain)]
    selection = parse_selection(options.selection, here, elsewhere=set(names) - set(here))
    if not selection.named():
        fix = "`mesh new product DOMAIN/PRODUCT --from FILE`"
        raise RunError.of("R007", "no data product has a contract yet", fix=fix)
    changed = None
    if options.changed:
        if options.dry_run or options.partitions is not None:
            message, fix = "--changed chooses the products and their partitions", "`mesh plan` shows them."
            raise UsageError.of("U098", message, None, "--changed without --partitions and --dry-run", fix)
        changed = changed_products(plan(root).of(selection))
        selection = replace(selection, terms=())
    if options.dry_run:
        return _dry_run(options, forecast(root, Home.of(root), locations, selection, options.partitions))
    silent = options.format == "json" or options.verbosity < 0
    observer = Observer() if silent else Screen() if sys.stderr.isatty() else Lines()
    try:
        mesh = MeshRun(root, Home.of(root), locations, selection, options.partitions, observer, changed)
        result = mesh.execute()
    finally:
        observer.close()

    def table() -> None:
        if not result.interrupted:
            print_table(*run_table(result.products))
            sys.stdout.flush()
        if result.faults:
            print("\n" + "\n\n".join(result.faults), file=sys.stderr)

    # A run needs no governance files, so their faults are warnings.
    warnings = [replace(fault, severity="warning") for fault in read_federation(root).faults]
    if not result.interrupted:
        warnings += refresh_attached(root)
    if not result.interrupted:
        try:
            report_unloaded(root, result.unloaded, datetime.now(UTC))
        except PlatformError as error:
            warnings += [replace(fault, severity="warning") for fault in error.diagnostics]
    answer(options, root, asdict(result), table, warnings)
    words = summary(result.products, result.seconds)
    if result.interrupted:
        print(f"interrupted: {words}", file=sys.stderr)
        return INTERRUPTED
    if options.format == "table":
        note(options, words)
    return OK if result.ok else FAILED


def _dry_run(options: argparse.Namespace, expected: Forecast) -> int:
    products = expected.products

    def table() -> None:
        columns = ["product", "partitions", "rows", "seconds", "bytes"]
        rows = [
            [each.product, each.partitions or "all", *map(_about, (each.rows, each.seconds, each.bytes))]
            for each in products
        ]
        print_table(columns, rows, [False, False, True, True, True])

    unknown = sum(each.seconds is None for each in products)
    size = sum(each.bytes or 0 for each in products)
    facts = {"products": [asdict(each) for each in products], "seconds": expected.seconds}
    status = answer(options, mesh_root(), facts, table)
    if options.format == "table":
        words = (
            f"{counted(len(products), 'product')}, about {expected.seconds:.0f} s and {size / 1e6:,.1f} MB"
        )
        note(options, words + (f"; {unknown} never made" if unknown else "") + "; nothing was made")
    return status


def _about(figure: Any) -> str:
    return "" if figure is None else f"{figure:,.1f}" if isinstance(figure, float) else f"{figure:,}"
