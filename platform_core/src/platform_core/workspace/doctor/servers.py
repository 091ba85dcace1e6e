"""Whether the servers of Dagster answer."""

from __future__ import annotations

from collections.abc import Iterator

from platform_core.deployment.file import Address
from platform_core.diagnostics import Diagnostic
from platform_core.version import __version__
from platform_core.workspace.doctor.reach import head, require_listening, unreachable


def code_server(location: str, address: Address) -> Iterator[Diagnostic]:
    """E080 without an answer, E089 for another version of the library."""
    require_listening(address, f"the code server of {location}")
    from platform_core.workspace.dagster_internals import versions_of  # loads Dagster

    try:
        found = versions_of(address.host, address.port).get("platform-core", "unknown")
    except RuntimeError as error:
        why = str(error).strip().partition("\n")[0]
        raise unreachable(f"the code server of {location}", str(address), why, address.place) from None
    if found != __version__:
        message = f"the code server of {location} at {address} runs on platform_core {found}"
        fix = f"Install platform_core {__version__} there, or the other version here."
        yield Diagnostic("E089", message, address.place, __version__, fix)


def ui(address: Address) -> Iterator[Diagnostic]:
    """E080 unless Dagster's webserver answers."""
    require_listening(address, "the UI")
    try:
        status, _ = head(f"http://{address}/server_info")
    except OSError as error:
        raise unreachable("the UI", str(address), str(error), address.place) from None
    if status >= 500 or status == 404:
        raise unreachable("the UI", str(address), f"status {status}", address.place)
    yield from ()
