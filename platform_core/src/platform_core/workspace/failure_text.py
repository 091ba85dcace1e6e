"""A failure in a domain's code, in the words that its people need: no traceback through Dagster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import dagster as dg

from platform_core.diagnostics import Diagnostic, PlatformError, own_frame, own_line, render
from platform_core.workspace.dagster_internals import RecordedError, step_error

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
    place = own_line(inner, _own)
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
    return Diagnostic(code, f"{doing}: {error.message}", own_frame(error.stack, _own)).render()


def _own(file: Path) -> bool:
    """Whether a file belongs neither to a library nor to the platform."""
    return not str(file).startswith((*_LIBRARIES, _PLATFORM, "<"))


def _platform_errors() -> frozenset[str]:
    kinds = {PlatformError}
    for _ in range(3):
        kinds |= {child for kind in kinds for child in kind.__subclasses__()}
    return frozenset(kind.__name__ for kind in kinds)
