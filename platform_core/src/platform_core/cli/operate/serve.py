"""``mesh serve``: the Dagster UI and daemon for all code locations, until Ctrl-C."""

from __future__ import annotations

import argparse
import re
import sys
from functools import partial

from platform_core.cli.exit_status import INTERRUPTED, OK
from platform_core.cli.grammar import number
from platform_core.cli.output import note
from platform_core.diagnostics import Diagnostic, UsageError
from platform_core.sealed.landlock import MISSING, has_landlock
from platform_core.settings import mesh_root
from platform_core.source.workspace import read_locations
from platform_core.workspace.home import Home, require_root
from platform_core.workspace.serve.servers import known_hosts, serve


def arguments(parser: argparse.ArgumentParser) -> None:
    port = number("--port", 1, 65535)
    parser.add_argument("--port", type=port, default=3000, metavar="PORT", help="of the UI; default: 3000")
    where = "address to listen on; default: 127.0.0.1"
    parser.add_argument("--host", type=_host, default="127.0.0.1", metavar="HOST", help=where)
    names = "another name of this machine in a browser's address; may be repeated"
    parser.add_argument("--name", type=_host, action="append", default=[], metavar="NAME", help=names)
    accepted = "let other machines connect, where everyone can do everything"
    parser.add_argument("--no-login", action="store_true", help=accepted)


def _host(word: str) -> str:
    if not re.fullmatch(r"[\w.-]+|\[?[0-9a-f:.]+\]?", word, re.ASCII | re.IGNORECASE):
        expected = "the name or address of a machine, without http:// and port"
        raise UsageError.of("U094", f'"{word}" is not a host', expected=expected)
    return word.lower().strip("[]")


def run(options: argparse.Namespace) -> int:
    """Serve; 0 if the user stopped it after it had answered, 130 if before."""
    root = mesh_root()
    require_root(root)
    names = ", ".join(location.name for location in read_locations(root))
    hosts = known_hosts(options.host, options.port, options.name, options.no_login)
    if options.no_login:
        message = f"without a login, every client of port {options.port} can read, run and delete everything"
        print(Diagnostic("U028", message, severity="warning").render(), file=sys.stderr, flush=True)
    if not has_landlock():
        note(options, MISSING)
    note(options, f"starting the code locations {names} ...")

    def show(address: str) -> None:
        print(f"Dagster UI: {address}  (Ctrl-C stops it)", flush=True)

    answered = serve(root, Home.of(root), options.host, options.port, hosts, show, partial(note, options))
    if not answered:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    note(options, "stopped")
    return OK
