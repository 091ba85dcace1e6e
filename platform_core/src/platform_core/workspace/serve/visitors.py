"""The users of the UI, as the authenticating proxy names them, and the locations that each may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from platform_core.deployment.file import Access
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
    """An authenticated user. Everybody may look; ``locations`` are those of the user's teams."""

    name: str
    locations: frozenset[str] = frozenset()
    platform: bool = False
    """Whether the user is in the platform team, which may do everything."""

    def may_change(self, location: str) -> bool:
        return self.platform or location in self.locations


@dataclass(frozen=True, slots=True)
class Visitors:
    """Names the user of each request. ``domains`` are the domains of the teams."""

    access: Access
    domains: Mapping[str, str | None]
    platform_team: str | None

    @classmethod
    def of(cls, root: Path, access: Access) -> Visitors:
        """Reads the teams once. Raises GovernanceError G406 with the faults of their files."""
        found = read_federation(root)
        if found.faults:
            raise GovernanceError(*found.faults)
        domains = {slug: team.domain for slug, team in found.teams.items()}
        return cls(access, domains, found.central_team)

    @property
    def origin(self) -> str | None:
        """The origin of the UI's pages in browsers, in lower case."""
        url = urlsplit((self.access.url or "").lower())
        return f"{url.scheme}://{url.netloc}" if url.netloc else None

    def user(self, scope: Scope) -> User | tuple[int, Diagnostic]:
        """The user of a request, or the status and diagnostic of its refusal."""
        # The address of the connection; X-Forwarded-For is what a client may write.
        address = ip_address(scope["client"][0]) if scope.get("client") else None
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if address is None or not any(address in network for network in self.access.proxies):
            message = "the request does not come from the authenticating proxy"
            fix = f"Open {self.access.url or 'the UI'} through the proxy."
            return 403, Diagnostic("E050", message, expected="an address of access.proxies", fix=fix)
        users, groups = (self._values(scope, n) for n in (self.access.user_header, self.access.groups_header))
        if len(users) != 1 or len(groups) > 1 or not users[0].isprintable() or not users[0]:
            message = f"the proxy sent {len(users)} users in {self.access.user_header}"
            if len(users) == 1:
                message = (
                    f"the proxy sent {len(groups)} headers {self.access.groups_header}, or an empty user"
                )
            return 401, Diagnostic("E051", message, expected="one header each, with the name of a user")
        # A group is compared as it is written: two groups of a directory must not become one team.
        teams = {group.strip() for group in groups[0].split(",")} if groups else set()
        locations = (self.domains.get(team) for team in teams)
        found = frozenset(location for location in locations if location is not None)
        return User(users[0], found, self.platform_team is not None and self.platform_team in teams)

    @staticmethod
    def _values(scope: Scope, header: str) -> list[str]:
        wanted = header.encode("latin-1")
        return [value.decode("latin-1").strip() for name, value in scope["headers"] if name == wanted]
