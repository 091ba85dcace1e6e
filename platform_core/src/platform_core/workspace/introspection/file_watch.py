"""Detection of changed files: by time and size, and by content if these differ."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

SKIPPED: Final = frozenset({"__pycache__", "target", "logs", "dbt_packages", "node_modules"})
CLOCK_STEP: Final = 20_000_000
"""The step, in nanoseconds, of the clock for the times of files."""

Entry = list[int | str]
"""Modification time, change time, size and a digest of the content; empty for a missing file."""


@dataclass(frozen=True)
class Watch:
    """Folders with all their files, and single files, which may be missing."""

    trees: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(eq=False)
class FileObserver:
    """Reads the state of files, each once, because locations share most of them."""

    _tree: Callable[[str], list[str]] = field(default_factory=lambda: cache(_tree))
    _stat: Callable[[str], list[int]] = field(default_factory=lambda: cache(_stat))
    _digest: Callable[[str], str] = field(default_factory=lambda: cache(_digest))

    def record(self, watch: Watch, began: int) -> dict[str, Entry] | None:
        """The state of the files; None if one changed after ``began`` (nanoseconds since the epoch)."""
        entries: dict[str, Entry] = {}
        for name in self._names(watch):
            stat = self._stat(name)
            if stat and max(stat[0], stat[1]) > began - CLOCK_STEP:
                return None
            entries[name] = [*stat, self._digest(name)] if stat else []
        return entries

    def unchanged(self, watch: Watch, entries: dict[str, Entry]) -> bool:
        """Whether the files are the same, with the same content."""
        names = self._names(watch)
        return set(names) == entries.keys() and all(self._same(name, entries[name]) for name in names)

    def _same(self, name: str, entry: Entry) -> bool:
        stat = self._stat(name)
        if not stat or not entry:
            return not stat and not entry
        return stat == entry[:3] or (stat[2] == entry[2] and self._digest(name) == entry[3])

    def _names(self, watch: Watch) -> list[str]:
        return [*watch.files, *(name for tree in watch.trees for name in self._tree(tree))]


def _tree(folder: str) -> list[str]:
    found, seen = list[str](), set[tuple[int, ...]]()
    for path, folders, files in os.walk(folder, followlinks=True):
        # Links may form cycles, so it enters each folder once.
        with suppress(OSError):
            stat = os.stat(path)  # noqa: PTH116
            identity = (stat.st_dev, stat.st_ino)
            folders[:] = [] if identity in seen else filter(_counts, folders)
            found += [] if identity in seen else [f"{path}/{name}" for name in filter(_counts, files)]
            seen.add(identity)
    return sorted(found)


def _counts(name: str) -> bool:
    return not (name.startswith(".") or name in SKIPPED or name.endswith(".pyc"))


def _stat(name: str) -> list[int]:
    try:
        stat = os.stat(name)  # noqa: PTH116 - half the time of Path's, for hundreds of files
    except OSError:
        return []
    return [stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size]


def _digest(name: str) -> str:
    path = Path(name)
    # A folder counts by its names; its files have their own entries.
    names = sorted(each.name for each in path.iterdir()) if path.is_dir() else None
    # Reading a pipe or a device might never end.
    content = path.read_bytes() if path.is_file() else "\n".join(names or ()).encode()
    return hashlib.blake2b(content, digest_size=16).hexdigest()
