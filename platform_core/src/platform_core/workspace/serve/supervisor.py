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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

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
PROGRESS: Final = 0.5
"""CPU seconds that show that a location still loads; a location that hangs uses none."""


def main() -> int:
    """Start the code servers, and the services once these listen; stop all when a service or standard input
    ends. The plan is JSON: ``{"first": command, "servers": [[socket, command, variables]], "services":
    [command]}``. ``first`` ends before the others start. The folder has the sockets and is removed at the
    end. Returns 1 if a service ended."""
    hurry = False

    def hasten(number: int, frame: FrameType | None) -> None:
        nonlocal hurry
        hurry = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, hasten)
    folder, plan = Path(sys.argv[1]), json.loads(sys.argv[2])
    adopt_orphans()
    try:
        ended = _serve(plan["first"], plan["servers"], plan["services"], lambda: hurry)
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
    first: list[str],
    servers: Sequence[tuple[str, list[str], list[str]]],
    services: Sequence[list[str]],
    hurry: Callable[[], bool],
) -> bool:
    """Run until a request to stop (False) or until a process ends by itself (True)."""
    preparation = _start(first)
    while preparation is not None and preparation.poll() is None:
        if _input_ended(0.05) or hurry():
            return False
    if preparation is None or preparation.returncode:
        return True
    loading = {path: _start(command, permitted(environment(), named)) for path, command, named in servers}
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
    running = [_start(command) for command in services]
    while not (_input_ended(0.5) or hurry()):
        if any(service is None or service.poll() is not None for service in running):
            return True
    return False


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


def listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == 0


if __name__ == "__main__":
    sys.exit(main())
