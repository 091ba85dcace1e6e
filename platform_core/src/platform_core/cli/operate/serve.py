"""``mesh serve``: the Dagster UI and daemon for all code locations, until Ctrl-C."""

from __future__ import annotations

import argparse
import re
import sys
from functools import partial

from platform_core.change.plan import plan
from platform_core.cli.exit_status import INTERRUPTED, OK
from platform_core.cli.grammar import number
from platform_core.cli.output import note
from platform_core.deployment.file import current_deployment
from platform_core.deployment.model import UI
from platform_core.diagnostics import Diagnostic, UsageError
from platform_core.products.catalog.mark import write_marks
from platform_core.sealed.landlock import MISSING, has_landlock
from platform_core.settings import BASE, mesh_home, mesh_root
from platform_core.source.revision import revision
from platform_core.source.workspace import read_locations
from platform_core.words import listed
from platform_core.workspace.home import Home, require_root
from platform_core.workspace.serve.servers import known_hosts, serve


def arguments(parser: argparse.ArgumentParser) -> None:
    port = number("--port", 1, 65535)
    parser.add_argument("--port", type=port, metavar="PORT", help="of the UI; default: 3000")
    where = "address to listen on; default: 127.0.0.1"
    parser.add_argument("--host", type=_host, metavar="HOST", help=where)
    names = "another name of this machine in a browser's address; may be repeated"
    parser.add_argument("--name", type=_host, action="append", default=[], metavar="NAME", help=names)
    accepted = "let other machines connect, where everyone can do everything"
    servers = "a server of the deployment: ui, daemon or a location; may be repeated; default: its start"
    parser.add_argument("--start", action="append", default=[], metavar="SERVER", help=servers)
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
    deployment = current_deployment()
    servers = deployment.servers if deployment is not None else None
    host, port = options.host or "127.0.0.1", options.port or 3000
    if servers is not None and servers.ui is not None:
        host, port = options.host or servers.ui.host.strip("[]"), options.port or servers.ui.port
    chosen = options.start or (servers.start if servers is not None else [UI])
    hosts = known_hosts(host, port, options.name, options.no_login) if UI in chosen else []
    if options.no_login:
        message = f"without a login, every client of port {port} can read, run and delete everything"
        print(Diagnostic("U028", message, severity="warning").render(), file=sys.stderr, flush=True)
    if not has_landlock():
        note(options, MISSING)
    what = f"the code locations {names}" if servers is None else listed(chosen)
    if (base := BASE.text()) is not None:
        note(options, f"comparing with {base} ...")
        write_marks(mesh_home(root), base, plan(root, revision(root, base)).marks())
    note(options, f"starting {what} ...")

    def show(address: str) -> None:
        started = f"Dagster UI: {address}" if address else f"started: {listed(chosen)}"
        print(f"{started}  (Ctrl-C stops it)", flush=True)

    answered = serve(root, Home.of(root), host, port, hosts, show, partial(note, options), chosen)
    if not answered:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    note(options, "stopped")
    return OK
