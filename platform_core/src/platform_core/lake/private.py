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
    folder = location.folder(lake)
    if location.is_private(lake) and (mode := stat.S_IMODE(folder.stat().st_mode)) & OTHERS:
        folder.chmod(mode & ~OTHERS)
