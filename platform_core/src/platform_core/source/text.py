"""The text of a file: of a limited size, in UTF-8, without control characters."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from platform_core.diagnostics import Place, shown
from platform_core.source.file_kind import CONTRACT, FileKind

MAXIMUM_BYTES = 5 * 1024 * 1024
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_text(path: Path, file_kind: FileKind = CONTRACT) -> str:
    """The text of a file. Raises the file_kind's error: C001 unreadable, C002 too large, C003 not text."""
    return _decoded(path, _bytes(path, file_kind), file_kind)


def _bytes(path: Path, file_kind: FileKind) -> bytes:
    where = Place(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise file_kind.error(
                "C001", f"{shown(path)} is a folder, not a {file_kind.noun}", where, file_kind.expected
            )
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would not end
            raise file_kind.error("C001", f"{shown(path)} is not a regular file", where, file_kind.expected)
        if status.st_size > MAXIMUM_BYTES:
            raise file_kind.error(
                "C002",
                f"{shown(path)} has {status.st_size / 1024 / 1024:.1f} MB, too much for a {file_kind.noun}",
                where,
                expected=f"at most {MAXIMUM_BYTES // 1024 // 1024} MB",
                fix=f"Move data out of the {file_kind.noun}.",
            )
        with path.open("rb") as file:
            return file.read(MAXIMUM_BYTES + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot read the {file_kind.noun} {shown(path)}: {reason}"
        raise file_kind.error("C001", message, where, file_kind.expected) from None


def _decoded(path: Path, raw: bytes, file_kind: FileKind) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        raise file_kind.error(
            "C003",
            f"{shown(path)} is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}",
            _position(path, before, len(before)),
            expected="text in UTF-8",
            fix="Save the file as UTF-8.",
        ) from None
    bad = _UNPRINTABLE.search(text)
    if bad:
        raise file_kind.error(
            "C003",
            f"{shown(path)} holds a control character (U+{ord(bad.group()):04X})",
            _position(path, text, bad.start()),
            expected="printable text in UTF-8",
            fix="Remove the character.",
        )
    return text


def _position(path: Path, text: str, offset: int) -> Place:
    line = text.count("\n", 0, offset)
    return Place(path, line + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)
