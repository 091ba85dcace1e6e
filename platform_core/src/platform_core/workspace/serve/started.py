"""The servers that `mesh serve` starts on this machine: all of a mesh, or those that its deployment names."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platform_core.deployment.model import DAEMON, UI, Address, Deployment, DeploymentError
from platform_core.diagnostics import Place
from platform_core.source.workspace import Location
from platform_core.words import did_you_mean, listed

RESTARTS: Final = 20
"""The times that servers of a deployment may end by themselves in a minute before all are stopped."""
_LONGEST: Final = 60
"""The maximum length of a folder for sockets, Dagster's own included: a socket's path may have 107 bytes."""


@dataclass(frozen=True, slots=True)
class Started:
    """``code`` are the code servers with their addresses: a socket's path, or ``host:port``."""

    folder: Path
    code: tuple[tuple[Location, str], ...]
    workspace: tuple[dict[str, dict[str, object]], ...]
    """The entries of the workspace file for the UI and the daemon."""
    services: tuple[str, ...] = (UI, DAEMON)
    restarts: int = 0


def all_of_mesh(locations: Sequence[Location]) -> Started:
    folder = _folder()
    code = tuple((location, str(folder / f"{number}")) for number, location in enumerate(locations))
    entries = (_entry(location, socket=path) for location, path in code)
    return Started(folder, code, tuple(entries))


def of_deployment(deployment: Deployment, locations: Sequence[Location], chosen: Sequence[str]) -> Started:
    """The ``chosen`` servers; of a location, the replicas whose address this machine has.

    Raises DeploymentError: E032 for a location without an address, an unknown or no server, and a location
    without an address of this machine; E033 for an address that is used already.
    """
    servers = deployment.servers
    assert servers is not None
    known, path = [location.name for location in locations], Place(deployment.path)
    lacking = [name for name in known if not servers.domains.get(name)]
    if lacking:
        message = f"the deployment has no code server of {listed(lacking)}"
        raise DeploymentError.of("E032", message, path, "an address for each code location", "Add domains.")
    names = tuple(dict.fromkeys(chosen))
    unknown = [name for name in names if name not in (UI, DAEMON, *known)]
    if not names or unknown:
        reason = f'unknown server "{unknown[0]}"' if unknown else "the deployment starts no server here"
        expected = f"servers out of {listed([UI, DAEMON, *known])}"
        fix = did_you_mean(unknown[0], [UI, DAEMON, *known]) if unknown else None
        raise DeploymentError.of("E032", reason, path, expected, fix or "Add start, or --start SERVER.")
    code: list[tuple[Location, str]] = []
    for location in (each for each in locations if each.name in names):
        own = [address for address in servers.domains[location.name] if _is_here(address)]
        if not own:
            place = servers.domains[location.name][0].place
            message = f"no code server of {location.name} has an address of this machine"
            fix = "Start it on its own machine, or correct its addresses."
            raise DeploymentError.of("E032", message, place, "an address of this machine", fix)
        code += [(location, str(address)) for address in own]
    entries = []
    for location in locations:
        first = servers.domains[location.name][0]
        entries.append(_entry(location, host=first.host.strip("[]"), port=first.port))
    services = tuple(name for name in (UI, DAEMON) if name in names)
    return Started(_folder(), tuple(code), tuple(entries), services, RESTARTS)


def _is_here(address: Address) -> bool:
    """Whether an address is one of this machine. Raises DeploymentError E033 if a server listens on it."""
    host, port = address.host.strip("[]"), address.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, (name, *_rest) in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.bind((name, 0))
    except OSError:
        return False
    with socket.socket(found[0][0], socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(found[0][4])
        except OSError as error:
            message = f"no code server can listen on {address}: {error.strerror}"
            fix = "End the server that uses the port, or write a free one."
            raise DeploymentError.of("E033", message, address.place, "a free port", fix) from None
    return True


def _entry(location: Location, **where: object) -> dict[str, dict[str, object]]:
    return {"grpc_server": {**where, "location_name": location.name}}


def _folder() -> Path:
    short = tempfile.gettempdir() if len(os.fsencode(tempfile.gettempdir())) <= _LONGEST else "/tmp"
    return Path(tempfile.mkdtemp(prefix="mesh-", dir=short))
