"""A private log in a domain's restricted lake, for output that may hold restricted values."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Final

from platform_core.lake.local.permissions import private_folder
from platform_core.lake.location import LakeLocation

KEPT: Final = 50
"""The number of these files that a domain keeps."""


def private_log(location: LakeLocation, lake: str, name: str) -> Path:
    """A new private file in the folder of a restricted lake, which need not exist. Removes the oldest
    file if there are too many. Raises OSError."""
    folder = private_folder(location, lake) / "messages"
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime)[: -KEPT + 1]:
        old.unlink(missing_ok=True)
    path = folder / f"{name}.txt"
    path.touch(0o600)
    return path


def append(path: Path, text: str) -> None:
    with suppress(OSError), path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{text}\n")


@contextmanager
def captured(path: Path) -> Iterator[None]:
    """Write the output and the logs of this process, and the output of its children, to a file. Applies
    to the whole process, so nothing else may run in it meanwhile."""
    with ExitStack() as stack:
        file = stack.enter_context(path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1))
        handler = logging.StreamHandler(file)
        # Another handler would not suffice: Dagster's logger has handlers of its own.
        stack.callback(setattr, logging.Logger, "handle", logging.Logger.handle)
        setattr(logging.Logger, "handle", lambda _, record: handler.handle(record))  # noqa: B010
        for number, stream in ((1, sys.stdout), (2, sys.stderr)):
            stream.flush()
            before = os.dup(number)
            stack.callback(os.close, before)
            stack.callback(os.dup2, before, number)
            stack.callback(stream.flush)  # runs first, so that buffered text goes to the file
            os.dup2(file.fileno(), number)
        with redirect_stdout(file), redirect_stderr(file):
            yield
