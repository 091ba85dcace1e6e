"""Processes as the operating system knows them: who lives, who descends from whom.

Linux tells through ``/proc``; elsewhere ``ps`` does. Only the standard library is used, because the
guard of ``mesh serve`` runs on it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_SET_CHILD_SUBREAPER: Final = 36


def signature(pid: int) -> str:
    """A name for a process that no later process with the same number has."""
    return f"{socket.gethostname()}:{pid}:{_birth(pid)}"


def is_alive(name: str) -> bool:
    """Whether the process of a ``signature`` lives. One of another machine is taken to live."""
    host, number, birth = name.rsplit(":", 2)
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _birth(int(number)) == birth


def descendants(pid: int) -> tuple[int, ...]:
    """Every living process that descends from a process; without the dead that nobody waited for."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents().items():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    queue = [pid]
    while queue:
        queue.extend(children.get(queue.pop(), ()))
        found = [*found, *(child for child in queue if child not in found)]
    return tuple(found)


def adopt_orphans() -> None:
    """Make orphaned descendants children of this process, so that none escapes ``descendants``."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap() -> None:
    """Collect adopted children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_group(group: int) -> None:
    """SIGKILL to every process of a process group, if there is any."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def end_descendants(patience: float) -> None:
    """End everything that descends from this process: SIGTERM, and SIGKILL once patience is over."""
    until = time.monotonic() + patience
    send(descendants(os.getpid()), signal.SIGTERM)
    while (left := descendants(os.getpid())) and time.monotonic() < until:
        reap()
        time.sleep(0.05)
    while left:
        send(left, signal.SIGKILL)
        time.sleep(0.02)
        left = descendants(os.getpid())
    reap()


def _birth(pid: int) -> str:
    try:
        # Field 22, counted behind the name in parentheses, which may itself hold spaces.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _parents() -> dict[int, int]:
    if Path("/proc/self/stat").exists():
        parents: dict[int, int] = {}
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError, IndexError):
                    state, parent = Path(entry.path, "stat").read_text().rpartition(")")[2].split()[:2]
                    if state != "Z":
                        parents[int(entry.name)] = int(parent)
        return parents
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    )
    rows = (line.split() for line in listing.stdout.splitlines())
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}
