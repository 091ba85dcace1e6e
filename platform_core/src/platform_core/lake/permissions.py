"""What keeps a restricted lake to its own user: a closed folder, and files that nobody else can read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platform_core.files import close_to_others, private_umask
from platform_core.lake.errors import lake_faults
from platform_core.lake.location import LakeLocation


@contextmanager
def written_privately(location: LakeLocation, lake: str) -> Iterator[None]:
    """What this process writes meanwhile is readable by this user alone, where the lake is restricted.

    Raises LakeError where the lake's folder cannot be made.
    """
    if not location.is_private(lake):
        yield
        return
    with lake_faults(location, lake):
        private_folder(location, lake)
    with private_umask():
        yield


def private_folder(location: LakeLocation, lake: str) -> Path:
    """The folder of a restricted lake, made if need be and closed to all other users. Raises OSError."""
    location.root.mkdir(parents=True, exist_ok=True)  # with the rights of a folder that all lakes share
    folder = location.folder(lake)
    folder.mkdir(mode=0o700, exist_ok=True)
    close_folder(location, lake)
    return folder


def close_folder(location: LakeLocation, lake: str) -> None:
    """Take the folder of a restricted lake from all other users, also one that was made before."""
    if location.is_private(lake):
        close_to_others(location.folder(lake))
