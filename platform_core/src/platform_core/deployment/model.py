"""The parts of a mesh that are not on this machine, as a deployment file declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

from platform_core.diagnostics import Place, PlatformError
from platform_core.secrets import Secret, secret_text

UI: Final = "ui"
DAEMON: Final = "daemon"
ADMIN: Final = "admin"
"""The credentials of `mesh grant apply` and `mesh doctor`; no reader and no domain has this name."""
ANALYSTS: Final = "analysts"


class DeploymentError(PlatformError):
    """The deployment file is wrong, or a part of the deployment does not answer as it must."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int
    place: Place = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Database:
    """A database of a Postgres server."""

    address: Address
    name: str
    sslmode: str | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """A role of Postgres and a key of the object store. The texts of secrets are read when they are used."""

    user: str
    place: Place = field(compare=False, repr=False)
    password: Secret | None = field(default=None, repr=False)
    key: str | None = None
    secret: Secret | None = field(default=None, repr=False)
    session_token: Secret | None = field(default=None, repr=False)

    def text(self, name: str) -> str | None:
        """The text of a secret. Raises DeploymentError E002 where it is not set."""
        found: Secret | None = getattr(self, name)
        if found is None:
            return None
        try:
            return secret_text(found)
        except PlatformError as error:
            first = error.diagnostics[0]
            expected = "a variable or a file with the secret"
            raise DeploymentError.of("E002", first.message, self.place, expected, first.fix) from None


@dataclass(frozen=True, slots=True)
class Lakes:
    """Catalogs as schemas of one database, data in one bucket per lake, credentials by principal."""

    catalogs: Database
    buckets: str
    credentials: Mapping[str, Credential]
    place: Place = field(compare=False, repr=False)
    endpoint: str | None = None
    """The address of the object store; None for AWS."""
    region: str = "us-east-1"

    def bucket(self, lake: str) -> str:
        return self.buckets.replace("{lake}", lake.replace("_", "-"))


@dataclass(frozen=True, slots=True)
class Instance:
    """The database of Dagster's instance, and its role."""

    database: Database
    credential: Credential


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of Dagster. ``domains`` has the replicas of each code server, by location."""

    domains: Mapping[str, tuple[Address, ...]]
    ui: Address | None = None
    start: tuple[str, ...] = ()
    """The servers that `mesh serve` starts with this file: ``ui``, ``daemon`` and locations."""
    runs: int = 8
    runs_per_domain: int = 2
    patience: int = 600
    """Seconds that a run's code server may be away before the run counts as lost."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what in the UI: the headers of the authenticating proxy, trusted from its addresses."""

    proxies: tuple[IPv4Network | IPv6Network, ...]
    url: str | None = None
    """The address of the UI, for `mesh run`."""
    token: Secret | None = field(default=None, repr=False)
    """The Authorization header that `mesh run` sends to the proxy."""
    user_header: str = "x-forwarded-user"
    groups_header: str = "x-forwarded-groups"


@dataclass(frozen=True, slots=True)
class Spark:
    """The Spark Connect server that runs the SQL of products with ``engine: spark``."""

    url: str
    place: Place = field(compare=False, repr=False)
    token: Secret | None = field(default=None, repr=False)
    """With a token, the connection is encrypted."""
    scheme: str = "s3"
    """How the server names objects of S3: ``s3``, or ``s3a`` for Hadoop."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The parts of a mesh that are not on this machine; a part that is not declared is as without a file."""

    path: Path
    lakes: Lakes | None = None
    instance: Instance | None = None
    servers: Servers | None = None
    access: Access | None = None
    spark: Spark | None = None
    keys: Path | None = None
    introspection: Path | None = None
