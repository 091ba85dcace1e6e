"""The steps that bring the lakes of a Postgres server to the rights of the contracts, and their application.

The administrator owns schemas and tables. A domain changes rows of its catalogs and nothing else: an owner
could add triggers, functions and policies, which others would execute with their own rights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from platform_core.access.server.rights import GRANTS, LakeRights, read_policies
from platform_core.access.server.roles import Rows, Step, role_name, role_steps, rows_of
from platform_core.deployment.model import Lakes
from platform_core.lake.engine import SCHEMAS, fill_new_lake, open_engine
from platform_core.lake.errors import lake_faults
from platform_core.lake.remote.lakes import RemoteLakes, attach_remote
from platform_core.lake.remote.postgres import LOCK, WRITING, postgres_errors, run, session
from platform_core.sql.quoting import literal, quoted

READ, OWN = "mesh_read", "mesh_own"
_WAIT: Final = "SET lock_timeout = '15s'"
"""A reader with an open transaction would make everybody wait behind this process."""
_OWN_TABLES: Final = {
    LOCK: ("()", ("SELECT", "UPDATE")),
    WRITING: ("(since timestamptz NOT NULL)", ("DELETE", "INSERT", "SELECT")),
    GRANTS: ("(reader text NOT NULL, product text NOT NULL, relation text NOT NULL)", ("SELECT",)),
}
"""The columns of our tables, and the rights of the lake's domain."""
_CHANGE: Final = ("DELETE", "INSERT", "SELECT", "UPDATE")
_IN_LAKES: Final = " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY(%s)"
_COLUMNS: Final = (
    "ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
    " AND NOT a.attisdropped{} ORDER BY a.attnum)"
)
_TABLES: Final = (
    "SELECT n.nspname, c.relname, c.relrowsecurity, pg_get_userbyid(c.relowner) = current_user,"
    f" {_COLUMNS.format('')}, {_COLUMNS.format(' AND coalesce(a.attstattarget, -1) <> 0')},"
    " EXISTS (SELECT 1 FROM pg_statistic s WHERE s.starelid = c.oid) FROM pg_class c"
    + _IN_LAKES
    + " AND c.relkind = 'r'"
)
_POLICIES: Final = (
    "SELECT n.nspname, c.relname, p.polname, coalesce(obj_description(p.oid, 'pg_policy'), ''),"
    " coalesce(md5(pg_get_expr(p.polqual, p.polrelid)), ''), ARRAY(SELECT rolname::text FROM pg_roles r WHERE"
    " r.oid = ANY(p.polroles)) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid" + _IN_LAKES
)
_TRIGGERS: Final = (
    "SELECT n.nspname, c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    + _IN_LAKES
    + " AND NOT t.tgisinternal"
)
_GRANTED: Final = (
    "SELECT n.nspname, c.relname, coalesce(r.rolname, 'public'), a.privilege_type, '' FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN"
    " pg_roles r ON r.oid = a.grantee WHERE n.nspname = ANY(%(n)s) AND a.grantee <> c.relowner UNION ALL"
    " SELECT n.nspname, '', coalesce(r.rolname, 'public'), a.privilege_type, '' FROM pg_namespace n"
    " CROSS JOIN LATERAL aclexplode(n.nspacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee"
    " WHERE n.nspname = ANY(%(n)s) AND a.grantee <> n.nspowner UNION ALL"
    " SELECT n.nspname, c.relname, coalesce(r.rolname, 'public'), a.privilege_type, t.attname FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute t ON t.attrelid = c.oid CROSS JOIN"
    " LATERAL aclexplode(t.attacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE n.nspname = ANY(%(n)s)"
)
_ABSENT: Final[Sequence[Any]] = (False, True, [], ["reader", "product", "relation"], False)
"""The table of grants before it is created."""


@dataclass(slots=True)
class _Found:
    """One lake as the server has it."""

    tables: dict[str, Sequence[Any]] = field(default_factory=dict)
    """By name: whether rows are hidden and the administrator owns it, its columns, those of which Postgres
    collects statistics, and whether it has any."""
    policies: dict[tuple[str, str], tuple[str, str, list[str]]] = field(default_factory=dict)
    """By table and name: comment, digest of the condition, roles."""
    triggers: list[tuple[str, str]] = field(default_factory=list)
    granted: set[tuple[str, str, str]] = field(default_factory=set)
    """Table (empty for the schema), role and right."""
    columns: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Rights on single columns: table, role, right, column."""


def plan(lakes: Lakes, rights: Sequence[LakeRights]) -> list[Step]:
    """The steps of `mesh grant apply`; none where the server agrees with the contracts. Raises LakeError."""
    with session(lakes, "") as admin, postgres_errors(lakes, ""):
        rows = rows_of(admin)
        return [*role_steps(rows, lakes), *_missing(rows, rights), *_lakes(rows, rights)]


def apply(location: RemoteLakes, rights: Sequence[LakeRights]) -> list[Step]:
    """Bring the server to the contracts; the steps that were taken. An interrupted call leaves whole steps,
    and the next one does the others. Raises LakeError."""
    taken, lakes = list[Step](), location.lakes
    with session(lakes, "") as admin, postgres_errors(lakes, ""):
        rows = rows_of(admin)
        # A role must exist before its lake, and a lake before the rights on it.
        for part in (role_steps(rows, lakes), _missing(rows, rights), _lakes(rows, rights)):
            run(admin, _WAIT)
            steps = list(part)  # asks the server now, after the steps before
            for step in steps:
                if step.sql:
                    run(admin, step.sql, step.values or None)
                else:
                    admin.commit()  # DuckLake has a session of its own
                    _make(location, step.values[0])
            admin.commit()
            taken += steps
    return taken


def _missing(rows: Rows, rights: Sequence[LakeRights]) -> Iterator[Step]:
    """The lakes that must be made, or were half made."""
    schemas = {name for (name,) in rows("SELECT nspname FROM pg_namespace")}
    for each in rights:
        if each.lake not in schemas:
            yield Step(f"create the schema {each.lake}", f"CREATE SCHEMA {quoted(each.lake)}")
        if not _is_whole(rows, each.lake):
            yield Step(f"make the lake {each.lake}", "", (each.lake,))


def _is_whole(rows: Rows, lake: str) -> bool:
    if rows("SELECT to_regclass(%s) IS NULL", [f"{quoted(lake)}.ducklake_schema"]) == [(True,)]:
        return False
    found = rows(f"SELECT schema_name FROM {quoted(lake)}.ducklake_schema WHERE end_snapshot IS NULL")
    return {name for (name,) in found} >= set(SCHEMAS)


def _make(location: RemoteLakes, lake: str) -> None:
    with closing(open_engine(location.extensions)) as engine, lake_faults(location, lake):
        attach_remote(engine, location.lakes, lake, make=True)
        fill_new_lake(engine, lake)


def _lakes(rows: Rows, rights: Sequence[LakeRights]) -> Iterator[Step]:
    """The rights on schemas, tables and rows of every lake that is made."""
    # The lakes of domains that the mesh no longer has stay, and nobody may read them.
    left = rows(
        "SELECT nspname FROM pg_namespace WHERE nspname <> ALL(%s)"
        " AND to_regclass(quote_ident(nspname) || '.' || %s) IS NOT NULL",
        [[each.lake for each in rights], GRANTS],
    )
    every = [*rights, *(LakeRights(lake, "", {}) for (lake,) in left)]
    names = [each.lake for each in every]
    found = {name: _Found() for name in names}
    for lake, table, *facts in rows(_TABLES, [names]):
        found[lake].tables[table] = facts
    for lake, table, policy, *each in rows(_POLICIES, [names]):
        found[lake].policies[table, policy] = (each[0], each[1], each[2])
    for lake, table, trigger in rows(_TRIGGERS, [names]):
        found[lake].triggers.append((table, trigger))
    for lake, table, role, right, column in rows(_GRANTED, {"n": names}):
        if column:
            found[lake].columns.append((table, role, right, column))
        else:
            found[lake].granted.add((table, role, right))
    for of in every:
        if "ducklake_schema" in found[of.lake].tables:
            yield from _of_lake(of, found[of.lake])
            there = GRANTS in found[of.lake].tables
            sql = f"SELECT reader, relation FROM {quoted(of.lake)}.{GRANTS}"
            yield from _granted(of, set(rows(sql)) if there else set())


def _of_lake(of: LakeRights, found: _Found) -> Iterator[Step]:
    s = quoted(of.lake)
    own = _OWN_TABLES | {f"{LOCK}_{name}": _OWN_TABLES[LOCK] for name in of.streams}
    for table, (columns, _) in own.items():
        if table not in found.tables:
            yield Step(f"create {of.lake}.{table}", f"CREATE TABLE {s}.{quoted(table)} {columns}")
    catalog = {name for name in found.tables if name.startswith("ducklake_")}
    wanted = {("", role, "USAGE") for role in (of.owner, *of.readers) if role}
    wanted |= {(table, role, "SELECT") for table in (*catalog, GRANTS) for role in of.readers}
    if of.owner:
        rights: dict[str, tuple[str, ...]] = dict.fromkeys(catalog, _CHANGE)
        rights |= {table: given for table, (_, given) in own.items()}
        wanted |= {(table, of.owner, right) for table, given in rights.items() for right in given}
    for table, role, right in sorted(found.granted - wanted):
        on = f"{s}.{quoted(table)}" if table else f"SCHEMA {s}"
        words = f"take {right} on {of.lake}{'.' + table if table else ''} from {role}"
        yield Step(words, f"REVOKE {right} ON {on} FROM {role_name(role)}")
    for table, role, right, column in found.columns:
        sql = f"REVOKE {right} ({quoted(column)}) ON {s}.{quoted(table)} FROM {role_name(role)}"
        yield Step(f"take {right} on a column of {of.lake}.{table} from {role}", sql)
    for table, trigger in found.triggers:
        sql = f"DROP TRIGGER {quoted(trigger)} ON {s}.{quoted(table)}"
        yield Step(f"drop the trigger {trigger} of {of.lake}.{table}", sql)
    yield from _rows_hidden(of, found, sorted(catalog | {GRANTS}))
    for role in sorted({role for _, role, _ in wanted}):
        new = sorted(each for each in wanted - found.granted if each[1] == role)
        if new:
            what = "write" if role == of.owner else "read"
            sql = "; ".join(
                f"GRANT {right} ON {f'{s}.{quoted(table)}' if table else f'SCHEMA {s}'} TO {quoted(role)}"
                for table, _, right in new
            )
            yield Step(f"let {role} {what} the catalog of {of.lake}", sql)


def _rows_hidden(of: LakeRights, found: _Found, tables: Sequence[str]) -> Iterator[Step]:
    """Row-level security, and no statistics: plans would show values of hidden rows by them."""
    s, nothing = quoted(of.lake), _ABSENT
    ids = {table: "table_id" in found.tables.get(table, nothing)[2] for table in tables}
    reading = {table: (condition, digest) for table, condition, digest in read_policies(of.lake, ids)}
    for table in tables:
        on, name = f"{s}.{quoted(table)}", f"{of.lake}.{table}"
        hidden, ours, _, collected, analyzed = found.tables.get(table, nothing)
        if not ours:
            yield Step(f"own {name}", f"ALTER TABLE {on} OWNER TO CURRENT_USER")
        if not hidden:
            yield Step(f"hide the rows of {name}", f"ALTER TABLE {on} ENABLE ROW LEVEL SECURITY")
        if collected:
            off = ", ".join(f"ALTER COLUMN {quoted(column)} SET STATISTICS 0" for column in collected)
            yield Step(f"collect no statistics of {name}", f"ALTER TABLE {on} {off}")
        if analyzed:
            sql = f"DELETE FROM pg_statistic WHERE starelid = {literal(on)}::regclass"
            yield Step(f"remove the statistics of {name}", sql)
        for (of_table, policy), _ in found.policies.items():
            if of_table == table and policy not in (READ, OWN):
                sql = f"DROP POLICY {quoted(policy)} ON {on}"
                yield Step(f"drop the policy {policy} of {name}", sql)
        condition, digest = reading.get(table, ("", ""))
        comment, printed, _ = found.policies.get((table, READ), ("", "", []))
        if condition and comment != f"{digest} {printed}":
            yield Step(f"show granted rows of {name}", _policy(on, condition, digest))
        roles = found.policies.get((table, OWN), ("", "", []))[2]
        if of.owner and roles != [of.owner]:
            sql = f"DROP POLICY IF EXISTS {OWN} ON {on}; CREATE POLICY {OWN} ON {on} TO {quoted(of.owner)}"
            yield Step(f"show all rows of {name} to {of.owner}", f"{sql} USING (true) WITH CHECK (true)")


def _policy(on: str, condition: str, digest: str) -> str:
    """The policy of readers. Its comment has digests of our condition, and of what Postgres made of it."""
    made = f"FROM pg_policy WHERE polrelid = {literal(on)}::regclass AND polname = {literal(READ)}"
    return (
        f"DROP POLICY IF EXISTS {READ} ON {on};"
        f" CREATE POLICY {READ} ON {on} FOR SELECT USING ({condition});"
        f" DO $mesh$ BEGIN EXECUTE format('COMMENT ON POLICY {READ} ON {on} IS %L', {literal(digest + ' ')}"
        f" || (SELECT md5(pg_get_expr(polqual, polrelid)) {made})); END $mesh$"
    )


def _granted(of: LakeRights, there: set[tuple[Any, ...]]) -> Iterator[Step]:
    table = f"{quoted(of.lake)}.{GRANTS}"
    domain = of.lake.partition("_restricted")[0]
    wanted = {(reader, name) for reader, names in of.readers.items() for name in names}
    for reader, name in sorted(there - wanted):
        sql = f"DELETE FROM {table} WHERE reader = %s AND relation = %s"
        yield Step(f"take {domain}/{name} from {reader}", sql, (reader, name))
    for reader, name in sorted(wanted - there):
        sql = f"INSERT INTO {table} VALUES (%s, %s, %s)"
        yield Step(f"grant {domain}/{name} to {reader}", sql, (reader, f"{domain}/{name}", name))
