"""Whether something listens, and what time it has."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from email.message import Message

from platform_core.deployment.file import Address, DeploymentError
from platform_core.diagnostics import Diagnostic, Place

TIMEOUT = 10
"""Seconds that a server may take to answer."""
SKEW = 5
"""Seconds that two clocks may differ."""
Clock = Callable[[], float]
"""The seconds since 1970 on this machine."""


def require_listening(address: Address, what: str) -> None:
    """Raise DeploymentError E080 where no process listens."""
    try:
        with closing(socket.create_connection((address.host, address.port), timeout=TIMEOUT)):
            return
    except OSError as error:
        raise unreachable(what, str(address), error.strerror or str(error), address.place) from None


def unreachable(what: str, where: str, why: str, place: Place) -> DeploymentError:
    fix = "Start the server, open the way to it, or correct its address."
    return DeploymentError.of("E080", f"{what} at {where} does not answer: {why}", place, "an answer", fix)


def head(url: str) -> tuple[int, Message]:
    """Status and headers of an answer by HTTP. Raises OSError."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers


def skew(what: str, theirs: float, place: Place, clock: Clock = time.time) -> list[Diagnostic]:
    """E085 for a clock that differs from that of this machine."""
    if abs(seconds := theirs - clock()) <= SKEW:
        return []
    message = f"the clock of {what} differs from this one by {seconds:+.0f} s"
    return [Diagnostic("E085", message, place, f"at most {SKEW} s", "Synchronize both clocks.")]
