"""Diagnostics, and the errors that carry them."""

from __future__ import annotations

import os
import re
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

Severity = Literal["error", "warning", "info"]
DOCS: Final = "MESH_DOCS_URL"
"""Read here, because ``settings`` reports its own faults as diagnostics."""
_FRAME: Final = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text file. Lines and columns count from 1; ``length`` letters are underlined."""

    path: Path
    line: int = 1
    column: int = 1
    length: int = 1

    def __str__(self) -> str:
        return f"{shown(self.path)}:{self.line}:{self.column}"

    def whole_line(self) -> Place:
        """The place with its whole line underlined, without blanks around it."""
        text = self.source_line() or ""
        words = text.strip()
        return Place(self.path, self.line, text.find(words) + 1, max(1, len(words)))

    def source_line(self) -> str | None:
        """The line of the place; None where the file cannot be read."""
        try:
            if not self.path.is_file():  # reading a pipe or a device would not end
                return None
            with self.path.open(encoding="utf-8", errors="replace") as file:
                for number, text in enumerate(file, start=1):
                    if number == self.line:
                        return text.rstrip("\n")
        except OSError:
            return None
        return None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault: a stable code, a message, a place, the expected form and a fix.

    ``code`` is a letter for the family and three digits: ``C`` contract, ``D`` definition,
    ``E`` deployment, ``G`` governance, ``K`` compatibility, ``S`` source, ``L`` lake, ``Q`` quality,
    ``A`` access, ``U`` usage, ``R`` run.
    """

    code: str
    message: str
    place: Place | None = None
    expected: str | None = None
    fix: str | None = None
    severity: Severity = "error"
    plain: bool = False
    """Whether its texts hold only names of contracts, codes and counts, and no value of a row."""

    def render(self, *, quote: bool = True) -> str:
        """Plain text in the form of rustc's diagnostics; ``quote``: with the line of the place."""
        lines = [f"{self.severity}[{self.code}]: {self.message}"]
        margin = "  "
        if self.place is not None:
            number = str(self.place.line)
            margin = " " * len(number)
            lines.append(f"{margin}--> {self.place}")
            text = self.place.source_line() if quote else None
            if text is not None and text.strip():
                # A tab or a control character would misalign the marks.
                text = "".join(letter if letter.isprintable() else " " for letter in text)
                text, start = _window(text, self.place.column)
                length = max(1, min(self.place.length, len(text) - start))
                lines.append(f"{margin} |")
                lines.append(f"{number} | {text}")
                lines.append(f"{margin} | {' ' * start}{'^' * length}")
        for label, words in (("expected", self.expected), ("fix", self.fix), ("more", explained(self.code))):
            if words:
                indent = f"\n{margin}   {' ' * len(label)}  "
                lines.append(f"{margin} = {label}: {words.rstrip().replace(chr(10), indent)}")
        return "\n".join(lines)


class PlatformError(Exception):
    """Faults that a person can fix. The text is the rendered diagnostics."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        # Several callers may find the fault of the same file; it is reported once.
        self.diagnostics: tuple[Diagnostic, ...] = tuple(dict.fromkeys(diagnostics))

    @classmethod
    def of(
        cls,
        code: str,
        message: str,
        place: Place | None = None,
        expected: str | None = None,
        fix: str | None = None,
        *,
        plain: bool = False,
    ) -> Self:
        """The error of one diagnostic."""
        return cls(Diagnostic(code, message, place, expected, fix, plain=plain))

    def __str__(self) -> str:
        return render(self.diagnostics)


class ContractError(PlatformError):
    """A contract is missing or wrong."""


class DefinitionError(PlatformError):
    """A product, its function or model, and its inputs do not fit together."""


class GovernanceError(PlatformError):
    """A domain breaks policies, so its location does not load."""


class SourceError(PlatformError):
    """A source file is missing or unreadable."""


class LakeError(PlatformError):
    """A lake cannot be read or written."""


class LakeLocked(LakeError):
    """Another live process writes to the lake."""


class PublicationRefused(PlatformError):
    """The data breaks its contract; nothing was published."""


class AccessDenied(PlatformError):
    """The reader has no grant."""


class UsageError(PlatformError):
    """A command was called with wrong arguments or settings."""


class RunError(PlatformError):
    """A run or a worker did not finish."""


class PlatformDeprecation(DeprecationWarning):
    """A part of the public face that will be removed; the text is that of its diagnostic (U085)."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(f"{diagnostic.message}; {diagnostic.fix}")
        self.diagnostic = diagnostic


@dataclass(frozen=True, slots=True)
class Deprecation:
    """An announcement: ``what`` works until ``removed``, at least two minor versions after ``since``."""

    what: str
    since: str
    removed: str
    instead: str
    """The replacement, as code."""

    def warn(self, stacklevel: int = 1) -> None:
        """Warn the caller of the function that calls this; ``stacklevel`` counts from there."""
        message = f"{self.what} is deprecated since platform_core {self.since} and gone in {self.removed}"
        diagnostic = Diagnostic("U085", message, fix=f"Write {self.instead}", severity="warning")
        warnings.warn(PlatformDeprecation(diagnostic), stacklevel=stacklevel + 2)


def render(diagnostics: Iterable[Diagnostic], limit: int = 20) -> str:
    """Diagnostics as blocks of text, at most ``limit`` of them, and the number of the others."""
    blocks = [diagnostic.render() for diagnostic in diagnostics]
    more = len(blocks) - limit
    text = "\n\n".join(blocks[:limit])
    return f"{text}\n\n... and {more} more" if more > 0 else text


def explained(code: str) -> str:
    """Where a code is explained: its page below ``MESH_DOCS_URL``, or the command that prints the page."""
    site = os.environ.get(DOCS, "").rstrip("/")
    # Policies of domains have longer codes, and no page.
    known = re.fullmatch(r"https?://[\w.:/~-]+", site) and len(code) == 4
    return f"{site}/reference/codes/{code}.html" if known else f"mesh explain {code}"


def shown(path: Path) -> str:
    """A path, relative to the working directory where it is inside."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def own_line(error: BaseException, own: Callable[[Path], bool]) -> Place | None:
    """The innermost line of a traceback that is in a file for which ``own`` is true."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno and own(Path(error.filename)):
        length = max(1, (error.end_offset or 0) - (error.offset or 0))
        return Place(Path(error.filename), error.lineno, error.offset or 1, length)
    return own_frame(traceback.format_tb(error.__traceback__), own)


def own_frame(stack: Sequence[str], own: Callable[[Path], bool]) -> Place | None:
    """The same for a traceback as text, one frame per entry."""
    for text in reversed(stack):
        found = _FRAME.match(text)
        if found is not None and own(path := Path(found["path"])):
            return Place(path, int(found["line"])).whole_line()
    return None


def _window(text: str, column: int, width: int = 110) -> tuple[str, int]:
    """The part of a long line around a column (from 1), and the column's index in it."""
    start = max(0, min(column - 1, len(text)))
    if len(text) <= width:
        return text, start
    left = max(0, start - width // 3)
    return text[left : left + width], start - left
