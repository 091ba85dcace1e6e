"""Files that appear whole or not at all, locks between processes, and what only this user may read."""

from __future__ import annotations

import contextlib
import os
import stat
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock

from platform_core.diagnostics import UsageError, shown

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
"""The rights of everybody but the owner."""


def write_whole(path: Path, content: str | bytes, mode: int | None = None, *, replace: bool = True) -> bool:
    """Write a file so that every reader sees the old content or the new, also after a crash.

    ``mode`` is by default that of the file that is there, else what the process gives new files. Without
    ``replace`` a file that is there stays, whoever made it a moment ago; returns whether ours was put there.
    Folders above it are made. Raises OSError; then nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_beside(path)
    try:
        _write_draft(draft, path, content, mode)
        if replace:
            draft.replace(path)
            return True
        return link_new(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_files(contents: Mapping[Path, str | bytes]) -> None:
    """Write some files, all of them or none: each beside its place first, then moved there.

    Raises UsageError U068 where one of them cannot be written; the others are then as they were.
    """
    drafts: dict[Path, Path] = {}
    before: dict[Path, bytes | None] = {}
    path = Path()
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            drafts[path] = draft_beside(path)
            _write_draft(drafts[path], path, content, None)
        for path, draft in drafts.items():
            before[path] = path.read_bytes() if path.exists() else None
            draft.replace(path)
    except OSError as error:
        for written, bytes_ in before.items():
            _restore(written, bytes_)
        raise UsageError.of(
            "U068",
            f"{shown(path)} cannot be written: {error.strerror or error}",
            expected="a folder that may be written, with space left",
            fix="Mend that and call again; nothing was left behind.",
        ) from None
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def draft_beside(path: Path) -> Path:
    """A name in the folder of a file under which it can be prepared; a dot in front hides it from readers."""
    return path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")


def link_new(draft: Path, path: Path) -> bool:
    """Give a file a further name that nobody has yet; whether it did. Unlike a rename, a link replaces
    nothing that another process put there first."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    return True


def link_over(file: Path, path: Path) -> None:
    """Let a name lead to a file, for every reader at once, whatever it led to before."""
    link = draft_beside(path)
    os.link(file, link)
    link.replace(path)
    link.unlink(missing_ok=True)  # where both were one file already, nothing was replaced
    sync(path.parent)


def move_folder(folder: Path, target: Path) -> None:
    """Give a folder another name beside it, at once and for good."""
    folder.replace(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Wait until the content of a file or folder is on its disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_lock(path: Path, timeout: float = -1.0) -> FileLock:
    """A lock between processes, which the kernel gives back when its holder dies, however it dies.

    ``with file_lock(path):`` waits up to ``timeout`` seconds, for ever by default, and raises
    filelock.Timeout. The file stays: unlinking it would let two in. Not reentrant.
    """
    return FileLock(path, timeout=timeout)


@contextmanager
def private_umask() -> Iterator[None]:
    """What this process writes meanwhile is readable by this user alone."""
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def close_to_others(path: Path) -> None:
    """Take a file or folder of this user from all other users. One of another user stays as it is:
    who reads it was let in on purpose."""
    status = path.stat()
    if status.st_mode & OTHERS and status.st_uid == os.getuid():
        path.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)


def append_line(path: Path, line: str) -> bool:
    """Append a line in one write, which the system keeps whole beside those of other processes; whether
    that could be done. The file is for this user alone where it is made."""
    content = f"{line}\n".encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            return os.write(file, content) == len(content)
        finally:
            os.close(file)
    except OSError:
        return False


def _write_draft(draft: Path, path: Path, content: str | bytes, mode: int | None) -> None:
    if mode is None and path.exists():
        mode = stat.S_IMODE(path.stat().st_mode)
    # Made with its rights: a secret is never, for a moment, open to others.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    if mode is not None:
        draft.chmod(mode)


def _restore(path: Path, content: bytes | None) -> None:
    with contextlib.suppress(OSError):
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(content)
