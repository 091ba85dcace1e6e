"""The database of incidents and messages: a file of SQLite, or tables in the database of the instance."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from platform_core.deployment.file import current_deployment
from platform_core.diagnostics import PlatformError, shown
from platform_core.files import file_lock
from platform_core.workspace.home import Home
from platform_core.workspace.hosts.instance_settings import connected

FORMAT: Final = 1
"""The version of the tables."""
WAIT: Final = 30.0
"""Seconds to wait for another writer."""
_LEADER: Final = 7_305_823
"""The advisory lock of the watch that leads."""
_TABLES_LOCK: Final = 7_305_824
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS mesh_fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mesh_signal (
  n {serial}, key TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, at TEXT NOT NULL,
  facts TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS mesh_signal_at ON mesh_signal (at, n);
CREATE TABLE IF NOT EXISTS mesh_incident (
  id TEXT PRIMARY KEY, cause TEXT NOT NULL, state TEXT NOT NULL, began TEXT NOT NULL,
  detected TEXT NOT NULL, opened TEXT NOT NULL, resolved TEXT, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mesh_message (
  n {serial}, key TEXT UNIQUE NOT NULL, incident TEXT, phase TEXT NOT NULL, channel TEXT NOT NULL,
  body TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, made TEXT NOT NULL,
  due TEXT NOT NULL, error TEXT);
CREATE INDEX IF NOT EXISTS mesh_message_due ON mesh_message (state, due);
CREATE INDEX IF NOT EXISTS mesh_message_incident ON mesh_message (incident);
"""


class OperationsError(PlatformError):
    """The database of incidents, the alerts or the watch cannot do their work."""


@dataclass(frozen=True)
class Database:
    """A connection; statements have ``?`` for their parameters, and are those of both databases."""

    session: Any
    where: str
    postgres: bool

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query. Raises OperationsError O001."""
        return list(self._execute(statement, values).fetchall())

    def change(self, statement: str, *values: Any) -> int:
        """The number of rows that a statement changed. Raises OperationsError O001."""
        return int(self._execute(statement, values).rowcount)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block, or nothing of it. One writer at a time. Raises OperationsError O001."""
        self._execute("BEGIN" if self.postgres else "BEGIN IMMEDIATE", ())
        try:
            if self.postgres:
                self._execute("LOCK TABLE mesh_fact IN EXCLUSIVE MODE", ())
            yield
        except BaseException:
            with suppress(OperationsError):  # a full disk has ended it already
                self._execute("ROLLBACK", ())
            raise
        self._execute("COMMIT", ())

    def _execute(self, statement: str, values: Sequence[Any]) -> Any:
        try:
            if not self.postgres:
                return self.session.execute(statement, values)
            self.session.execute(statement.replace("?", "%s"), values)
        except sqlite3.Error as error:
            raise _unusable(self.where, str(error)) from None
        return self.session

    def prepare(self) -> None:
        """Make the tables. Raises OperationsError: O001, O002 for tables of a newer version."""
        serial = "BIGSERIAL PRIMARY KEY" if self.postgres else "INTEGER PRIMARY KEY"
        for statement in _TABLES.format(serial=serial).split(";\n"):
            if statement.strip():
                self._execute(statement, ())
        self.change("INSERT INTO mesh_fact VALUES ('format', ?) ON CONFLICT DO NOTHING", str(FORMAT))
        [(found,)] = self.rows("SELECT value FROM mesh_fact WHERE name = 'format'")
        if int(found) > FORMAT:
            message = f"{self.where} is of a newer platform_core: format {found}, this one knows {FORMAT}"
            raise OperationsError.of("O002", message, fix="Update platform_core on this machine.")


def database_file(root: Path) -> Path:
    return Home.of(root).path / "operate" / "operate.sqlite"


def exists(root: Path) -> bool:
    """Whether there is a database already, or one of a deployment."""
    deployment = current_deployment()
    return (deployment is not None and deployment.instance is not None) or database_file(root).exists()


@contextmanager
def opened(root: Path) -> Iterator[Database]:
    """The database of a mesh, whose tables are made at the first time. Raises OperationsError O001, O002;
    DeploymentError E030."""
    deployment = current_deployment()
    if deployment is not None and deployment.instance is not None:
        where = f"the database {deployment.instance.database.name}"
        with connected(deployment.instance) as cursor:
            cursor.connection.autocommit = True
            database = Database(cursor, where, postgres=True)
            # Two processes that create the same table would disturb each other.
            database.rows("SELECT pg_advisory_lock(?)", _TABLES_LOCK)
            database.prepare()
            database.rows("SELECT pg_advisory_unlock(?)", _TABLES_LOCK)
            yield database
        return
    file = database_file(root)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        session = sqlite3.connect(file, timeout=WAIT, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(shown(file), getattr(error, "strerror", None) or str(error)) from None
    with closing(session):
        database = Database(session, shown(file), postgres=False)
        # A commit is on the disk when it returns.
        for setting in ("journal_mode = WAL", "synchronous = FULL"):
            database.rows(f"PRAGMA {setting}")
        database.prepare()
        yield database


@contextmanager
def leadership(root: Path, database: Database) -> Iterator[bool]:
    """Whether this watch leads: one of all at a time, until the end of the block."""
    with ExitStack() as held:
        if database.postgres:
            [(leads,)] = database.rows("SELECT pg_try_advisory_lock(?)", _LEADER)
            held.callback(database.rows, "SELECT pg_advisory_unlock(?)", _LEADER)
        else:
            try:
                held.enter_context(file_lock(database_file(root).with_name("watch.lock"), timeout=0))
                leads = True
            except TimeoutError:
                leads = False
        yield bool(leads)


def _unusable(where: str, reason: str) -> OperationsError:
    message = f"the incidents and messages in {where} cannot be read or written: {reason}"
    fix = "Free some space, or correct the rights of the folder. Nothing of this call was written."
    if "not a database" in reason or "malformed" in reason:
        fix = (
            "Move the file away: the next round finds what is wrong again, without the answers and silences."
        )
    return OperationsError.of("O001", message, fix=fix)
