"""Where work goes that exceeds the memory: one folder per process, for its user alone, gone when it ends."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from platform_core.lake.location import LakeLocation
from platform_core.lake.private import private_folder

_PREFIX = ".spill-"
_of_process: dict[tuple[int, Path], Path] = {}
"""The folder of a process beneath each parent."""


def spill_path(location: LakeLocation, lake: str | None = None) -> Path:
    """A path that nobody else uses, for DuckDB's ``temp_directory``: DuckDB makes the folder when it
    spills, and removes it when the connection is closed.

    It lies in the folder of ``lake``, a restricted one, else beside all lakes. Raises OSError.
    """
    return _own_folder(location, lake) / uuid.uuid4().hex[:8]


@contextmanager
def spill_folder(location: LakeLocation, lake: str | None = None) -> Iterator[Path]:
    """The same as a folder that is made, 0700, and removed at the end with all that is in it."""
    path = Path(tempfile.mkdtemp(dir=_own_folder(location, lake)))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _own_folder(location: LakeLocation, lake: str | None) -> Path:
    """This process's folder. Its lock tells that the process lives; the kernel gives that back."""
    parent = location.root if lake is None else private_folder(location, lake)
    own = _of_process.get((os.getpid(), parent))
    if own is not None and own.is_dir():
        return own
    _remove_left(parent)
    while True:
        own = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))  # 0700 under every umask
        with suppress(FileNotFoundError):
            fcntl.flock(os.open(own, os.O_RDONLY), fcntl.LOCK_EX)
        if own.is_dir():  # nobody took it for a dead process's before it was locked
            break
    _of_process[os.getpid(), parent] = own
    atexit.register(_remove_own, os.getpid(), own)
    return own


def _remove_left(parent: Path) -> None:
    """Remove the folders of processes that were killed."""
    for left in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # of another user, or gone meanwhile, or of a process that lives
            descriptor = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)
            finally:
                os.close(descriptor)


def _remove_own(process: int, own: Path) -> None:
    if os.getpid() == process:  # a forked child ends as well
        shutil.rmtree(own, ignore_errors=True)
