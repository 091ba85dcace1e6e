"""The only files that a sealed engine opens: descriptors that the platform opened, under made-up names.

DuckDB's ``allowed_paths`` also permits writing, and its messages show the paths. So no path is allowed: the
engine reads through this read-only filesystem with names such as ``mesh://sales/stores/0``.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
from fsspec.spec import AbstractFileSystem

SCHEME: Final = "mesh"


class SealedFiles(AbstractFileSystem):  # type: ignore[misc]
    """Files by their names below ``mesh://``. The caller closes it; else its last engine does."""

    protocol = SCHEME
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.opened: dict[str, int] = {}
        """The descriptors that an engine may read, by name."""
        self.paths: dict[str, Path] = {}
        """The paths of the files that ``add`` opened, by name."""

    def add(self, path: str, name: str) -> str:
        """Open a file for the engine; returns its name for SQL. Raises OSError."""
        self.opened[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.paths[name] = Path(path)
        return f"{SCHEME}://{name}"

    def close(self) -> None:
        while self.opened:
            os.close(self.opened.popitem()[1])

    def __del__(self) -> None:
        self.close()

    def show(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Register it with an engine that may open files below ``mesh://``."""
        connection.register_filesystem(self)

    # DuckDB calls the following.

    def open(self, path: str, mode: str = "rb", **_: Any) -> _Reader:
        if mode != "rb":
            raise PermissionError(f"{path} can only be read")
        return _Reader(self._descriptor(path))

    def exists(self, path: str, **_: Any) -> bool:
        return self._strip_protocol(path) in self.opened

    def isdir(self, path: str) -> bool:
        return False

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path] if self.exists(path) else []

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": os.fstat(self._descriptor(path)).st_size, "type": "file"}

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(os.fstat(self._descriptor(path)).st_mtime, UTC)

    def _descriptor(self, path: str) -> int:
        try:
            return self.opened[self._strip_protocol(path)]
        except KeyError:
            raise FileNotFoundError(f"{path} is not in reach") from None


class _Reader:
    """An open file with its own position; many readers share a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._at = 0
        self.closed = False

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, count: int = -1) -> bytes:
        found = os.pread(self._descriptor, self._size - self._at if count < 0 else count, self._at)
        self._at += len(found)
        return found

    def close(self) -> None:
        self.closed = True  # the descriptor stays open for the next reader
