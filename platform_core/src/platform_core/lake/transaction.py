"""The only COMMIT of the platform, with its lock, stamp and audit. All writers use ``transaction``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import duckdb

from platform_core.diagnostics import LakeError
from platform_core.lake.errors import lake_faults
from platform_core.lake.local.permissions import written_privately
from platform_core.lake.location import LakeLocation
from platform_core.lake.lock import lake_lock
from platform_core.sql.quoting import literal, quoted


@dataclass(slots=True)
class Stamp:
    """The facts that a snapshot stores about the run that publishes it."""

    run_id: str
    asset: str
    facts: dict[str, Any] = field(default_factory=dict, compare=False)
    """Further facts to store. The audit may add some."""
    audit_facts: Callable[[Any], dict[str, Any]] = field(default=lambda _: {}, compare=False)
    """The facts to store of the audit's result. Readers can see them, so they hold no values."""
    require: Callable[[], None] = field(default=lambda: None, compare=False)
    """Raises to refuse a version that was audited but not committed."""
    started: float = field(default_factory=time.monotonic, compare=False)

    @property
    def holder(self) -> str:
        """The run's name in messages about its lock."""
        return f"{self.asset}, run {self.run_id}"


@dataclass
class Transaction:
    """An open transaction."""

    connection: duckdb.DuckDBPyConnection
    lake: str
    version: int = 0
    """The committed version; 0 before COMMIT."""
    committed: Callable[[int], None] | None = None
    """Called with the version after COMMIT, while the lock is still held."""
    require_lock: Callable[[], None] = field(default=lambda: None, repr=False)
    """Raises LakeError if the lock was lost."""

    def sign(self, stamp: Stamp, facts: dict[str, Any]) -> None:
        """Store in the snapshot who made it, in how many seconds, and ``facts``; the last call before
        COMMIT."""
        stamp.require()
        extra = {"seconds": round(time.monotonic() - stamp.started, 3), **stamp.facts, **facts}
        extra |= {"asset": stamp.asset, "run_id": stamp.run_id}
        self.connection.execute(
            f"CALL {quoted(self.lake)}.set_commit_message('dagster', "
            f"{literal(f'run {stamp.run_id}')}, extra_info => {literal(json.dumps(extra))})"
        )

    def commit(self) -> None:
        self.require_lock()
        self.connection.execute("COMMIT")
        self.version = number(self.connection, f"FROM {quoted(self.lake)}.last_committed_snapshot()")
        if self.committed is not None:
            self.committed(self.version)


@contextmanager
def transaction(
    connection: duckdb.DuckDBPyConnection,
    location: LakeLocation,
    lake: str,
    *,
    holder: str,
) -> Iterator[Transaction]:
    """Take the lock and BEGIN; COMMIT at the end, ROLLBACK after any exception. Raises LakeLocked,
    LakeError."""
    with (
        written_privately(location, lake),
        lake_lock(location, lake, holder=holder),
        lake_faults(location, lake),
        location.writing(connection, lake) as require_lock,
    ):
        under_way = Transaction(connection, lake, require_lock=require_lock)
        try:
            connection.execute("BEGIN TRANSACTION")
            yield under_way
            under_way.commit()
        except BaseException:
            # After Ctrl-C the engine's threads may still compute a statement, and ROLLBACK waits for them.
            connection.interrupt()
            # No transaction is open if BEGIN failed, or if a failed COMMIT has rolled back.
            with suppress(duckdb.TransactionException):
                connection.execute("ROLLBACK")
            raise


def one(connection: duckdb.DuckDBPyConnection, statement: str) -> tuple[Any, ...]:
    """The only row of a statement's result."""
    row = connection.execute(statement).fetchone()
    if row is None:
        raise LakeError.of("L009", f"the engine returned no row for: {statement[:200]}")
    return row


def number(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    """The only number of a statement's result."""
    return int(one(connection, statement)[0])
