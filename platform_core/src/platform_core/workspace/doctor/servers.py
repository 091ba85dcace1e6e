"""Whether the servers of a deployment answer, with which version and at which time."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message

from platform_core.deployment.file import Address, DeploymentError
from platform_core.diagnostics import Diagnostic, Place
from platform_core.version import __version__

TIMEOUT = 10
"""Seconds that a server may take to answer."""
SKEW = 5
"""Seconds that two clocks may differ."""
Clock = Callable[[], float]
"""The seconds since 1970 on this machine."""


def require_listening(address: Address, what: str) -> None:
    """Raise DeploymentError E080 where no process listens."""
    try:
        socket.create_connection((address.host, address.port), timeout=TIMEOUT).close()
    except OSError as error:
        raise unreachable(what, address, error.strerror or str(error), address.place) from None


def unreachable(what: str, where: object, why: str, place: Place) -> DeploymentError:
    fix = "Start the server, open the way to it, or correct its address."
    return DeploymentError.of("E080", f"{what} at {where} does not answer: {why}", place, "an answer", fix)


def answered(url: str, what: str, place: Place) -> tuple[int, Message]:
    """Status and headers of an answer by HTTP. Raises DeploymentError E080."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers
    except OSError as error:
        raise unreachable(what, url, str(error), place) from None


def skew(what: str, theirs: float, place: Place, clock: Clock) -> Iterator[Diagnostic]:
    """E085 for a clock that differs from that of this machine."""
    if abs(seconds := theirs - clock()) > SKEW:
        message = f"the clock of {what} differs from this one by {seconds:+.0f} s"
        yield Diagnostic("E085", message, place, f"at most {SKEW} s", "Synchronize both clocks.")


def code_server(location: str, address: Address) -> Iterator[Diagnostic]:
    """E080 without an answer, E089 for another version of the library."""
    require_listening(address, what := f"the code server of {location}")
    import dagster as dg

    from platform_core.workspace.dagster_internals import versions_of

    try:
        found = versions_of(address.host, address.port).get("platform-core", "unknown")
    except dg.DagsterError as error:
        raise unreachable(what, address, str(error).strip().partition("\n")[0], address.place) from None
    if found != __version__:
        message = f"{what} at {address} runs on platform_core {found}"
        fix = f"Install platform_core {__version__} there, or the other version here."
        yield Diagnostic("E089", message, address.place, __version__, fix)


def ui(address: Address) -> Iterator[Diagnostic]:
    """E080 unless Dagster's webserver answers, if only to ask who calls."""
    status, _ = answered(f"http://{address}/server_info", "the UI", address.place)
    if status not in (200, 401, 403):
        yield from unreachable("the UI", address, f"status {status}", address.place).diagnostics
