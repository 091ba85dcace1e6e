"""A failure in a domain's code, in the words that its people need: no traceback through Dagster."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import dagster as dg

from platform_core.diagnostics import Diagnostic, Place, PlatformError, render
from platform_core.workspace.dagster_internals import RecordedError, step_error

_FRAME: Final = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')
_LIBRARIES: Final = tuple({str(Path(prefix)) for prefix in (sys.prefix, sys.base_prefix)})
_PLATFORM: Final = str(Path(__file__).resolve().parent.parent)


def explain_exception(error: BaseException, doing: str, code: str) -> str:
    """What an exception of a location's code says: our own diagnostics as they are, any other with
    its type, message and the innermost frame of the domain's own code."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, dg.Failure) and cause.description:
            return cause.description
        cause = cause.__cause__
    return render(diagnose(error, doing, code))


def diagnose(error: BaseException, doing: str, code: str) -> tuple[Diagnostic, ...]:
    """The same as diagnostics; ``code`` is that of an exception which is none of ours."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PlatformError):
            return cause.diagnostics
        cause = cause.__cause__
    inner = error
    while isinstance(inner, dg.DagsterError) and inner.__cause__ is not None:
        # What Dagster wrapped is the news.
        inner = inner.__cause__
    place = _syntax(inner) or _own_frame(traceback.format_exception(inner))
    words = str(inner).strip() or "no message"
    if isinstance(inner, SystemExit):
        words = "the code called sys.exit"
    elif isinstance(inner, SyntaxError):
        words = inner.msg
    return (Diagnostic(code, f"{doing}: {type(inner).__name__}: {words}", place),)


def explain_event(event: dg.DagsterEvent, asset: str) -> str:
    """What a failed step's event says, in the same way."""
    said, error = step_error(event)
    if said:
        return said
    if error is None:
        return Diagnostic("R003", f"{asset} failed without saying why").render()
    return explain_error(error, asset, "R003")


def explain_error(error: RecordedError, doing: str, code: str) -> str:
    """What an error says that Dagster recorded."""
    if error.kind in _platform_errors():
        # "platform_core.diagnostics.LakeError: error[L001]: ..." already is a rendered diagnostic.
        return error.message.partition(": ")[2].strip()
    return Diagnostic(code, f"{doing}: {error.message}", _own_frame(error.stack)).render()


def _syntax(error: BaseException) -> Place | None:
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        length = max(1, (error.end_offset or 0) - (error.offset or 0))
        return Place(Path(error.filename), error.lineno, error.offset or 1, length)
    return None


def _own_frame(lines: Sequence[str]) -> Place | None:
    """The innermost frame in a file that belongs neither to a library nor to the platform."""
    for text in reversed(list(lines)):
        found = _FRAME.match(text)
        if found is not None and not found["path"].startswith((*_LIBRARIES, _PLATFORM, "<")):
            return Place(Path(found["path"]), int(found["line"])).whole_line()
    return None


def _platform_errors() -> frozenset[str]:
    kinds = {PlatformError}
    for _ in range(3):
        kinds |= {child for kind in kinds for child in kind.__subclasses__()}
    return frozenset(kind.__name__ for kind in kinds)
