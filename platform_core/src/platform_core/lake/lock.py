"""One writer per lake: a file lock of the operating system, taken before BEGIN.

SQLite as catalog refuses concurrent writers halfway through their commits, so they queue up here
before they start. The kernel gives the lock back when its holder dies, however it dies; the words in
the file are only for messages.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import Timeout

from platform_core.errors import LakeLocked, shown
from platform_core.files import file_lock
from platform_core.lake.faults import lake_faults
from platform_core.lake.location import LakeLocation
from platform_core.settings import LOCK_TIMEOUT

DEFAULT_TIMEOUT: Final = 300.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, as it said so itself."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name})"


OnWait = Callable[[Holder | None], None]
"""Called once by a writer that has to wait, with who holds the lock."""


def lake_lock(
    location: LakeLocation,
    lake: str,
    *,
    holder: str,
    timeout: float | None = None,
    on_wait: OnWait | None = None,
) -> AbstractContextManager[None]:
    """Holds the lake's writer lock; ``holder`` tells others who has it.

    Waits up to ``timeout`` seconds, by default ``MESH_LOCK_TIMEOUT`` or 300, and calls ``on_wait``
    once if it has to wait at all. Raises LakeLocked (L001) then, LakeError where the lock's file
    cannot be made. Not reentrant.
    """
    return _held(location, lake, location.lock(lake), holder, timeout, on_wait)


def stream_lock(
    location: LakeLocation, lake: str, stream: str, *, holder: str
) -> AbstractContextManager[None]:
    """Holds the right to feed a stream, while others may write the rest of its lake; see ``lake_lock``."""
    path = location.folder(lake) / f"{stream}.stream.lock"
    return _held(location, lake, path, holder)


@contextmanager
def _held(
    location: LakeLocation,
    lake: str,
    path: Path,
    holder: str,
    timeout: float | None = None,
    on_wait: OnWait | None = None,
) -> Iterator[None]:
    patience = LOCK_TIMEOUT.seconds(DEFAULT_TIMEOUT) if timeout is None else timeout
    lock = file_lock(path)
    with lake_faults(location, lake):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if on_wait is not None:
                on_wait(read_holder(path))
            try:
                lock.acquire(timeout=patience)
            except Timeout:
                raise _locked(path, patience) from None
    try:
        path.write_text(json.dumps({"pid": os.getpid(), "holder": holder}), encoding="utf-8")
        yield
    finally:
        lock.release()


def read_holder(path: Path) -> Holder | None:
    """Who signed the lock last; None where nobody did, or is just about to."""
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
        return Holder(int(words["pid"]), str(words["holder"]))
    except (OSError, ValueError, KeyError, TypeError):
        # The words are a courtesy: a torn or foreign file must not turn into an error of its own.
        return None


def _locked(path: Path, patience: float) -> LakeLocked:
    who = read_holder(path)
    return LakeLocked.of(
        "L001",
        f'the lake "{path.parent.name}" is being written by {who or "another process"}, '
        f"still after {patience:g} s",
        expected=f"one writer at a time, by the lock {shown(path)}",
        fix="wait for that process or stop it; MESH_LOCK_TIMEOUT is how many seconds to wait",
        plain=True,
    )
