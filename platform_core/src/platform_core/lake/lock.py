"""One writer per lake: an operating system's file lock, taken before BEGIN.

SQLite as catalog refuses concurrent writers halfway through their commits, so they queue up here
before they start. The kernel gives the lock back when its holder dies, however it dies; the words in
the file are only for messages.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from platform_core.errors import Diagnostic, LakeLocked, UsageError, shown
from platform_core.lake.faults import lake_faults
from platform_core.lake.location import LakeLocation

DEFAULT_TIMEOUT = 300.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, as it said so itself."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name})"


@contextmanager
def lake_lock(
    location: LakeLocation,
    lake: str,
    *,
    holder: str,
    timeout: float | None = None,
    on_wait: Callable[[Holder | None], None] | None = None,
) -> Iterator[None]:
    """Holds the lake's writer lock; ``holder`` tells others who has it.

    Waits up to ``timeout`` seconds, by default ``MESH_LOCK_TIMEOUT`` or 300, and calls ``on_wait``
    once if it has to wait at all. Raises LakeLocked (L001) then, LakeError where the lock's file
    cannot be made. Not reentrant.
    """
    with lake_faults(location, lake):
        location.folder(lake).mkdir(parents=True, exist_ok=True)
        descriptor = open_lock(location.lock(lake))
    try:
        acquire(descriptor, location.lock(lake), holder=holder, timeout=timeout, on_wait=on_wait)
        yield
    finally:
        # Closing the last descriptor gives the lock back; unlinking the file would let two in.
        os.close(descriptor)


def open_lock(path: Path) -> int:
    """A descriptor of the lock's file, which is made where it is missing. Not inherited by children."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)


def acquire(
    descriptor: int,
    path: Path,
    *,
    holder: str,
    timeout: float | None = None,
    on_wait: Callable[[Holder | None], None] | None = None,
) -> None:
    """Takes the lock on an open descriptor and signs it; see ``lake_lock``."""
    patience = lock_timeout() if timeout is None else timeout
    started = time.monotonic()
    pause, waited = 0.005, False
    while not _try(descriptor):
        elapsed = time.monotonic() - started
        if elapsed >= patience:
            raise _locked(path, patience)
        if not waited:
            waited = True
            if on_wait is not None:
                on_wait(read_holder(path))
        # A blocking flock could neither time out nor be interrupted in a thread.
        time.sleep(min(pause * random.uniform(0.5, 1.0), max(0.0, patience - elapsed)))
        pause = min(pause * 1.5, 0.1)
    words = json.dumps({"pid": os.getpid(), "holder": holder}).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, words, 0)


def read_holder(path: Path) -> Holder | None:
    """Who signed the lock last; None where nobody did, or is just about to."""
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
        return Holder(int(words["pid"]), str(words["holder"]))
    except (OSError, ValueError, KeyError, TypeError):
        # The words are a courtesy: a torn or foreign file must not turn into an error of its own.
        return None


def lock_timeout() -> float:
    """Seconds of ``MESH_LOCK_TIMEOUT``; 300 where it is not set."""
    words = os.environ.get("MESH_LOCK_TIMEOUT", "")
    if not words:
        return DEFAULT_TIMEOUT
    try:
        seconds = float(words)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(
            Diagnostic(
                "U030",
                f'MESH_LOCK_TIMEOUT is "{words}"',
                expected="seconds, 0 or more",
                fix="MESH_LOCK_TIMEOUT=300",
            )
        )
    return seconds


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(path: Path, patience: float) -> LakeLocked:
    who = read_holder(path)
    return LakeLocked(
        Diagnostic(
            "L001",
            f'the lake "{path.parent.name}" is being written by {who or "another process"}, '
            f"still after {patience:g} s",
            expected=f"one writer at a time, by the lock {shown(path)}",
            fix="wait for that process or stop it; MESH_LOCK_TIMEOUT is how many seconds to wait",
        )
    )
