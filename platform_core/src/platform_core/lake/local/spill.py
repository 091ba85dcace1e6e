"""Folders for work that exceeds the memory: one per process, private, removed when the process ends."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import duckdb

from platform_core.lake.local.permissions import private_folder
from platform_core.lake.location import LakeLocation
from platform_core.sql.quoting import literal

_PREFIX = ".spill-"
_own: dict[tuple[int, Path], tuple[Path, int]] = {}
"""The folder of each process under each parent, and the descriptor that holds its lock."""


def spill_into(connection: duckdb.DuckDBPyConnection, location: LakeLocation, lake: str | None) -> None:
    """Let a connection spill into the folder of ``lake``, a restricted one, or of all lakes; if that is
    not writable, it cannot spill."""
    path = ""
    with suppress(OSError):
        path = str(_own_folder(location, lake) / uuid.uuid4().hex[:8])  # DuckDB makes it, and removes it
    connection.execute(f"SET temp_directory = {literal(path)}")


@contextmanager
def spill_folder(location: LakeLocation, lake: str | None = None) -> Iterator[Path]:
    """A private folder that is removed at the end. Raises OSError."""
    path = Path(tempfile.mkdtemp(dir=_own_folder(location, lake)))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def spill_room(location: LakeLocation, lake: str | None = None) -> Iterator[Path | None]:
    """``spill_folder``, or None if this user cannot write there."""
    with ExitStack() as stack:
        try:
            room = stack.enter_context(spill_folder(location, lake))
        except OSError:
            room = None
        yield room


def _own_folder(location: LakeLocation, lake: str | None) -> Path:
    """This process's folder. The lock shows that the process lives; the kernel releases it."""
    parent = location.root if lake is None else private_folder(location, lake)
    parent.mkdir(parents=True, exist_ok=True)  # before the first run
    known = _own.get((os.getpid(), parent))
    if known is not None and known[0].is_dir():
        return known[0]
    _remove_left(parent)
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))  # 0700 under every umask
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if path.is_dir():  # another process may have removed it before it was locked
                _own[os.getpid(), parent] = path, descriptor
                return path
            os.close(descriptor)


def _remove_left(parent: Path) -> None:
    """Remove the folders of killed processes."""
    for left in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # of another user or a live process, or removed meanwhile
            descriptor = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)
            finally:
                os.close(descriptor)


@atexit.register
def remove_unused() -> None:
    """Remove this process's folders that no connection uses."""
    for (process, parent), (path, descriptor) in list(_own.items()):
        with suppress(OSError):
            if process == os.getpid():  # not a forked child
                path.rmdir()
                os.close(descriptor)
                del _own[process, parent]
