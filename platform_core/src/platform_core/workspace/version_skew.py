"""Diagnostics for a location and a command with incompatible versions of platform_core."""

from __future__ import annotations

import re

from platform_core.diagnostics import Diagnostic, Place, shown
from platform_core.governance.facts import FORMAT
from platform_core.governance.facts_document import OtherVersion
from platform_core.source.workspace import Location
from platform_core.version import __version__
from platform_core.workspace.protocol import PROTOCOL, Loaded


def other_document(location: Location, error: OtherVersion, place: Place | None) -> Diagnostic:
    """U080: the facts of a location have a format of another major version."""
    message = f"code location {location.name} {_runs_on(error.platform_core)} and writes {error.format}"
    expected = f"{FORMAT}, which platform_core {__version__} of this command reads"
    return Diagnostic("U080", message, place, expected, _fix(location))


def other_protocol(location: Location, loaded: Loaded) -> Diagnostic:
    """U081: a location's worker uses another protocol."""
    message = f"the worker of {location.name} {_runs_on(loaded.platform_core)} and uses protocol "
    expected = f"protocol {PROTOCOL} of platform_core {__version__} of this command"
    return Diagnostic("U081", f"{message}{loaded.protocol}", None, expected, _fix(location))


def other_code_server(location: Location, version: str | None, place: Place) -> Diagnostic | None:
    """E036 for a code server whose platform_core is more than one minor version apart; one that serves no
    products reports no version."""
    found, own = (
        [int(part) for part in re.findall(r"\d+", text)[:2]] for text in (version or "", __version__)
    )
    if version is None or (found[:1] == own[:1] and abs(found[1] - own[1]) <= 1):
        return None
    message = f"the code server of {location.name} {_runs_on(version)}"
    expected = f"platform_core {__version__} of this command, or one minor version apart"
    return Diagnostic(
        "E036", message, place, expected, "Update the code server, or the mesh of this command."
    )


def _runs_on(version: str) -> str:
    return f"runs on platform_core {version}" if version else "runs on another platform_core"


def _fix(location: Location) -> str:
    return f"Update {shown(location.python)} or the mesh: they must be at most one minor version apart."
