"""Atomic writes of files, locks between processes, and permissions."""

from __future__ import annotations

import contextlib
import os
import stat
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from filelock import FileLock

from platform_core.diagnostics import UsageError, shown

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
"""The permissions of all users but the owner."""


def write_whole(path: Path, content: str | bytes, mode: int | None = None, *, replace: bool = True) -> bool:
    """Write a file so that every reader sees the old content or the new one, even after a crash.

    ``mode`` is by default that of an existing file, else that of new files of the process. Without
    ``replace`` an existing file stays; returns whether this file was written. Folders above it are made.
    Raises OSError without leaving anything behind.
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


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A file to write, which takes the place of ``path`` at the end of the block; after any exception nothing
    of it stays. Raises UsageError U068 for an OSError, in the block too."""
    draft = draft_beside(path := path.resolve())  # a link stays one
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is not a file")
        with draft.open("x", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            draft.chmod(stat.S_IMODE(path.stat().st_mode))
        draft.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def write_files(contents: Mapping[Path, str | bytes | None]) -> None:
    """Write all of the files or none of them: first each as a draft, then all are moved to their places.
    None removes a file.

    After a fault or Ctrl-C, files and folders are as before. Raises UsageError U068 where one of them cannot
    be written.
    """
    drafts: dict[Path, Path] = {}
    before: dict[Path, tuple[bytes, int] | None] = {}
    made: list[Path] = []
    path = Path()
    try:
        for path, content in contents.items():
            if content is None:
                continue
            made += [each for each in (path.parent, *path.parent.parents) if not each.exists()][::-1]
            path.parent.mkdir(parents=True, exist_ok=True)
            drafts[path] = draft_beside(path)
            _write_draft(drafts[path], path, content, None)
        for path in contents:
            before[path] = (path.read_bytes(), path.stat().st_mode) if path.exists() else None
            if path in drafts:
                drafts[path].replace(path)
            else:
                path.unlink(missing_ok=True)
    except BaseException as error:
        for changed, was in before.items():
            _restore(changed, was)
        for each in drafts.values():
            each.unlink(missing_ok=True)
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if not isinstance(error, OSError):
            raise
        raise _unwritable(path, error) from None


def draft_beside(path: Path) -> Path:
    """A name for a draft in the folder of a file; its leading dot hides it from readers."""
    return path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")


def link_new(draft: Path, path: Path) -> bool:
    """Give a file a new name; returns False where the name exists. Unlike a rename, a link never replaces the
    file of another process."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    return True


def link_over(file: Path, path: Path) -> None:
    """Let a name refer to a file, atomically for every reader, in place of any earlier file."""
    link = draft_beside(path)
    os.link(file, link)
    link.replace(path)
    link.unlink(missing_ok=True)  # replace does nothing where both are the same file
    sync(path.parent)


def move_folder(folder: Path, target: Path) -> None:
    """Rename a folder within its parent, atomically and durably."""
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
    """A lock between processes, which the kernel releases when its holder dies.

    ``with file_lock(path):`` waits up to ``timeout`` seconds, by default forever, and raises
    filelock.Timeout. The file stays: after an unlink, two processes could hold the lock. Not reentrant.
    """
    return FileLock(path, timeout=timeout)


@contextmanager
def private_umask() -> Iterator[None]:
    """Within it, new files are readable by this user alone."""
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def close_to_others(path: Path) -> None:
    """Remove the permissions of other users on a file or folder of this user. One of another user stays
    unchanged: its owner decided on its permissions."""
    status = path.stat()
    if status.st_mode & OTHERS and status.st_uid == os.getuid():
        path.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)


def append_line(path: Path, line: str) -> bool:
    """Append a line in one write, which the system does not mix with those of other processes; returns
    whether it succeeded. A new file is readable by this user alone."""
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


def _unwritable(path: Path, error: OSError) -> UsageError:
    message = f"{shown(path)} cannot be written: {error.strerror or error}"
    fix = "Repair the folder, then call again."
    return UsageError.of("U068", message, None, "a writable folder with free space", fix)


def _write_draft(draft: Path, path: Path, content: str | bytes, mode: int | None) -> None:
    if mode is None and path.exists():
        mode = stat.S_IMODE(path.stat().st_mode)
    # Created with its permissions, so that a secret is never readable by others.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    if mode is not None:
        draft.chmod(mode)


def _restore(path: Path, was: tuple[bytes, int] | None) -> None:
    with contextlib.suppress(OSError):
        if was is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(was[0])
            path.chmod(stat.S_IMODE(was[1]))
