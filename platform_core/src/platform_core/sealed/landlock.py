"""The kernel's wall around a process (Linux): it can open no further file or connection.

Landlock binds the calling thread and the threads that it starts later, so the process must have one thread
and have loaded everything it needs. See landlock(7).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path
from typing import Final

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_NO_NEW_PRIVILEGES: Final = 38
_DIE_WITH_PARENT: Final = 1
_KILL: Final = 9
_FILES: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""The number of rights over files in each version of the interface; later versions have as many as the
last."""
_EXECUTE: Final = 1 << 0
MISSING: Final = "the kernel has no Landlock: only DuckDB's own settings keep a query from other files"


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, _KILL, 0, 0, 0)


def has_landlock() -> bool:
    """Whether the kernel has Landlock."""
    return sys.platform == "linux" and _version(ctypes.CDLL(None)) > 0


def wall_off(writable: Path | None = None) -> bool:
    """Permanently deny this process the network and every file except open ones and those in
    ``writable``. Returns False if the kernel has no Landlock or refuses it. Raises RuntimeError if the
    process has several threads."""
    if sys.platform != "linux":
        return False
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise RuntimeError("threads were started before the wall")
    libc = ctypes.CDLL(None, use_errno=True)
    version = _version(libc)
    if version < 1:
        return False
    files = (1 << _FILES.get(version, 16)) - 1
    network, scope = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    rules = struct.pack("=QQQ", files, network, scope)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    ruleset = libc.syscall(_CREATE, rules, len(rules), 0)
    if ruleset < 0:
        return False
    try:
        if writable is not None:
            folder = os.open(writable, os.O_PATH | os.O_DIRECTORY)
            allowed = struct.pack("=Qi", files & ~_EXECUTE, folder)
            added = libc.syscall(_ADD, ruleset, 1, allowed, 0)
            os.close(folder)
            if added < 0:
                return False
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return bool(libc.syscall(_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _version(libc: ctypes.CDLL) -> int:
    """The version of the interface; below 1 without Landlock."""
    return int(libc.syscall(_CREATE, None, 0, 1))
