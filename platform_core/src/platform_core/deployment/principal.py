"""The principal whose credentials of a deployment this process uses."""

from __future__ import annotations

from platform_core.deployment.model import ANALYSTS, Credential, DeploymentError, Lakes
from platform_core.settings import PRINCIPAL
from platform_core.words import listed


def principal() -> str:
    """A domain, a group of readers or ``admin``: ``MESH_PRINCIPAL``, by default ``analysts``."""
    return PRINCIPAL.text() or ANALYSTS


def credential_of(lakes: Lakes, name: str) -> Credential:
    """The credentials of a principal. Raises DeploymentError E003 where the file has none."""
    found = lakes.credentials.get(name)
    if found is None:
        known = sorted(lakes.credentials)
        raise DeploymentError.of(
            "E003",
            f"the deployment has no credentials for {name}",
            lakes.place,
            f"one of {listed(known)}",
            f"Write the credentials of {name}, or set {PRINCIPAL.name} to another principal.",
        )
    return found
