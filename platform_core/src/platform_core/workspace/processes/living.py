"""Living processes of the operating system, and their descendants."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psutil
from filelock import FileLock, Timeout

from platform_core.files import file_lock

_SET_CHILD_SUBREAPER: Final = 36
_held: Final[dict[Path, FileLock]] = {}


def signature(pid: int) -> str:
    """A name for a process that no later process with the same id has."""
    return f"{socket.gethostname()}:{pid}:{_birth(pid)}"


def hold_name(folder: Path) -> None:
    """Hold a lock named by this process's ``signature``, which the kernel releases at its end, so that
    processes in other containers see that it lives. Remove locks of ended processes. Only one process at a
    time may call it."""
    folder.mkdir(exist_ok=True)
    for left in folder.iterdir():
        if not is_alive(left.name, folder):
            left.unlink(missing_ok=True)
    path = folder / signature(os.getpid())
    if path not in _held:
        _held[path] = file_lock(path)
        _held[path].acquire()


def is_alive(name: str, folder: Path) -> bool:
    """Whether the process of a ``signature`` lives, so that it holds its lock. A process without a lock, from
    a version before 0.4, is searched on this machine, and counts as living on another one. Zombies do not
    live."""
    if (folder / name).exists():
        try:
            with file_lock(folder / name, timeout=0):
                return False
        except Timeout:
            return True
    host, number, birth = name.rsplit(":", 2)
    if host != socket.gethostname():
        return True
    try:
        return _lives(psutil.Process(int(number))) and _birth(int(number)) == birth
    except psutil.NoSuchProcess:
        return False


def descendants(pid: int) -> tuple[int, ...]:
    """Every living descendant of a process, without zombies."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return ()
    return tuple(child.pid for child in children if _lives(child))


def computed(pid: int) -> float:
    """The CPU seconds of a process and its descendants."""
    seconds = 0.0
    for each in (pid, *descendants(pid)):
        with contextlib.suppress(psutil.Error):
            seconds += sum(psutil.Process(each).cpu_times()[:2])
    return seconds


def adopt_orphans() -> None:
    """Make orphaned descendants children of this process, so that ``descendants`` finds them."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_group(group: int) -> None:
    """Send SIGKILL to every process of a process group, if it exists."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def end_descendants(patience: float) -> None:
    """End all descendants of this process: SIGTERM, then SIGKILL after ``patience`` seconds."""
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
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.Error:
        return ""


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
