"""The guard process: it runs the servers of a mesh, and ends them when ``mesh serve`` ends.

``mesh serve`` starts ``python -m platform_core.workspace.serve.supervisor FOLDER PLAN`` and holds its
standard input open. When the input ends, the guard stops the servers and all their descendants: Dagster's
code servers wait for their runs, and would outlive a SIGTERM to their parent by minutes.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import psutil

from platform_core.settings import SERVE_TIMEOUT, environment
from platform_core.workspace.processes.living import (
    adopt_orphans,
    computed,
    descendants,
    end_descendants,
    reap,
    send,
)
from platform_core.workspace.processes.start import permitted, start, without_secrets

PATIENCE: Final = 10.0
"""Seconds between SIGINT and SIGTERM."""
FIRMNESS: Final = 3.0
"""Seconds between SIGTERM and SIGKILL."""
RESTARTS_WITHIN: Final = 60.0
AGAIN: Final = 10.0
"""Seconds between two looks at the processes aside."""
PROGRESS: Final = 0.5
"""CPU seconds that show that a location still loads; a location that hangs uses none."""


def main() -> int:
    """Start the code servers, and the services once these listen; stop all when a service or standard input
    ends. The plan is JSON: ``{"first": [[command, variables, values]], "servers": [[address, command,
    variables, values]], "services": [command], "aside": [[command, variables]], "restarts": number}``.
    ``first`` ends before the others start. Code servers and services that end are started again, up to that
    number of times within ``RESTARTS_WITHIN`` seconds; those ``aside`` always are. The folder has the sockets
    and is removed at the end. Returns 1 if a service ended."""
    hurry = False

    def hasten(number: int, frame: FrameType | None) -> None:
        nonlocal hurry
        hurry = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, hasten)
    folder, plan = Path(sys.argv[1]), json.loads(sys.argv[2])
    adopt_orphans()
    try:
        first, servers, services = plan["first"], plan["servers"], plan["services"]
        ended = _serve(first, servers, services, plan["aside"], plan["restarts"], lambda: hurry)
        until = time.monotonic() + PATIENCE
        # As after Ctrl-C in a terminal, runs roll back and servers close.
        send(descendants(os.getpid()), signal.SIGINT)
        while descendants(os.getpid()) and time.monotonic() < until and not hurry:
            reap()
            time.sleep(0.1)
    finally:
        end_descendants(0.0 if hurry else FIRMNESS)
        shutil.rmtree(folder, ignore_errors=True)
    return int(ended)


def _serve(
    first: Sequence[tuple[list[str], list[str], dict[str, str]]],
    servers: Sequence[tuple[str, list[str], list[str], dict[str, str]]],
    services: Sequence[list[str]],
    aside: Sequence[tuple[list[str], list[str]]],
    restarts: int,
    hurry: Callable[[], bool],
) -> bool:
    """Run until a request to stop (False) or until a process ends by itself (True)."""
    for command, named, more in first:
        preparation = _start(command, permitted(environment(), named) | more if more else None)
        while preparation is not None and preparation.poll() is None:
            if _input_ended(0.05) or hurry():
                return False
        if not more and (preparation is None or preparation.returncode):
            return True
    commands = [(command, permitted(environment(), named) | more) for _, command, named, more in servers]
    started = [_start(*each) for each in commands]
    loading = dict(zip((address for address, *_ in servers), started, strict=True))
    patience, used, looked = SERVE_TIMEOUT.seconds(180.0), 0.0, 0.0
    until = time.monotonic() + patience
    while loading and (now := time.monotonic()) < until:
        if now - looked > 1.0:
            looked, found = now, sum(computed(server.pid) for server in loading.values() if server)
            if abs(found - used) > PROGRESS:
                used, until = found, now + patience
        if _input_ended(0.1) or hurry():
            return False
        # The UI shows a server that does not start as a location that does not load; the others serve.
        loading = {
            path: server
            for path, server in loading.items()
            if server is not None and server.poll() is None and not listens(path)
        }
    watched: list[tuple[list[str], dict[str, str] | None]] = [(command, None) for command in services]
    running = [_start(*each) for each in watched]
    if restarts:
        watched, running = [*commands, *watched], [*started, *running]
    others = [(command, without_secrets() | _values(named)) for command, named in aside]
    aside_running = [_start(*each) for each in others]
    times: list[float] = []
    again = time.monotonic()
    while not (_input_ended(0.5) or hurry()):
        ended = [n for n, each in enumerate(running) if each is None or each.poll() is not None]
        times = [each for each in times if time.monotonic() - each < RESTARTS_WITHIN]
        if ended and restarts:
            _kill_orphans({each.pid for each in (*running, *aside_running) if each is not None})
        for number in ended:
            if len(times) >= restarts:
                if number >= len(watched) - len(services):
                    return True
                continue  # the UI shows it as a location that does not load
            times.append(time.monotonic())
            running[number] = _start(*watched[number])
        if time.monotonic() - again > AGAIN:
            again = time.monotonic()
            for number, process in enumerate(aside_running):
                if process is None or process.poll() is not None:
                    aside_running[number] = _start(*others[number])
    return False


def _values(named: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in environment().items() if name in named}


def _kill_orphans(known: Collection[int]) -> None:
    """Kill the runs of a code server that has ended: they are children of this process now, and the next
    server does not know them."""
    for orphan in psutil.Process().children():
        if orphan.pid not in known:
            send((*descendants(orphan.pid), orphan.pid), signal.SIGKILL)
    reap()


def _start(command: list[str], variables: Mapping[str, str] | None = None) -> subprocess.Popen[bytes] | None:
    try:
        return start(command, without_secrets() if variables is None else variables, own_session=False)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return None


def _input_ended(seconds: float) -> bool:
    """Whether ``mesh serve`` has closed the standard input, after waiting up to some seconds."""
    readable, _, _ = select.select([0], [], [], seconds)
    return bool(readable) and not os.read(0, 1024)


def listens(address: str) -> bool:
    """Whether a server listens on a socket's path, or on ``host:port``."""
    if address.startswith("/"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(address) == 0
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=2) as probe:
            # Without a server, the system may connect a probe to itself.
            return bool(probe.getsockname() != probe.getpeername())
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
