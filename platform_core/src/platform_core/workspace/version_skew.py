"""A location and the command on different versions of platform_core: what is said where they no longer
understand each other."""

from __future__ import annotations

from platform_core.diagnostics import Diagnostic, Place, shown
from platform_core.governance.facts import FORMAT
from platform_core.governance.facts_document import OtherVersion
from platform_core.source.workspace import Location
from platform_core.version import __version__
from platform_core.workspace.protocol import PROTOCOL, Loaded


def other_document(location: Location, error: OtherVersion, place: Place | None) -> Diagnostic:
    """U080: a location described itself in a format of another major version."""
    return Diagnostic(
        "U080",
        f"code location {location.name} {_runs_on(error.platform_core)} and describes itself as "
        f"{error.format}",
        place,
        expected=f"{FORMAT}, which platform_core {__version__} of this command reads",
        fix=_fix(location),
    )


def other_protocol(location: Location, loaded: Loaded) -> Diagnostic:
    """U081: a location's worker speaks another protocol."""
    return Diagnostic(
        "U081",
        f"the worker of {location.name} {_runs_on(loaded.platform_core)} and speaks protocol "
        f"{loaded.protocol}",
        expected=f"protocol {PROTOCOL}, which platform_core {__version__} of this command speaks",
        fix=_fix(location),
    )


def _runs_on(version: str) -> str:
    return f"runs on platform_core {version}" if version else "runs on another platform_core"


def _fix(location: Location) -> str:
    return (
        "Bring the two within one minor version of each other: the mesh's environment, or that of "
        f"{shown(location.python)}."
    )
