"""The only files that a sealed engine opens: those that the platform opened, under made-up names.

DuckDB's ``allowed_paths`` also permits writing, and its messages show the paths. So no path is allowed: the
engine reads through this read-only filesystem with names such as ``mesh://sales/stores/0``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import duckdb
from fsspec.spec import AbstractFileSystem

from platform_core.lake.local.lakes import LocalBytes, open_local
from platform_core.lake.location import DataBytes

SCHEME: Final = "mesh"


class SealedFiles(AbstractFileSystem):  # type: ignore[misc]
    """Files by their names below ``mesh://``. The caller closes it; else its last engine does."""

    protocol = SCHEME
    cachable = False

    def __init__(self, open_remote: Callable[[str], DataBytes] = open_local) -> None:
        super().__init__()
        self.opened: dict[str, DataBytes] = {}
        """The files that an engine may read, by name."""
        self.paths: dict[str, str] = {}
        """The paths of the files that ``add`` opened, by name."""
        self._open_remote = open_remote

    def add(self, path: str, name: str) -> str:
        """Open a file for the engine; returns its name for SQL. Raises OSError."""
        self.opened[name] = self._open_remote(path) if "://" in path else open_local(path)
        self.paths[name] = path
        return f"{SCHEME}://{name}"

    def close(self) -> None:
        while self.opened:
            self.opened.popitem()[1].close()

    def __del__(self) -> None:
        self.close()

    def show(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Register it with an engine that may open files below ``mesh://``."""
        connection.register_filesystem(self)

    # DuckDB calls the following.

    def open(self, path: str, mode: str = "rb", **_: Any) -> _Reader:
        if mode != "rb":
            raise PermissionError(f"{path} can only be read")
        return _Reader(self._file(path))

    def exists(self, path: str, **_: Any) -> bool:
        return self._strip_protocol(path) in self.opened

    def isdir(self, path: str) -> bool:
        return False

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path] if self.exists(path) else []

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": self._file(path).size, "type": "file"}

    def modified(self, path: str) -> datetime:
        file = self._file(path)  # a file of a server never changes
        changed = os.fstat(file.descriptor).st_mtime if isinstance(file, LocalBytes) else 0
        return datetime.fromtimestamp(changed, UTC)

    def _file(self, path: str) -> DataBytes:
        try:
            return self.opened[self._strip_protocol(path)]
        except KeyError:
            raise FileNotFoundError(f"{path} is not in reach") from None


class _Reader:
    """An open file with its own position; many readers share a file."""

    def __init__(self, file: DataBytes) -> None:
        self._file = file
        self._size = file.size
        self._at = 0
        self.closed = False

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, count: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        found = self._file.read(self._at, left if count < 0 else min(count, left))
        self._at += len(found)
        return found

    def close(self) -> None:
        self.closed = True  # the file stays open for the next reader
