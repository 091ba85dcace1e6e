"""`mesh serve`: Dagster's UI and daemon, which share one code server per location."""

from __future__ import annotations

import http.client
import importlib.util
import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from platform_core.deployment.file import current_deployment
from platform_core.deployment.model import DAEMON, UI
from platform_core.diagnostics import Diagnostic, RunError, UsageError, shown
from platform_core.settings import SERVE_TIMEOUT, environment
from platform_core.source.federation import alert_secrets, read_federation
from platform_core.source.workspace import Location, read_locations
from platform_core.words import listed
from platform_core.workspace.home import Home
from platform_core.workspace.processes.interrupts import Interrupts
from platform_core.workspace.processes.living import kill_group
from platform_core.workspace.processes.start import mesh_variables, names_of, principal_variables, start
from platform_core.workspace.serve.started import Started, all_of_mesh, of_deployment
from platform_core.workspace.serve.supervisor import FIRMNESS, PATIENCE, listens

TELL_EVERY: Final = 5.0
"""Seconds between messages about locations that still load."""


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
    chosen: Sequence[str] = (),
) -> bool:
    """Serve until interrupted: the ``chosen`` servers of the deployment, or all of a mesh without one.
    ``answered`` gets the URL once the UI answers, or an empty text once the code servers listen where this
    machine has no UI; ``waiting`` gets a message about locations that still load, every few seconds.

    Returns whether the servers have answered. All processes have ended when it returns or raises, or soon
    after it is killed. Raises DeploymentError as ``of_deployment``, and RunError: R010 as ``Home.prepare``,
    R011 without Dagster's webserver, R012 if the server ends.
    """
    home.prepare(root)
    SERVE_TIMEOUT.seconds(0.0)  # reports a wrong setting of the guard process here
    log = home.logs / "serve.log"
    with Interrupts() as interrupts, selectors.DefaultSelector() as selector:
        selector.register(interrupts, selectors.EVENT_READ)
        locations, deployment = read_locations(root), current_deployment()
        if deployment is not None and deployment.servers is not None:
            started = of_deployment(deployment, locations, chosen)
        else:
            started = all_of_mesh(locations)
        if UI in started.services and importlib.util.find_spec("dagster_webserver") is None:
            raise RunError.of("R011", "Dagster's webserver is not installed", fix="`make setup`")
        guard = _start(root, home, started, [host, str(port), *hosts], log)
        since = shown_at = time.monotonic()
        up = False
        try:
            while not interrupts.count:
                selector.select(0.2 if not up else 1.0)
                if guard.poll() is not None:
                    raise RunError(_ended(log, up))
                if not up and time.monotonic() - shown_at > TELL_EVERY:
                    shown_at = time.monotonic()
                    left = [location.name for location, address in started.code if not listens(address)]
                    waiting(_loading(left, shown_at - since))
                if not up and UI in started.services and _answers(host, port, hosts[0]):
                    up = True
                    answered(f"http://{hosts[0]}")
                elif not up and UI not in started.services and all(listens(each) for _, each in started.code):
                    up = True
                    answered("")
        finally:
            _stop(guard, interrupts)
    return up


def _loading(left: Sequence[str], seconds: float) -> str:
    state = f"{listed(left)} {'is' if len(left) == 1 else 'are'} still loading" if left else "the UI starts"
    return f"{state}, after {seconds:.0f} s"


def _start(
    root: Path, home: Home, started: Started, address: list[str], log: Path
) -> subprocess.Popen[bytes]:
    folder = started.folder
    workspace = folder / "workspace.yaml"
    workspace.write_text(json.dumps({"load_from": started.workspace}))  # JSON is YAML too
    python = [sys.executable, "-m"]
    services = {
        UI: [*python, "platform_core.workspace.serve.web_gate", str(workspace), *address],
        DAEMON: [*python, "dagster._daemon", "run", "-w", str(workspace)],
    }
    ui = f"http://{address[2]}" if len(address) > 2 else ""
    watch = [*python, "platform_core.cli", "--quiet", "watch", *(["--ui", ui] if ui else [])]
    deployment = current_deployment()
    opens = ["-m", "platform_core.workspace.instance", str(home.dagster)]
    names = [str(entry["grpc_server"]["location_name"]) for entry in started.workspace]
    own = {at: (names_of(at.name, root), principal_variables(at.name)) for at, _ in started.code}
    # Only a domain itself can read the lakes of a deployment, and record what a killed run published there.
    remote = deployment is not None and deployment.lakes is not None
    plan = {
        "first": [([sys.executable, *opens, *([] if remote else names)], [], {})]
        + [([str(at.python), *opens, at.name], *own[at]) for at in own if remote],
        "servers": [(each, _code_server(at, each), *own[at]) for at, each in started.code],
        "services": [services[name] for name in started.services],
        "aside": [(watch, list(alert_secrets(read_federation(root))))] if DAEMON in started.services else [],
        "restarts": started.restarts,
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


def _code_server(location: Location, address: str) -> list[str]:
    command = [str(location.python), "-m", "dagster", "code-server", "start", "--socket", address]
    if not address.startswith("/"):
        host, _, port = address.rpartition(":")
        # The proxy of `code-server start` does not answer which runs it executes.
        command[3:] = ["api", "grpc", "--host", host.strip("[]"), "--port", port, "--lazy-load-user-code"]
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
