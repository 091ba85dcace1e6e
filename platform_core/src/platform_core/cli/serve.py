"""``mesh serve``: the Dagster UI and daemon for all code locations, until Ctrl-C."""

from __future__ import annotations

import argparse
import sys

from platform_core.cli import INTERRUPTED, OK


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=3000, help="port of the UI (default 3000)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")


def run(options: argparse.Namespace) -> int:
    """Serve; 0 when it was stopped after it had answered, 130 when before."""
    from platform_core.settings import mesh_root
    from platform_core.source.workspace import read_locations
    from platform_core.workspace.home import Home, require_root
    from platform_core.workspace.serve import serve

    root = mesh_root()
    require_root(root)
    names = ", ".join(location.name for location in read_locations(root))
    print(f"starting the code locations {names} ...", file=sys.stderr)
    answered = serve(root, Home.of(root), options.host, options.port, _tell)
    print("stopped" if answered else "interrupted", file=sys.stderr)
    return OK if answered else INTERRUPTED


def _tell(address: str) -> None:
    print(f"Dagster UI: {address}  (Ctrl-C stops it)", flush=True)


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port; expected 1 to 65535")
    return int(text)
