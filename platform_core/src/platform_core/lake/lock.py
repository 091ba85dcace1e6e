"""One writer per lake: a file lock of the operating system, taken before BEGIN.

SQLite refuses concurrent writers in the middle of their commits, so they wait for this lock before they
begin. The kernel releases it when its holder dies. The text in the file is only for messages.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Hold the lake's writer lock, or the lock of one of its streams, next to which the lake can be written.

    Waits up to ``timeout`` seconds, by default ``MESH_LOCK_TIMEOUT`` or 300. ``holder`` names the owner for
    messages. Not reentrant. Raises LakeLocked (L001) after the timeout, LakeError if the lock's file cannot
    be created.
    """
    patience = LOCK_TIMEOUT.seconds(DEFAULT_TIMEOUT) if timeout is None else timeout
    path = location.folder(lake) / f"{stream}.stream.lock" if stream else location.lock(lake)
    lock = file_lock(path, patience)
    with lake_faults(location, lake):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            # The file is empty for a moment after the lock was taken.
            owner = path.read_text("utf-8", "replace") or "another process"
            message = f'the lake "{lake}" is still being written by {owner} after {patience:g} s'
            expected = f"one writer at a time, by the lock {shown(path)}"
            fix = "Wait for that process, or stop it. MESH_LOCK_TIMEOUT sets the seconds to wait."
            raise LakeLocked.of("L001", message, None, expected, fix, plain=True) from None
    try:
        path.write_text(f"process {os.getpid()} ({holder})", encoding="utf-8")
        yield
    finally:
        lock.release()
