"""`mesh serve`: Dagster's UI and daemon, which share one code server per location."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from platform_core.deployment.file import current_deployment
from platform_core.diagnostics import Diagnostic, RunError, UsageError, shown
from platform_core.settings import SERVE_TIMEOUT, environment
from platform_core.source.workspace import Location, read_locations
from platform_core.words import listed
from platform_core.workspace.home import Home
from platform_core.workspace.processes.interrupts import Interrupts
from platform_core.workspace.processes.living import kill_group
from platform_core.workspace.processes.start import mesh_variables, names_of, start
from platform_core.workspace.serve.supervisor import FIRMNESS, PATIENCE, listens

TELL_EVERY: Final = 5.0
"""Seconds between messages about locations that still load."""
_LONGEST: Final = 60
"""The maximum length of a folder for sockets, Dagster's own included: a socket's path may have 107 bytes."""


def known_hosts(host: str, port: int, names: Sequence[str], no_login: bool) -> list[str]:
    """The valid Host headers of requests; the first is for the URL to show.

    Raises UsageError: U027 for an address that cannot be used, U028 for an address that other machines can
    reach without ``no_login`` or ``access`` of the deployment, U029 for all addresses without a name.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(address)
                listener.listen()
    except OSError as error:
        message = f"no server can listen on {host}, port {port}: {error.strerror}"
        fix = f"Write an address of this machine, and a free port: `mesh serve --port {port + 1}`"
        raise UsageError.of("U027", message, fix=fix) from None
    addresses = [ip_address(address[0]) for *_, address in found]
    deployment = current_deployment()
    protected = no_login or (deployment is not None and deployment.access is not None)
    if not protected and not all(address.is_loopback for address in addresses):
        message = f"--host {host}: other machines could reach the UI, which has no login"
        tunnel = f"from the other machine: `ssh -L {port}:127.0.0.1:{port} MACHINE`"
        fix = f"Leave out --host, and open a tunnel {tunnel}. If others may do everything, write --no-login."
        raise UsageError.of("U028", message, fix=fix)
    own = [host, *map(str, addresses)]
    if any(address.is_unspecified for address in addresses):
        if not names:
            message = f"--host {host} means every address of this machine, and needs a name"
            fix = "Write each name for browsers: `--name mesh.example.com --name 192.0.2.7`"
            raise UsageError.of("U029", message, fix=fix)
        own = []
    known = dict.fromkeys([*own, *names, "localhost", "127.0.0.1", "::1"])
    bracketed = [f"[{name}]" if ":" in name else name for name in known]
    return [name if port == 80 else f"{name}:{port}" for name in bracketed]  # as browsers write it


def serve(
    root: Path,
    home: Home,
    host: str,
    port: int,
    hosts: Sequence[str],
    answered: Callable[[str], None],
    waiting: Callable[[str], None],
) -> bool:
    """Serve until interrupted. ``answered`` gets the URL once the UI answers, ``waiting`` a message about
    locations that still load, every few seconds.

    Returns whether the UI has answered. All processes have ended when it returns or raises, or soon after it
    is killed. Raises RunError: R010 as ``Home.prepare``, R011 without Dagster's webserver, R012 if the server
    ends.
    """
    if importlib.util.find_spec("dagster_webserver") is None:
        raise RunError.of("R011", "Dagster's webserver is not installed", fix="`make setup`")
    home.prepare(root)
    SERVE_TIMEOUT.seconds(0.0)  # reports a wrong setting of the guard process here
    log = home.logs / "serve.log"
    with Interrupts() as interrupts, selectors.DefaultSelector() as selector:
        selector.register(interrupts, selectors.EVENT_READ)
        sockets = _sockets(read_locations(root))
        guard = _start(root, home, sockets, [host, str(port), *hosts], log)
        since = shown_at = time.monotonic()
        up = False
        try:
            while not interrupts.count:
                selector.select(0.2 if not up else 1.0)
                if guard.poll() is not None:
                    raise RunError(_ended(log, up))
                if not up and time.monotonic() - shown_at > TELL_EVERY:
                    shown_at = time.monotonic()
                    left = [location.name for location, path in sockets.items() if not listens(path)]
                    waiting(_loading(left, shown_at - since))
                if not up and _answers(host, port, hosts[0]):
                    up = True
                    answered(f"http://{hosts[0]}")
        finally:
            _stop(guard, interrupts)
    return up


def _sockets(locations: Sequence[Location]) -> dict[Location, str]:
    short = tempfile.gettempdir() if len(os.fsencode(tempfile.gettempdir())) <= _LONGEST else "/tmp"
    folder = Path(tempfile.mkdtemp(prefix="mesh-", dir=short))
    return {location: str(folder / f"{number}") for number, location in enumerate(locations)}


def _loading(left: Sequence[str], seconds: float) -> str:
    state = f"{listed(left)} {'is' if len(left) == 1 else 'are'} still loading" if left else "the UI starts"
    return f"{state}, after {seconds:.0f} s"


def _start(
    root: Path, home: Home, sockets: Mapping[Location, str], address: list[str], log: Path
) -> subprocess.Popen[bytes]:
    folder = Path(next(iter(sockets.values()))).parent
    workspace = folder / "workspace.yaml"
    entries = [
        {"grpc_server": {"socket": path, "location_name": location.name}}
        for location, path in sockets.items()
    ]
    workspace.write_text(json.dumps({"load_from": entries}))  # JSON is YAML too
    python = [sys.executable, "-m"]
    plan = {
        "first": [*python, "platform_core.workspace.instance", str(home.dagster)],
        "servers": [
            (path, _code_server(location, path), names_of(location.name, root))
            for location, path in sockets.items()
        ],
        "services": [
            [*python, "platform_core.workspace.serve.web_gate", str(workspace), *address],
            [*python, "dagster._daemon", "run", "-w", str(workspace)],
        ],
    }
    with log.open("wb") as output:
        # The guard gets this process's secrets too, and gives each server those of its domain.
        return start(
            [*python, "platform_core.workspace.serve.supervisor", str(folder), json.dumps(plan)],
            # Dagster creates its own sockets in TMPDIR.
            {**environment(), **mesh_variables(root, home), "TMPDIR": str(folder.parent)},
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )


def _code_server(location: Location, path: str) -> list[str]:
    command = [str(location.python), "-m", "dagster", "code-server", "start", "--socket", path]
    command += ["--module-name", location.module, "--location-name", location.name]
    command += ["--log-level", "warning", "--inject-env-vars-from-instance"]
    if location.attribute is not None:
        command += ["--attribute", location.attribute]
    if location.working_directory is not None:
        command += ["--working-directory", str(location.working_directory)]
    return command


def _stop(guard: subprocess.Popen[bytes], interrupts: Interrupts) -> None:
    """Make the guard end all processes; a second Ctrl-C makes it kill them."""
    assert guard.stdin is not None
    guard.stdin.close()
    enough = max(1, interrupts.count) + 1
    until = time.monotonic() + PATIENCE + FIRMNESS + 5.0
    while guard.poll() is None and time.monotonic() < until:
        if interrupts.count >= enough:
            guard.terminate()
        time.sleep(0.05)
    kill_group(guard.pid)
    guard.wait()


def _answers(host: str, port: int, name: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/server_info", headers={"Host": name})
        return connection.getresponse().status == 200
    except (http.client.HTTPException, OSError):
        return False
    finally:
        connection.close()


def _ended(log: Path, up: bool) -> Diagnostic:
    lines = log.read_text(errors="replace").strip().splitlines()
    message = "Dagster's server ended by itself" if up else "Dagster's server did not start"
    message += f": {lines[-1][:300]}" if lines else ""
    return Diagnostic("R012", message, fix=f"Read its log: {shown(log)}.")
