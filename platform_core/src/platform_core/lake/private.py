"""What keeps a restricted lake to its own user: a closed folder, and files that nobody else can read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from platform_core.lake.location import LakeLocation

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@contextmanager
def written_privately(location: LakeLocation, lake: str) -> Iterator[None]:
    """What this process writes meanwhile is readable by this user alone, where the lake is restricted."""
    if not location.is_private(lake):
        yield
        return
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def close_folder(location: LakeLocation, lake: str) -> None:
    """Take the folder of a restricted lake from all other users, also one that was made before."""
    if not location.is_private(lake):
        return
    folder = location.folder(lake)
    status = folder.stat()
    # Who reads it under another user has been let in on purpose, and cannot close it.
    if status.st_mode & OTHERS and status.st_uid == os.getuid():
        folder.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)
