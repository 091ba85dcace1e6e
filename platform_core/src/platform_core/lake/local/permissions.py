"""Restricted lakes: a closed folder, and files that no other user can read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platform_core.files import close_to_others, private_umask
from platform_core.lake.errors import lake_faults
from platform_core.lake.location import LakeLocation


@contextmanager
def written_privately(location: LakeLocation, lake: str) -> Iterator[None]:
    """Make files that this process creates readable by its own user only, if the lake is restricted.
    Raises LakeError."""
    if not location.is_private(lake):
        yield
        return
    with lake_faults(location, lake):
        private_folder(location, lake)
    with private_umask():
        yield


def private_folder(location: LakeLocation, lake: str) -> Path:
    """The folder of a restricted lake, created if needed and closed to other users. Raises OSError."""
    location.root.mkdir(parents=True, exist_ok=True)  # shared by all lakes
    folder = location.folder(lake)
    folder.mkdir(mode=0o700, exist_ok=True)
    close_folder(location, lake)
    return folder


def close_folder(location: LakeLocation, lake: str) -> None:
    """Close the folder of a restricted lake to other users."""
    if location.is_private(lake):
        close_to_others(location.folder(lake))
