"""Where a run puts the words that may hold restricted values: a file in its domain's restricted lake."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Final

from platform_core.lake.location import RESTRICTED, LakeLocation
from platform_core.lake.private import private_folder

KEPT: Final = 50
"""How many of these files a domain keeps."""


def private_log(location: LakeLocation, domain: str, name: str) -> Path:
    """A new file for this user alone, in a folder for this user alone; the oldest ones make room for it.

    The domain need not have a restricted lake: its folder is made. Raises OSError.
    """
    folder = private_folder(location, domain + RESTRICTED) / "messages"
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime)[: -KEPT + 1]:
        old.unlink(missing_ok=True)
    path = folder / f"{name}.txt"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    return path


def append(path: Path, text: str) -> None:
    with suppress(OSError), path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{text}\n")


@contextmanager
def captured(path: Path) -> Iterator[None]:
    """What this process and its children print goes to a file, and what is logged too, whoever does it.

    It holds for the whole process: nothing else may run in it meanwhile.
    """
    handle = logging.Logger.handle
    _flush()
    before = [os.dup(1), os.dup(2)]
    with path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1) as file:
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            # Not by handlers: Dagster's own logger has some that nobody else can reach.
            setattr(logging.Logger, "handle", lambda _, record: handler.handle(record))  # noqa: B010
            with redirect_stdout(file), redirect_stderr(file):
                yield
        finally:
            setattr(logging.Logger, "handle", handle)  # noqa: B010
            _flush()
            for number, descriptor in enumerate(before, start=1):
                os.dup2(descriptor, number)
                os.close(descriptor)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
