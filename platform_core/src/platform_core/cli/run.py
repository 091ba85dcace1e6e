"""``mesh run``: materialize products across all code locations."""

from __future__ import annotations

import argparse
import sys

from platform_core.cli import FAILED, INTERRUPTED, OK


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "selection",
        nargs="*",
        metavar="SELECTION",
        help="products (sales/transactions), domains (sales), with + before or after a name for what is "
        "upstream or downstream of it; without any, the whole mesh",
    )
    parser.add_argument(
        "--partitions",
        metavar="KEYS",
        help="one key, first..last, or all (default) of the partitioned products; what a + adds after "
        "a name is made for the same time",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")


def run(options: argparse.Namespace) -> int:
    """Materialize, show how it goes, and say at the end what failed and why."""
    from platform_core.contracts.registry import Registry
    from platform_core.settings import mesh_root
    from platform_core.source.workspace import read_locations
    from platform_core.workspace.display import Lines, Screen, Silent
    from platform_core.workspace.home import Home, require_root
    from platform_core.workspace.run import MeshRun
    from platform_core.workspace.selection import parse_selection
    from platform_core.workspace.table import document, summary, table

    root = mesh_root()
    require_root(root)
    locations = read_locations(root)
    registry = Registry.open(root)
    names = registry.names()
    here = [name for name in names if registry.is_own(name.domain)]
    selection = parse_selection(options.selection, here, elsewhere=set(names) - set(here))
    if not selection.named():
        print("no data product has a contract yet", file=sys.stderr)
        return FAILED
    observer = Silent() if options.json else Screen() if sys.stderr.isatty() else Lines()
    try:
        mesh = MeshRun(root, Home.of(root), locations, selection, options.partitions, observer)
        result = mesh.execute()
    finally:
        observer.close()
    if options.json:
        print(document(result))
    elif not result.interrupted:
        from rich.console import Console

        # Into a file or a pipe nothing is cut: the width of a terminal is no limit there.
        Console(width=None if sys.stdout.isatty() else 200).print(table(result.products))
    if result.interrupted:
        print(f"interrupted: {summary(result.products, result.seconds)}", file=sys.stderr)
        return INTERRUPTED
    if result.faults and not options.json:
        print("\n" + "\n\n".join(result.faults), file=sys.stderr)
    if not options.json:
        print(summary(result.products, result.seconds), file=sys.stderr)
    return OK if result.ok else FAILED
