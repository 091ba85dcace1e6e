"""One writer per lake: its lock is taken before BEGIN."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from platform_core.lake.location import LakeLocation
from platform_core.settings import LOCK_TIMEOUT

DEFAULT_TIMEOUT: Final = 300.0


def lake_lock(
    location: LakeLocation,
    lake: str,
    *,
    holder: str,
    stream: str | None = None,
    timeout: float | None = None,
) -> AbstractContextManager[None]:
    """Hold the lake's writer lock, or the lock of one of its streams, next to which the lake can be written.

    Waits up to ``timeout`` seconds, by default ``MESH_LOCK_TIMEOUT`` or 300. ``holder`` names the owner for
    messages. Not reentrant. Raises LakeLocked (L001) after the timeout, LakeError if the lock cannot be made.
    """
    patience = LOCK_TIMEOUT.seconds(DEFAULT_TIMEOUT) if timeout is None else timeout
    return location.lock(lake, holder, stream, patience)
