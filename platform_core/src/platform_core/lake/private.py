"""What keeps a restricted lake to its own user: a closed folder, and files that nobody else can read."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from platform_core.files import close_to_others, private_umask
from platform_core.lake.location import LakeLocation


def written_privately(location: LakeLocation, lake: str) -> AbstractContextManager[None]:
    """What this process writes meanwhile is readable by this user alone, where the lake is restricted."""
    return private_umask() if location.is_private(lake) else nullcontext()


def close_folder(location: LakeLocation, lake: str) -> None:
    """Take the folder of a restricted lake from all other users, also one that was made before."""
    if location.is_private(lake):
        close_to_others(location.folder(lake))
