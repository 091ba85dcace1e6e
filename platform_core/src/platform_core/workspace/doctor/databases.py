"""Whether the databases of a deployment answer, and what their roles may do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from platform_core.deployment.file import ADMIN, Credential, Database, DeploymentError
from platform_core.diagnostics import Diagnostic
from platform_core.extras import missing
from platform_core.words import listed
from platform_core.workspace.doctor.servers import TIMEOUT, Clock, require_listening, skew

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

OLDEST: Final = 14
_RIGHTS: Final = """
SELECT r.rolname, array_remove(ARRAY[
  CASE WHEN rolsuper THEN 'is a superuser' END,
  CASE WHEN rolcreaterole THEN 'may create roles' END,
  CASE WHEN rolcreatedb THEN 'may create databases' END,
  CASE WHEN rolbypassrls THEN 'is not bound by policies of rows' END,
  CASE WHEN has_database_privilege(r.oid, current_database(), 'CREATE') THEN 'may create schemas' END,
  (SELECT 'may create tables in the schema public' FROM pg_namespace n
   WHERE nspname = 'public' AND has_schema_privilege(r.oid, n.oid, 'CREATE')),
  (SELECT 'may connect to the database postgres' FROM pg_database d WHERE datname = 'postgres'
   AND datname <> current_database() AND has_database_privilege(r.oid, d.oid, 'CONNECT')),
  (SELECT 'is a member of ' || min(o.rolname) FROM pg_roles o
   WHERE o.rolname = ANY(%(roles)s) AND o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER'))
], NULL) FROM pg_roles r WHERE r.rolname = ANY(%(roles)s)"""


@contextmanager
def connected(database: Database, credential: Credential) -> Iterator[Connection]:
    """A connection. Raises DeploymentError E080 if the host is down, E081 if it refuses the role, E082 if it
    has no such database; UsageError U110."""
    try:
        import psycopg2
    except ModuleNotFoundError as error:
        raise missing(error) from None
    at, name, user, password = database.address, database.name, credential.user, credential.text("password")
    require_listening(at, "Postgres")
    try:
        found = psycopg2.connect(
            host=at.host, port=at.port, dbname=name, user=user, password=password, connect_timeout=TIMEOUT,
            sslmode=database.sslmode or "prefer",
        )  # fmt: skip
    except psycopg2.OperationalError as error:
        why = str(error).strip().rpartition("FATAL:")[2].strip()
        place, fix = credential.place, f"Correct the password of {user}, or the role's rights."
        if re.search('^database ".*" does not exist|^permission denied for database', why):
            fix = f"Correct the name of the database, or create it and grant CONNECT to {user}."
            raise DeploymentError.of("E082", f"Postgres at {at}: {why}", at.place, name, fix) from None
        message = f"Postgres at {at} refuses the role {user}: {why}"
        raise DeploymentError.of("E081", message, place, "a role that may connect", fix) from None
    with closing(found):
        yield found


def database(where: Database, credential: Credential, clock: Clock) -> Iterator[Diagnostic]:
    """E084 for a server whose version or language DuckLake does not work with; E085 for its clock."""
    with connected(where, credential) as connection, connection.cursor() as cursor:
        place = where.address.place
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8, current_setting('lc_messages')")
        now, language = cursor.fetchall()[0]
        yield from skew("Postgres", now, place, clock)
        if connection.server_version < OLDEST * 10_000:
            message = f"Postgres at {where.address} has version {connection.server_version // 10_000}"
            yield Diagnostic("E084", message, place, f"{OLDEST} or later", "Update the server.")
        if not re.match("C|POSIX|en", language):
            message = f"Postgres writes messages to {credential.user} in the language {language}"
            fix = f"Run `ALTER ROLE {credential.user} SET lc_messages = 'C'`."
            yield Diagnostic("E084", message, place, "C, whose messages DuckLake knows", fix)


def roles(
    where: Database, credential: Credential, credentials: Mapping[str, Credential]
) -> Iterator[Diagnostic]:
    """E083 for each role of the deployment that may do more than a domain or a reader needs."""
    by_role = {each.user: each for name, each in credentials.items() if name != ADMIN}
    with connected(where, credential) as connection, connection.cursor() as cursor:
        cursor.execute(_RIGHTS, {"roles": sorted(by_role)})
        for role, rights in cursor.fetchall():
            if rights:
                message = f"the role {role} {listed(rights[:1] if 'superuser' in rights[0] else rights)}"
                fix = f"Revoke it; `mesh grant plan` shows what {role} needs."
                yield Diagnostic("E083", message, by_role[role].place, "no more than its lakes", fix)
