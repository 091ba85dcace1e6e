"""The steps that bring the roles of a Postgres server, and the rights on its databases, to a deployment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg2
from psycopg2.extensions import connection as Session

from platform_core.deployment.model import ADMIN, Credential, Lakes
from platform_core.deployment.postgres import opened
from platform_core.diagnostics import LakeError
from platform_core.lake.remote.postgres import run
from platform_core.sql.quoting import literal, quoted

MARK: Final = "a principal of a mesh"
"""The comment on a role that was made here."""
MOST: Final = 40
"""The connections of one role, of some hundred that a server has."""
_ATTRIBUTES: Final = ("super", "createrole", "createdb", "replication", "bypassrls")
_ENGLISH: Final = ("C", "POSIX", "en_US.UTF-8", "C.UTF-8", "en_US.utf8")
Rows = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Step:
    """A difference between the server and the contracts. ``sql`` has no secret."""

    words: str
    sql: str
    values: tuple[str, ...] = ()


def rows_of(admin: Session) -> Rows:
    """A function that runs a statement and returns its rows."""
    return lambda sql, values=None: run(admin, sql, values).fetchall()


def roles_of(lakes: Lakes) -> dict[str, Credential]:
    """The credentials by role, without the administrator's."""
    return {each.user: each for name, each in lakes.credentials.items() if name != ADMIN}


def role_steps(rows: Rows, lakes: Lakes) -> Iterator[Step]:
    """Raises LakeError E010 for a server before Postgres 16."""
    roles, place = roles_of(lakes), lakes.catalogs.address.place
    [(version, language)] = rows(
        "SELECT current_setting('server_version_num')::int, current_setting('lc_messages')"
    )
    if version < 160000:
        message = f"Postgres {version // 10000} of {lakes.catalogs.address} is too old"
        raise LakeError.of("E010", message, place, "Postgres 16 or newer", "Upgrade it.")
    columns = ", ".join(f"rol{each}" for each in _ATTRIBUTES)
    known = rows(
        f"SELECT rolname, rolcanlogin, rolconnlimit, 'lc_messages=C' = ANY(coalesce(rolconfig, '{{}}')),"
        f" {columns} FROM pg_roles WHERE rolname = ANY(%s)",
        [list(roles)],
    )
    found = {name: each for name, *each in known}
    for name, credential in roles.items():
        role, password = quoted(name), credential.text("password")
        login, limit, english, *wide = found.get(name, (None, MOST, language in _ENGLISH))
        if login is None:
            sql = f"CREATE ROLE {role} LOGIN CONNECTION LIMIT {MOST}{' PASSWORD %s' * (password is not None)}"
            sql += f"; COMMENT ON ROLE {role} IS {literal(MARK)}"
            yield Step(f"create the role {name}", sql, _values(password))
        elif not login or any(wide):
            too = [word for word, has in zip(_ATTRIBUTES, wide, strict=True) if has] or ["nologin"]
            no = " ".join(f"NO{word.upper()}" for word in ("superuser", *_ATTRIBUTES[1:]))
            yield Step(f"take {', '.join(too)} from the role {name}", f"ALTER ROLE {role} LOGIN {no}")
        elif password is not None and _has_another(lakes, name, password):
            yield Step(f"change the password of {name}", f"ALTER ROLE {role} PASSWORD %s", (password,))
        if not 0 <= limit <= MOST:
            sql = f"ALTER ROLE {role} CONNECTION LIMIT {MOST}"
            yield Step(f"limit the connections of {name}", sql)
        # DuckLake finds conflicts that it may retry by English words.
        if language not in _ENGLISH and not english:
            yield Step(f"set English messages for {name}", f"ALTER ROLE {role} SET lc_messages = 'C'")
    members = rows(
        "SELECT r.rolname, m.rolname FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid"
        " JOIN pg_roles m ON m.oid = a.member WHERE m.rolname = ANY(%s)",
        [list(roles)],
    )
    for role, member in members:
        yield Step(f"take the role {role} from {member}", f"REVOKE {quoted(role)} FROM {quoted(member)}")
    yield from _database(rows, lakes, roles)


def _values(text: str | None) -> tuple[str, ...]:
    return (text,) if text is not None else ()


def _has_another(lakes: Lakes, role: str, password: str) -> bool:
    """Whether a role has another password, which only a login shows."""
    try:
        with opened(lakes.catalogs, role, password):
            return False
    except psycopg2.OperationalError as error:
        return "password authentication failed" in str(error)


def _database(rows: Rows, lakes: Lakes, roles: Mapping[str, Credential]) -> Iterator[Step]:
    acl = rows(
        "SELECT d.datname, coalesce(r.rolname, 'public'), a.privilege_type,"
        " shobj_description(r.oid, 'pg_authid') FROM pg_database d CROSS JOIN LATERAL"
        " aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a LEFT JOIN pg_roles r"
        " ON r.oid = a.grantee WHERE datname IN (current_database(), 'postgres') AND a.grantee <> d.datdba"
    )
    own, connecting = lakes.catalogs.name, set()
    for database, name, privilege, mark in acl:
        left = mark == MARK and name not in roles
        if database == own and name in roles and privilege == "CONNECT":
            connecting.add(name)
        elif name == "public" or name in roles or left:
            sql = f"REVOKE {privilege} ON DATABASE {quoted(database)} FROM {role_name(name)}"
            yield Step(f"take {privilege} on the database {database} from {name}", sql)
    for name in roles:
        if name not in connecting:
            sql = f"GRANT CONNECT ON DATABASE {quoted(own)} TO {quoted(name)}"
            yield Step(f"let {name} connect", sql)
    public = "SELECT 1 FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a WHERE"
    if rows(f"{public} n.nspname = 'public' AND a.grantee = 0"):
        yield Step("close the schema public", "REVOKE ALL ON SCHEMA public FROM PUBLIC")


def role_name(name: str) -> str:
    return "PUBLIC" if name == "public" else quoted(name)
