"""``mesh serve``: the Dagster UI and daemon for all code locations, until Ctrl-C."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable

from platform_core.cli import INTERRUPTED, OK
from platform_core.cli.grammar import number
from platform_core.errors import Diagnostic, UsageError


def arguments(parser: argparse.ArgumentParser) -> None:
    port = number("--port", 1, 65535)
    parser.add_argument("--port", type=port, default=3000, metavar="PORT", help="of the UI; default: 3000")
    where = "address to listen on; default: 127.0.0.1"
    parser.add_argument("--host", type=_host("--host"), default="127.0.0.1", metavar="HOST", help=where)
    names = "a further name of this machine in a browser's address; may be repeated"
    name = _host("--name")
    parser.add_argument("--name", type=name, action="append", default=[], metavar="NAME", help=names)
    accepted = "let other machines reach it, though anybody there may do everything"
    parser.add_argument("--no-login", action="store_true", help=accepted)


def _host(option: str) -> Callable[[str], str]:
    """A type for an argument that takes a host. It raises UsageError U094."""

    def convert(word: str) -> str:
        from ipaddress import ip_address

        name = word[1:-1] if re.fullmatch(r"\[.*\]", word) else word
        try:
            return str(ip_address(name))
        except ValueError:
            pass
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", name):
            expected = "the name or address of a machine, without http:// and port"
            raise UsageError(Diagnostic("U094", f'{option} cannot be "{word}"', expected=expected))
        return name.lower()

    return convert


def run(options: argparse.Namespace) -> int:
    """Serve; 0 when it was stopped after it had answered, 130 when before."""
    from platform_core.cli.output import note
    from platform_core.settings import mesh_root
    from platform_core.source.workspace import read_locations
    from platform_core.workspace.address import Address
    from platform_core.workspace.home import Home, require_root
    from platform_core.workspace.serve import serve

    root = mesh_root()
    require_root(root)
    names = ", ".join(location.name for location in read_locations(root))
    address = Address.of(options.host, options.port, options.name, no_login=options.no_login)
    if address.shared:
        known = f"anybody who reaches port {address.port} can read, run and delete everything"
        warning = Diagnostic("U028", f"there is no login: {known}", severity="warning")
        print(warning.render(), file=sys.stderr, flush=True)
    note(options, f"starting the code locations {names} ...")
    answered = serve(root, Home.of(root), address, _tell)
    if not answered:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    note(options, "stopped")
    return OK


def _tell(address: str) -> None:
    print(f"Dagster UI: {address}  (Ctrl-C stops it)", flush=True)
