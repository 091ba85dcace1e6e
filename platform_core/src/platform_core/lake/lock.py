"""One writer per lake: a file lock of the operating system, taken before BEGIN.

SQLite as catalog refuses concurrent writers halfway through their commits, so they queue up here
before they start. The kernel gives the lock back when its holder dies, however it dies; the words in
the file are only for messages.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import Timeout

from platform_core.diagnostics import LakeLocked, shown
from platform_core.files import file_lock
from platform_core.lake.errors import lake_faults
from platform_core.lake.location import LakeLocation
from platform_core.settings import LOCK_TIMEOUT

DEFAULT_TIMEOUT: Final = 300.0


@contextmanager
def lake_lock(
    location: LakeLocation,
    lake: str,
    *,
    holder: str,
    stream: str | None = None,
    timeout: float | None = None,
) -> Iterator[None]:
    """Holds the lake's writer lock, or the right to feed a ``stream`` of it, while others may write the rest;
    ``holder`` tells others who has it.

    Waits up to ``timeout`` seconds, by default ``MESH_LOCK_TIMEOUT`` or 300. Raises LakeLocked (L001)
    then, LakeError where the lock's file cannot be made. Not reentrant.
    """
    patience = LOCK_TIMEOUT.seconds(DEFAULT_TIMEOUT) if timeout is None else timeout
    path = location.folder(lake) / f"{stream}.stream.lock" if stream else location.lock(lake)
    lock = file_lock(path, patience)
    with lake_faults(location, lake):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise _locked(path, patience) from None
    try:
        path.write_text(f"process {os.getpid()} ({holder})", encoding="utf-8")
        yield
    finally:
        lock.release()


def _locked(path: Path, patience: float) -> LakeLocked:
    # The words are a courtesy: there are none where the lock was taken a moment ago.
    who, lake = path.read_text("utf-8", "replace") or "another process", path.parent.name
    message = f'the lake "{lake}" is being written by {who}, still after {patience:g} s'
    expected = f"one writer at a time, by the lock {shown(path)}"
    fix = "wait for that process or stop it; MESH_LOCK_TIMEOUT is how many seconds to wait"
    return LakeLocked.of("L001", message, None, expected, fix, plain=True)
