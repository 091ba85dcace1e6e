"""Parts of a deployment on other machines: whether they answer, and what a role or a key may do."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from platform_core.deployment.model import ADMIN, Address, Credential, Database, DeploymentError, Lakes
from platform_core.deployment.postgres import opened
from platform_core.diagnostics import Diagnostic, Place
from platform_core.extras import missing
from platform_core.version import __version__
from platform_core.words import listed, shortened

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

TIMEOUT: Final = 10
"""Seconds that a server may take to answer."""
SKEW: Final = 5
"""Seconds that two clocks may differ."""
Clock = Callable[[], float]
"""The seconds since 1970 on this machine."""
OLDEST: Final = 16
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


def require_listening(address: Address, what: str) -> None:
    """Raise DeploymentError E080 where no process listens."""
    try:
        socket.create_connection((address.host, address.port), timeout=TIMEOUT).close()
    except OSError as error:
        raise unreachable(what, address, error.strerror or str(error), address.place) from None


def unreachable(what: str, where: object, why: str, place: Place) -> DeploymentError:
    fix = "Start the server, open the way to it, or correct its address."
    return DeploymentError.of("E080", f"{what} at {where} does not answer: {why}", place, "an answer", fix)


def answered(url: str, what: str, place: Place) -> tuple[int, Message]:
    """Status and headers of an answer by HTTP. Raises DeploymentError E080."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers
    except OSError as error:
        raise unreachable(what, url, str(error), place) from None


def skew(what: str, theirs: float, place: Place, clock: Clock) -> Iterator[Diagnostic]:
    """E085 for a clock that differs from that of this machine."""
    if abs(seconds := theirs - clock()) > SKEW:
        message = f"the clock of {what} differs from this one by {seconds:+.0f} s"
        yield Diagnostic("E085", message, place, f"at most {SKEW} s", "Synchronize both clocks.")


def code_server(location: str, address: Address) -> Iterator[Diagnostic]:
    """E080 without an answer, E089 for another version of the library."""
    require_listening(address, what := f"the code server of {location}")
    import dagster as dg

    from platform_core.workspace.dagster_internals import versions_of

    try:
        found = versions_of(address.host, address.port).get("platform-core", "unknown")
    except dg.DagsterError as error:
        raise unreachable(what, address, str(error).strip().partition("\n")[0], address.place) from None
    if found != __version__:
        message = f"{what} at {address} runs on platform_core {found}"
        fix = f"Install platform_core {__version__} there, or the other version here."
        yield Diagnostic("E089", message, address.place, __version__, fix)


def ui(address: Address) -> Iterator[Diagnostic]:
    """E080 unless Dagster's webserver answers, if only to ask who calls."""
    status, _ = answered(f"http://{address}/server_info", "the UI", address.place)
    if status not in (200, 401, 403):
        yield from unreachable("the UI", address, f"status {status}", address.place).diagnostics


@contextmanager
def connected(database: Database, credential: Credential) -> Iterator[Connection]:
    """A connection. Raises DeploymentError E080 if the host is down, E081 if it refuses the role, E082 if it
    has no such database; UsageError U110."""
    try:
        from psycopg2 import OperationalError
    except ModuleNotFoundError as error:
        raise missing(error) from None
    at, name, user, password = database.address, database.name, credential.user, credential.text("password")
    require_listening(at, "Postgres")
    try:
        session = opened(database, user, password)
    except OperationalError as error:
        why = str(error).strip().rpartition("FATAL:")[2].strip()
        place, fix = credential.place, f"Correct the password of {user}, or the role's rights."
        if re.search('^database ".*" does not exist|^permission denied for database', why):
            fix = f"Correct the name of the database, or create it and grant CONNECT to {user}."
            raise DeploymentError.of("E082", f"Postgres at {at}: {why}", at.place, name, fix) from None
        message = f"Postgres at {at} refuses the role {user}: {why}"
        raise DeploymentError.of("E081", message, place, "a role that may connect", fix) from None
    with session as found:
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


def object_store(lakes: Lakes, clock: Clock) -> Iterator[Diagnostic]:
    """E080 without an answer, E085 for its clock."""
    endpoint = lakes.endpoint or f"https://s3.{lakes.region}.amazonaws.com"
    _, headers = answered(endpoint, "the object store", lakes.place)
    if date := headers["Date"]:
        yield from skew("the object store", parsedate_to_datetime(date).timestamp(), lakes.place, clock)


def own_bucket(lakes: Lakes, lake: str, credential: Credential) -> Iterator[Diagnostic]:
    """E086 for a bucket that is missing, E087 for a refused key, E088 for one that needs no key."""
    bucket, refused = lakes.bucket(lake), _refusal(lakes, lake, credential)
    if refused is not None and "NoSuchBucket" in refused:
        fix = f"Create it: `mesh grant plan` shows the policies of {bucket}."
        raise DeploymentError.of("E086", f"the bucket {bucket} does not exist", lakes.place, fix=fix)
    if refused is not None:
        message = f"the object store refuses {bucket} to the key {credential.key}: {shortened(refused, 200)}"
        fix = "Correct key and secret, or the policy of the key."
        raise DeploymentError.of("E087", message, credential.place, "the key of the bucket's owner", fix)
    if _refusal(lakes, lake, None) is None:
        message = f"the bucket {bucket} can be listed without a key"
        yield Diagnostic("E088", message, lakes.place, "keys alone", "Refuse anonymous access.")


def other_bucket(lakes: Lakes, lake: str, credential: Credential) -> Iterator[Diagnostic]:
    """E088 for a key that may list the bucket of another domain."""
    if _refusal(lakes, lake, credential) is None:
        message = f"the key {credential.key} may list the bucket {lakes.bucket(lake)} of another domain"
        fix = "Narrow the policy of the key: `mesh grant plan` prints what it needs."
        yield Diagnostic("E088", message, credential.place, "the prefixes of granted products", fix)


def _refusal(lakes: Lakes, lake: str, credential: Credential | None) -> str | None:
    """Why a bucket cannot be listed, None if it can; without credentials as anybody."""
    try:
        import obstore
        from obstore.exceptions import BaseError
        from obstore.store import S3Store
    except ModuleNotFoundError as error:
        raise missing(error) from None
    known: dict[str, Any] = {"skip_signature": True, "endpoint": lakes.endpoint}
    if credential is not None:
        known |= {"skip_signature": False, "access_key_id": credential.key}
        known |= {"secret_access_key": credential.text("secret")}
        known |= {"session_token": credential.text("session_token")}
    known |= {"client_options": {"allow_http": True, "timeout": f"{TIMEOUT}s"}}
    known = {name: value for name, value in known.items() if value is not None}
    store = S3Store(lakes.bucket(lake), region=lakes.region, retry_config={"max_retries": 0}, **known)
    try:
        next(iter(obstore.list(store, chunk_size=1)), None)
    except BaseError as error:
        return " ".join(str(error).split())
    return None
