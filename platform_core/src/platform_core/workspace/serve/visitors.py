"""The users of the UI, as the authenticating proxy names them, and the locations that each may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from platform_core.deployment.file import current_deployment
from platform_core.deployment.model import Access
from platform_core.diagnostics import Diagnostic, GovernanceError
from platform_core.source.federation import read_federation

if TYPE_CHECKING:  # only the environment of `mesh serve` has it
    from starlette.types import Scope

USER: Final = "mesh_user"
"""The key of a request's user in its ASGI scope."""
HEALTH: Final = "/server_info"
"""The path that needs no user: health checks read the versions of the server there."""


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated user. Everybody may look; ``platform`` may do everything."""

    name: str
    locations: frozenset[str] = frozenset()
    platform: bool = False

    def may_change(self, location: str) -> bool:
        return self.platform or location in self.locations


@dataclass(frozen=True, slots=True)
class Visitors:
    """Names the user of each request. ``domains`` are the domains of the teams."""

    access: Access
    domains: Mapping[str, str | None]
    platform_team: str | None

    @classmethod
    def current(cls, root: Path) -> Visitors | None:
        """Those of the deployment, with the teams of now; None without ``access``. Raises GovernanceError
        G406 with the faults of the teams' files."""
        deployment = current_deployment()
        if deployment is None or deployment.access is None:
            return None
        found = read_federation(root)
        if found.faults:
            raise GovernanceError(*found.faults)
        domains = {slug: team.domain for slug, team in found.teams.items()}
        return cls(deployment.access, domains, found.central_team)

    def user(self, scope: Scope) -> User | tuple[int, Diagnostic]:
        """The user of a request, or the status and diagnostic of its refusal."""
        # The address of the connection; X-Forwarded-For is what a client may write.
        address = ip_address(scope["client"][0]) if scope.get("client") else None
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        if address is None or not any(address in network for network in self.access.proxies):
            message, fix = (
                "the request does not come from the proxy",
                f"Open {self.access.url or 'its address'}.",
            )
            return 403, Diagnostic("E050", message, None, "an address of access.proxies", fix)
        keys = self.access.user_header, self.access.groups_header
        users, groups = (
            [v.decode("latin-1") for k, v in scope["headers"] if k == key.encode()] for key in keys
        )
        name = users[0].strip() if len(users) == 1 and len(groups) < 2 else ""
        if not name or not name.isprintable():
            message = f"the proxy sent {len(users)} {keys[0]} and {len(groups)} {keys[1]}, which name no user"
            return 401, Diagnostic("E051", message, expected="one header each, with a user and its groups")
        # A group is compared as it is written: two groups of a directory must not become one team.
        teams = {group.strip() for group in ",".join(groups).split(",")}
        found = frozenset(domain for team in teams if (domain := self.domains.get(team)))
        return User(name, found, self.platform_team in teams)
