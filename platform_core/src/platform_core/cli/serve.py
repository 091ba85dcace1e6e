"""``mesh serve``: the Dagster UI and daemon for all code locations, until Ctrl-C."""

from __future__ import annotations

import argparse
import sys

from platform_core.cli import INTERRUPTED, OK
from platform_core.cli.grammar import number


def arguments(parser: argparse.ArgumentParser) -> None:
    port = number("--port", 1, 65535)
    parser.add_argument("--port", type=port, default=3000, metavar="PORT", help="of the UI; default: 3000")
    where = "address to listen on; default: 127.0.0.1"
    parser.add_argument("--host", default="127.0.0.1", metavar="HOST", help=where)


def run(options: argparse.Namespace) -> int:
    """Serve; 0 when it was stopped after it had answered, 130 when before."""
    from platform_core.cli.output import note
    from platform_core.settings import mesh_root
    from platform_core.source.workspace import read_locations
    from platform_core.workspace.home import Home, require_root
    from platform_core.workspace.serve import serve

    root = mesh_root()
    require_root(root)
    names = ", ".join(location.name for location in read_locations(root))
    note(options, f"starting the code locations {names} ...")
    answered = serve(root, Home.of(root), options.host, options.port, _tell)
    if not answered:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    note(options, "stopped")
    return OK


def _tell(address: str) -> None:
    print(f"Dagster UI: {address}  (Ctrl-C stops it)", flush=True)
