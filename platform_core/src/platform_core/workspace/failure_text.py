"""Failures in a domain's code as short texts, without tracebacks through Dagster."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import dagster as dg

from platform_core.diagnostics import Diagnostic, PlatformError, own_frame, own_line, render
from platform_core.workspace.dagster_internals import RecordedError, step_error

_LIBRARIES: Final = tuple({str(Path(prefix)) for prefix in (sys.prefix, sys.base_prefix)})
_PLATFORM: Final = str(Path(__file__).resolve().parent.parent)


def explain_exception(error: BaseException, doing: str, code: str) -> str:
    """The text of an exception in a location's code: the description of a dg.Failure, the platform's own
    diagnostics, or the type, message and innermost line of the domain's own code."""
    for cause in _causes(error):
        if isinstance(cause, dg.Failure) and cause.description:
            return cause.description
    return render(diagnose(error, doing, code))


def diagnose(error: BaseException, doing: str, code: str) -> tuple[Diagnostic, ...]:
    """The same as diagnostics; ``code`` is the code of an exception without its own."""
    for cause in _causes(error):
        if isinstance(cause, PlatformError):
            return cause.diagnostics
    causes = list(_causes(error))
    # The cause of Dagster's own exceptions is the domain's exception.
    inner = next((each for each in causes if not isinstance(each, dg.DagsterError)), causes[-1])
    message = str(inner).strip() or "no message"
    if isinstance(inner, SystemExit):
        message = "the code called sys.exit"
    elif isinstance(inner, SyntaxError):
        message = inner.msg
    return (Diagnostic(code, f"{doing}: {type(inner).__name__}: {message}", own_line(inner, _own)),)


def explain_event(event: dg.DagsterEvent, asset: str) -> str:
    description, error = step_error(event)
    if description:
        return description
    if error is None:
        return Diagnostic("R003", f"{asset} failed without an error").render()
    return explain_error(error, asset, "R003")


def explain_error(error: RecordedError, doing: str, code: str) -> str:
    if error.kind in _platform_errors():
        # "platform_core.diagnostics.LakeError: error[L001]: ..." already is a rendered diagnostic.
        return error.message.partition(": ")[2].strip()
    return Diagnostic(code, f"{doing}: {error.message}", own_frame(error.stack, _own)).render()


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _own(file: Path) -> bool:
    return not str(file).startswith((*_LIBRARIES, _PLATFORM, "<"))


def _platform_errors() -> frozenset[str]:
    kinds = {PlatformError}
    for _ in range(3):
        kinds |= {child for kind in kinds for child in kind.__subclasses__()}
    return frozenset(kind.__name__ for kind in kinds)
