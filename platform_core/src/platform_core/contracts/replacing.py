"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from platform_core.errors import Diagnostic, UsageError, shown


def write_files(texts: Mapping[Path, str]) -> None:
    """Write some files, all of them or none: each beside its place first, then moved there.

    Raises UsageError U068 where one of them cannot be written; the others are then as they were.
    """
    drafts: dict[Path, Path] = {}
    before: dict[Path, bytes | None] = {}
    path = Path()
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            drafts[path] = Path(name)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
            drafts[path].chmod(mode)
        for path, draft in drafts.items():
            before[path] = path.read_bytes() if path.exists() else None
            draft.replace(path)
    except OSError as error:
        for written, bytes_ in before.items():
            _restore(written, bytes_)
        raise UsageError(
            Diagnostic(
                "U068",
                f"{shown(path)} cannot be written: {error.strerror or error}",
                expected="a folder that may be written, with space left",
                fix="Mend that and call again; nothing was left behind.",
            )
        ) from None
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _restore(path: Path, content: bytes | None) -> None:
    with contextlib.suppress(OSError):
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(content)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
