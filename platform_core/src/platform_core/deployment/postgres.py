"""Connecting to a Postgres database of a deployment."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from platform_core.deployment.model import Database
from platform_core.extras import missing

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Session


def opened(database: Database, user: str, password: str | None, name: str = "mesh") -> closing[Session]:
    """A session, closed at the end; ``name`` is shown to processes that wait for its locks. Raises
    psycopg2.Error; UsageError U110 without psycopg2."""
    try:
        import psycopg2
    except ModuleNotFoundError as error:
        raise missing(error) from None
    session = psycopg2.connect(
        host=database.address.host.strip("[]"),
        port=database.address.port,
        dbname=database.name,
        user=user,
        password=password,
        sslmode=database.sslmode or "prefer",
        connect_timeout=10,
        application_name=name[:63],
        # A machine that died is noticed, and its locks are released.
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )
    return closing(session)
