"""The steps that bring a Postgres server to the rights of the contracts, and their application."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from psycopg2.extensions import connection as Session

from platform_core.access.server.rights import GRANTS, POLICY, LakeRights, read_policies
from platform_core.deployment.file import ADMIN, Credential, Lakes
from platform_core.diagnostics import LakeError
from platform_core.lake.engine import SCHEMAS, fill_new_lake, open_engine
from platform_core.lake.errors import lake_faults
from platform_core.lake.remote.lakes import RemoteLakes, attach_remote
from platform_core.lake.remote.postgres import LOCK, WRITING, postgres_errors, run, session
from platform_core.sql.quoting import literal, quoted

_ATTRIBUTES: Final = ("super", "createrole", "createdb", "replication", "bypassrls")
_ENGLISH: Final = ("C", "POSIX", "en_US.UTF-8", "C.UTF-8", "en_US.utf8")
_OWN_TABLES: Final = {
    LOCK: "()",
    WRITING: "(since timestamptz NOT NULL)",
    GRANTS: "(reader text NOT NULL, product text NOT NULL, relation text NOT NULL)",
}
_ACL: Final = (
    "SELECT n.nspname, c.relname, coalesce(r.rolname, 'public'), a.privilege_type FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) a"
    " LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE n.nspname = ANY(%s) AND a.grantee <> c.relowner"
)
_USAGE: Final = (
    "SELECT n.nspname, '', coalesce(r.rolname, 'public'), a.privilege_type FROM pg_namespace n"
    " CROSS JOIN LATERAL aclexplode(n.nspacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee"
    " WHERE n.nspname = ANY(%s) AND a.grantee <> n.nspowner"
)


@dataclass(frozen=True, slots=True)
class Step:
    """A difference between the server and the contracts. ``sql`` has no secret."""

    words: str
    sql: str
    values: tuple[str, ...] = ()


Rows = Callable[..., list[tuple[Any, ...]]]


def plan(lakes: Lakes, rights: Sequence[LakeRights]) -> list[Step]:
    """The steps of `mesh grant apply`; none where the server agrees with the contracts. Raises LakeError."""
    with session(lakes, "") as admin, postgres_errors(lakes, ""):
        return [*_server(admin, lakes, rights), *_lakes(admin, lakes, rights)]


def apply(location: RemoteLakes, rights: Sequence[LakeRights]) -> list[Step]:
    """Bring the server to the contracts; the steps that were taken. An interrupted call leaves whole steps,
    and the next one does the others. Raises LakeError."""
    taken, lakes = list[Step](), location.lakes
    # A role must exist before its lake, and a lake before the rights on it.
    for find in (_server, _missing_lakes, _lakes):
        with session(lakes, "") as admin, postgres_errors(lakes, ""):
            steps = list(find(admin, lakes, rights))
            for step in steps:
                if step.sql:
                    run(admin, step.sql, step.values or None)
                else:
                    admin.commit()  # DuckLake has a session of its own
                    _make(location, next(each for each in rights if each.lake == step.values[0]))
            admin.commit()
            taken += steps
    return taken


def _rows(admin: Session) -> Rows:
    return lambda sql, values=None: run(admin, sql, values).fetchall()


def _roles(lakes: Lakes) -> dict[str, Credential]:
    return {each.user: each for name, each in lakes.credentials.items() if name != ADMIN}


def _server(admin: Session, lakes: Lakes, rights: Sequence[LakeRights]) -> Iterator[Step]:
    """Roles, and the rights on the database."""
    rows, roles = _rows(admin), _roles(lakes)
    [(version, superuser, me)] = rows(
        "SELECT current_setting('server_version_num')::int, rolsuper, rolname FROM pg_roles"
        " WHERE rolname = current_user"
    )
    if version < 160000:
        message = f"Postgres {version // 10000} of {lakes.catalogs.address} is too old"
        raise LakeError.of(
            "E010", message, lakes.catalogs.address.place, "Postgres 16 or newer", "Upgrade it."
        )
    names, columns = list(roles), ", ".join(f"rol{each}" for each in _ATTRIBUTES)
    known = rows(f"SELECT rolname, rolcanlogin, {columns} FROM pg_roles WHERE rolname = ANY(%s)", [names])
    found = {name: (login, rest) for name, login, *rest in known}
    members = rows(
        "SELECT r.rolname, m.rolname FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid"
        " JOIN pg_roles m ON m.oid = a.member WHERE m.rolname = ANY(%s) OR (m.rolname = current_user AND"
        " r.rolname = ANY(%s) AND a.set_option)",
        [names, names],
    )
    language = rows("SHOW lc_messages")[0][0]
    for name, credential in roles.items():
        role = quoted(name)
        login, wide = found.get(name, (None, []))
        if login is None:
            password = credential.text("password")
            sql = f"CREATE ROLE {role} LOGIN"
            yield Step(f"create the role {name}", f"{sql} PASSWORD %s" if password else sql, _one(password))
        elif not login or any(wide):
            too = [word for word, has in zip(_ATTRIBUTES, wide, strict=True) if has] or ["nologin"]
            no = " ".join(f"NO{word.upper()}" for word in ("superuser", *_ATTRIBUTES[1:]))
            yield Step(f"take {', '.join(too)} from the role {name}", f"ALTER ROLE {role} LOGIN {no}")
        # DuckLake finds conflicts that it may retry by English words.
        if language not in _ENGLISH and not rows(
            "SELECT 1 FROM pg_roles WHERE rolname = %s AND 'lc_messages=C' = ANY(rolconfig)", [name]
        ):
            yield Step(f"set English messages for {name}", f"ALTER ROLE {role} SET lc_messages = 'C'")
        if not superuser and any(name == each.owner for each in rights) and (name, me) not in members:
            yield Step(f"let {me} make lakes for {name}", f"GRANT {role} TO {quoted(me)} WITH SET TRUE")
    for role, member in members:
        if member != me:
            yield Step(f"take the role {role} from {member}", f"REVOKE {quoted(role)} FROM {quoted(member)}")
    yield from _database(rows, lakes, list(roles))


def _one(text: str | None) -> tuple[str, ...]:
    return (text,) if text is not None else ()


def _database(rows: Rows, lakes: Lakes, roles: list[str]) -> Iterator[Step]:
    database = quoted(lakes.catalogs.name)
    acl = rows(
        "SELECT coalesce(r.rolname, 'public'), a.privilege_type FROM pg_database d CROSS JOIN LATERAL"
        " aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a LEFT JOIN pg_roles r"
        " ON r.oid = a.grantee WHERE datname = current_database() AND a.grantee <> d.datdba"
    )
    for name, privilege in acl:
        if name == "public" or (name in roles and privilege != "CONNECT"):
            words = f"take {privilege} on the database from {name}"
            yield Step(words, f"REVOKE {privilege} ON DATABASE {database} FROM {_role(name)}")
    for name in roles:
        if (name, "CONNECT") not in acl:
            yield Step(f"let {name} connect", f"GRANT CONNECT ON DATABASE {database} TO {quoted(name)}")
    public = "SELECT 1 FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a WHERE"
    if rows(f"{public} n.nspname = 'public' AND a.grantee = 0"):
        yield Step("close the schema public", "REVOKE ALL ON SCHEMA public FROM PUBLIC")


def _missing_lakes(admin: Session, lakes: Lakes, rights: Sequence[LakeRights]) -> Iterator[Step]:
    rows = _rows(admin)
    owners: dict[str, str] = dict(rows("SELECT nspname, pg_get_userbyid(nspowner) FROM pg_namespace"))
    for each in rights:
        if each.lake not in owners:
            sql = f"CREATE SCHEMA {quoted(each.lake)} AUTHORIZATION {quoted(each.owner)}"
            yield Step(f"create the schema {each.lake} of {each.owner}", sql)
        elif owners[each.lake] != each.owner:
            sql = f"ALTER SCHEMA {quoted(each.lake)} OWNER TO {quoted(each.owner)}"
            yield Step(f"give the schema {each.lake} to {each.owner}", sql)
        if not _is_whole(rows, each.lake):
            yield Step(f"make the lake {each.lake}", "", (each.lake,))


def _is_whole(rows: Rows, lake: str) -> bool:
    if rows("SELECT to_regclass(%s) IS NULL", [f"{quoted(lake)}.ducklake_schema"]) == [(True,)]:
        return False
    found = rows(f"SELECT schema_name FROM {quoted(lake)}.ducklake_schema WHERE end_snapshot IS NULL")
    return {name for (name,) in found} >= set(SCHEMAS)


def _make(location: RemoteLakes, of: LakeRights) -> None:
    """Make a lake, or finish one."""
    with closing(open_engine(location.extensions)) as engine, lake_faults(location, of.lake):
        attach_remote(engine, location.lakes, of.lake, make_for=of.owner)
        fill_new_lake(engine, of.lake)


def _lakes(admin: Session, lakes: Lakes, rights: Sequence[LakeRights]) -> Iterator[Step]:
    """The rights on schemas and tables, and the rows of granted products."""
    rows = _rows(admin)
    rights = [*rights, *_left(rows, rights)]
    names = [each.lake for each in rights]
    missing = list(_missing_lakes(admin, lakes, rights))
    yield from missing
    absent = {step.values[0] for step in missing if step.values}
    found = rows(
        "SELECT n.nspname, c.relname, c.relrowsecurity, pg_get_userbyid(c.relowner), EXISTS (SELECT 1 FROM"
        " pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'table_id'), (SELECT d.description FROM"
        " pg_policy p LEFT JOIN pg_description d ON d.objoid = p.oid AND d.classoid = 'pg_policy'::regclass"
        " WHERE p.polrelid = c.oid AND p.polname = %s) FROM pg_class c JOIN pg_namespace n"
        " ON n.oid = c.relnamespace WHERE n.nspname = ANY(%s) AND c.relkind = 'r'",
        [POLICY, names],
    )
    acl = {tuple(row) for row in (*rows(_ACL, [names]), *rows(_USAGE, [names]))}
    for each in rights:
        if each.lake in absent:
            yield Step(f"grant products of {each.lake} to {', '.join(each.readers) or 'nobody'}", "SELECT 1")
            continue
        tables = {row[1]: row[2:] for row in found if row[0] == each.lake}
        yield from _of_lake(each, tables, {row[1:] for row in acl if row[0] == each.lake})
        there = GRANTS in tables
        granted = rows(f"SELECT reader, relation FROM {quoted(each.lake)}.{GRANTS}") if there else []
        yield from _granted(each, set(map(tuple, granted)))


def _left(rows: Rows, rights: Sequence[LakeRights]) -> Iterator[LakeRights]:
    """The lakes of domains that the mesh no longer has: they stay, and nobody else may read them."""
    found = rows(
        "SELECT nspname, pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname <> ALL(%s)"
        " AND to_regclass(quote_ident(nspname) || '.' || %s) IS NOT NULL",
        [[each.lake for each in rights], GRANTS],
    )
    return (LakeRights(lake, owner, {}) for lake, owner in found)


def _of_lake(of: LakeRights, tables: Mapping[str, Sequence[Any]], acl: set[Any]) -> Iterator[Step]:
    s, owner = quoted(of.lake), quoted(of.owner)
    for table, columns in _OWN_TABLES.items():
        if table not in tables:
            sql = f"CREATE TABLE {s}.{table} {columns}; ALTER TABLE {s}.{table} OWNER TO {owner}"
            yield Step(f"create {of.lake}.{table}", sql)
    ids = dict.fromkeys(_OWN_TABLES, False) | {name: bool(row[2]) for name, row in tables.items()}
    policies = {table: (condition, digest) for table, condition, digest in read_policies(of.lake, ids)}
    # DuckLake reads all of its tables; rows without a policy stay hidden.
    read = {table for table in ids if table.startswith("ducklake_") or table == GRANTS}
    wanted = {(table, reader, "SELECT") for table in read for reader in of.readers}
    wanted |= {("", reader, "USAGE") for reader in of.readers}
    for table, reader, privilege in sorted(acl - wanted):
        on = f"{s}.{quoted(table)}" if table else f"SCHEMA {s}"
        words = f"take {privilege} on {of.lake}{'.' + table if table else ''} from {reader}"
        yield Step(words, f"REVOKE {privilege} ON {on} FROM {_role(reader)}")
    for table in sorted(ids):
        if table.startswith(LOCK):  # only its owner has rights on it; a stream has one too
            continue
        secured, its_owner, _, digest = tables.get(table, (False, of.owner, False, None))
        on = f"{s}.{quoted(table)}"
        if its_owner != of.owner:
            yield Step(f"give {of.lake}.{table} to {of.owner}", f"ALTER TABLE {on} OWNER TO {owner}")
        if not secured:
            sql = f"ALTER TABLE {on} ENABLE ROW LEVEL SECURITY"
            yield Step(f"hide the rows of {of.lake}.{table}", sql)
        condition, new = policies.get(table, ("", None))
        if new is not None and digest != new:
            yield Step(
                f"show granted rows of {of.lake}.{table}",
                f"DROP POLICY IF EXISTS {POLICY} ON {on}; CREATE POLICY {POLICY} ON {on} FOR SELECT"
                f" USING ({condition}); COMMENT ON POLICY {POLICY} ON {on} IS {literal(new)}",
            )
    for reader in sorted(of.readers):
        new_rights = sorted(table for table, name, _ in wanted - acl if name == reader)
        if new_rights:
            on = ", ".join(f"{s}.{quoted(table)}" for table in new_rights if table)
            sql = f"GRANT USAGE ON SCHEMA {s} TO {quoted(reader)}"
            sql += f"; GRANT SELECT ON {on} TO {quoted(reader)}" if on else ""
            yield Step(f"let {reader} read the catalog of {of.lake}", sql)


def _granted(of: LakeRights, there: set[Any]) -> Iterator[Step]:
    table = f"{quoted(of.lake)}.{GRANTS}"
    domain = of.lake.partition("_restricted")[0]
    wanted = {(reader, name) for reader, names in of.readers.items() for name in names}
    for reader, name in sorted(there - wanted):
        sql = f"DELETE FROM {table} WHERE reader = %s AND relation = %s"
        yield Step(f"take {domain}/{name} from {reader}", sql, (reader, name))
    for reader, name in sorted(wanted - there):
        sql = f"INSERT INTO {table} VALUES (%s, %s, %s)"
        yield Step(f"grant {domain}/{name} to {reader}", sql, (reader, f"{domain}/{name}", name))


def _role(name: str) -> str:
    return "PUBLIC" if name == "public" else quoted(name)
