"""Connections to the catalogs in Postgres, for what needs no DuckLake; and the writers' lock.

Postgres 16 or newer: ``IS JSON`` is in its SQL.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import psycopg2
import psycopg2.errors
from psycopg2.extensions import connection as Session
from psycopg2.extensions import cursor as Cursor

from platform_core.deployment.model import Lakes
from platform_core.deployment.postgres import opened
from platform_core.deployment.principal import credential_of, principal
from platform_core.lake.errors import locked, other_fault
from platform_core.lake.location import DATA_PATH
from platform_core.lake.remote.faults import not_made, postgres_fault
from platform_core.sql.quoting import literal, quoted

LOCK: Final = "mesh_lock"
WRITING: Final = "mesh_writing"
"""A row while a transaction writes: one that a killed process left makes the next writer sweep."""
_EXTRACTED: Final = re.compile(r"json_extract\((CASE [^']*? END), '\$\.(\w+)'\)")


@contextmanager
def session(lakes: Lakes, lake: str, *, name: str = "mesh", autocommit: bool = False) -> Iterator[Session]:
    """A session of this process's principal; ``name`` is shown to processes that wait for its lock.

    Raises DeploymentError E002, E003; LakeError E010 to E012.
    """
    own = credential_of(lakes, principal())
    with postgres_errors(lakes, lake), opened(lakes.catalogs, own.user, own.text("password"), name) as found:
        found.autocommit = autocommit
        yield found


@contextmanager
def postgres_errors(lakes: Lakes, lake: str) -> Iterator[None]:
    """Raise errors of Postgres inside as LakeError."""
    try:
        yield
    except psycopg2.Error as error:
        raise postgres_fault(str(error), lakes, lake) or other_fault(error, lake) from None


@dataclass(frozen=True, slots=True)
class PostgresCatalog:
    """A catalog for statements that SQLite understands too."""

    session: Session
    data: str

    def execute(self, statement: str, /) -> Cursor:
        # The schema of a lake has its name; DuckDB shows it under another one.
        statement = statement.replace('"__ducklake_metadata_', '"')
        statement = statement.replace(f"{DATA_PATH}()", literal(self.data))
        statement = _EXTRACTED.sub(r"((\1)::json ->> '\2')", statement)
        statement = statement.replace("json_valid(commit_extra_info)", "commit_extra_info IS JSON")
        statement = statement.replace("commit_extra_info ->>", "commit_extra_info::json ->>")
        return run(self.session, statement)


def run(session: Session, statement: str, values: Any = None) -> Cursor:
    """Execute a statement; its cursor. Raises psycopg2.Error."""
    cursor = session.cursor()
    cursor.execute(statement, values)
    return cursor


@contextmanager
def table_lock(
    lakes: Lakes, lake: str, holder: str, stream: str | None, patience: float
) -> Iterator[Session]:
    """Hold a lock until the end, or until this process dies. No reader waits for it, and no reader can take
    it: the table has no rights for others."""
    table = f"{quoted(lake)}.{quoted(f'{LOCK}_{stream}' if stream else LOCK)}"
    name = f"{holder[:40]} on {socket.gethostname()[:12]}:{os.getpid()}"
    with session(lakes, lake, name=name) as own:
        take = f"LOCK TABLE {table} IN EXCLUSIVE MODE"
        try:
            run(own, f"{take} NOWAIT")
        except psycopg2.errors.LockNotAvailable:
            own.rollback()
            try:
                run(own, f"SET LOCAL lock_timeout = {max(1, int(patience * 1000))}; {take}")
            except psycopg2.errors.LockNotAvailable:
                own.rollback()
                owner = _holder(own, table)
                raise locked(
                    lake, owner, patience, f"by the lock {table} of {lakes.catalogs.address}"
                ) from None
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
            raise not_made(lakes, lake, f"{table} is missing") from None
        yield own
        with suppress(psycopg2.Error):
            own.rollback()


def _holder(own: Session, table: str) -> str:
    row = run(
        own,
        "SELECT application_name, client_addr, age(clock_timestamp(), xact_start) FROM pg_locks"
        " JOIN pg_stat_activity USING (pid) WHERE relation = %s::regclass AND granted"
        " AND mode = 'ExclusiveLock'",
        [table],
    ).fetchone()
    return (
        f"{row[0]} ({row[1] or 'local'}), for {str(row[2]).partition('.')[0]}" if row else "another process"
    )
