"""A contract file's text: of a bounded size, in UTF-8, without control characters."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from platform_core.errors import ContractError, Diagnostic, Place, shown

MAXIMUM_BYTES = 5 * 1024 * 1024
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_text(path: Path) -> str:
    """Raises ContractError: C001 unreadable, C002 too large, C003 no text."""
    where = Place(path)
    fix = "an Open Data Contract Standard file, <domain>/<product>.odcs.yaml"
    try:
        if path.is_dir():
            raise ContractError(Diagnostic("C001", f"{shown(path)} is a folder, not a contract", where, fix))
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would never end
            raise ContractError(Diagnostic("C001", f"{shown(path)} is no regular file", where, fix))
        size = status.st_size
        if size > MAXIMUM_BYTES:
            raise ContractError(
                Diagnostic(
                    "C002",
                    f"{shown(path)} has {size / 1024 / 1024:.1f} MB, too much for a contract",
                    where,
                    expected=f"at most {MAXIMUM_BYTES // 1024 // 1024} MB",
                    fix="Keep data out of the contract: it describes a table, it does not hold one.",
                )
            )
        with path.open("rb") as file:
            raw = file.read(MAXIMUM_BYTES + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ContractError(
            Diagnostic("C001", f"cannot read the contract {shown(path)}: {reason}", where, expected=fix)
        ) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        raise ContractError(
            Diagnostic(
                "C003",
                f"{shown(path)} is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}",
                _position(path, before, len(before)),
                expected="text in UTF-8",
                fix="Save the file as UTF-8.",
            )
        ) from None
    bad = _UNPRINTABLE.search(text)
    if bad:
        raise ContractError(
            Diagnostic(
                "C003",
                f"{shown(path)} holds a character that is no text (U+{ord(bad.group()):04X})",
                _position(path, text, bad.start()),
                expected="printable text in UTF-8",
                fix="Remove the character.",
            )
        )
    return text


def _position(path: Path, text: str, offset: int) -> Place:
    line = text.count("\n", 0, offset)
    return Place(path, line + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)
