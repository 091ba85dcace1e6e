"""Errors of files, disks and catalogs of this machine as diagnostics."""

from __future__ import annotations

import errno
import re
import sqlite3
from contextlib import closing
from typing import Final

import duckdb

from platform_core.diagnostics import LakeError, shown
from platform_core.lake.errors import damaged, other_fault, sentence
from platform_core.lake.location import LakeLocation

_NO_ROOM = re.compile(
    r"no space left|disk (is )?full|file too large|quota exceeded|out of disk space|failed to offload", re.I
)
DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_WRITABLE = re.compile(
    r"permission denied|read-only file system|readonly database|not a directory|operation not permitted"
    r"|failed to create directory|unable to open database file",
    re.I,
)
GARBLED: Final = "database disk image is malformed"
"""DuckDB's error for a damaged catalog. It does not name the lake."""
_UNREADABLE = re.compile(
    r"file is not a database|malformed|failed to probe ducklake|does not exist - and creating"
    r"|ducklake catalog version|no such (table|column)|no magic bytes|too small to be a parquet"
    r"|cannot open file",
    re.I,
)


def environment_fault(error: BaseException, location: LakeLocation, lake: str) -> LakeError | None:
    """The diagnostic for an error of the disk or the catalog; None for an error of the query itself."""
    number = error.errno if isinstance(error, OSError) else None
    text = str(error)
    # The error may name a file of another lake than the one that is written.
    if (named := re.search(rf"{re.escape(str(location.root))}/([^/\"']+)/", text)) is not None:
        lake = named[1]
    if isinstance(error, duckdb.OutOfMemoryException) and not _NO_ROOM.search(text):
        # First, because the text also names the failed operation, such as "failed to probe".
        message = f'the lake "{lake}" needs more memory: {sentence(error)}'
        expected = "memory for one product at a time, by default 40% of the machine's"
        fix = "Set a higher limit, such as MESH_MEMORY_LIMIT=4GB. Nothing was published."
        return LakeError.of("L011", message, None, expected, fix)
    folder = shown(location.folder(lake))
    if number in DISK_FULL or _NO_ROOM.search(text):
        message = f'the disk of the lake "{lake}" in {folder} is full: {sentence(error)}'
        expected = "free space for the new version and the published one"
        fix = "Free some space, or set MESH_LAKE to another folder. Nothing was published."
        return LakeError.of("L003", message, None, expected, fix)
    unwritable = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT, errno.EEXIST)
    if number in unwritable or _NOT_WRITABLE.search(text):
        message = f'the lake "{lake}" in {folder} cannot be opened or written: {sentence(error)}'
        fix = f"Give this user write access to {folder}, or set MESH_LAKE to another folder."
        return LakeError.of("L002", message, None, "a folder that this user may write", fix)
    if _UNREADABLE.search(text):
        return damaged(location, _garbled(location, lake), sentence(error))
    if number is not None:
        return other_fault(error, lake)
    return None


def _garbled(location: LakeLocation, lake: str) -> str:
    """The lake whose catalog SQLite reports as damaged; ``lake`` is checked first."""
    for catalog in (
        location.folder(lake) / "catalog.sqlite",
        *sorted(location.root.glob("*/catalog.sqlite")),
    ):
        try:
            with closing(sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True)) as opened:
                if opened.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
                    continue
        except sqlite3.OperationalError:  # unreadable or locked
            continue
        except sqlite3.DatabaseError:
            pass
        return catalog.parent.name
    return lake
