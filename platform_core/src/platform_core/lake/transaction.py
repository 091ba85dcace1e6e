"""The one commit of the platform: its lock, its stamp, its audit, and what is to happen once it is done.

Whoever writes to a lake does it inside of ``transaction``; there is no other COMMIT.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from platform_core.diagnostics import LakeError
from platform_core.lake.errors import lake_faults
from platform_core.lake.location import LakeLocation
from platform_core.lake.lock import lake_lock
from platform_core.lake.permissions import written_privately
from platform_core.sql.quoting import literal, quoted


@dataclass(slots=True)
class Stamp:
    """What a snapshot is to remember of the run that publishes it."""

    run_id: str
    asset: str
    facts: dict[str, Any] = field(default_factory=dict, compare=False)
    """What else the snapshot is to remember; the audit may add to it."""
    told: Callable[[Any], dict[str, Any]] = field(default=lambda _: {}, compare=False)
    """What the snapshot is to remember of what the audit returned. Readers attach it: no values."""
    require: Callable[[], None] = field(default=lambda: None, compare=False)
    """Refuses, by raising, a version that is written and audited and not committed yet."""
    started: float = field(default_factory=time.monotonic, compare=False)

    @property
    def holder(self) -> str:
        """How the run calls itself where it holds a lock."""
        return f"{self.asset}, run {self.run_id}"


@dataclass
class Transaction:
    """A commit on its way."""

    connection: duckdb.DuckDBPyConnection
    lake: str
    version: int = 0
    """The version that was committed; 0 before."""
    committed: Callable[[int], None] | None = None
    """Called with the version after COMMIT, before the lock is given back."""

    def sign(self, stamp: Stamp, facts: dict[str, Any]) -> None:
        """Have the snapshot remember who made it, in how many seconds, and ``facts``; last before COMMIT."""
        stamp.require()
        extra = {"seconds": round(time.monotonic() - stamp.started, 3), **stamp.facts, **facts}
        extra |= {"asset": stamp.asset, "run_id": stamp.run_id}
        self.connection.execute(
            f"CALL {quoted(self.lake)}.set_commit_message('dagster', "
            f"{literal(f'run {stamp.run_id}')}, extra_info => {literal(json.dumps(extra))})"
        )

    def commit(self) -> None:
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
    """The lock, then BEGIN; COMMIT at the end, ROLLBACK whatever else happens.

    Raises LakeLocked, LakeError, and whatever is raised inside.
    """
    with (
        written_privately(location, lake),
        lake_lock(location, lake, holder=holder),
        lake_faults(location, lake),
    ):
        under_way = Transaction(connection, lake)
        try:
            connection.execute("BEGIN TRANSACTION")
            yield under_way
            under_way.commit()
        except BaseException:
            _roll_back(connection)
            if not under_way.version:
                _remove_written(connection, location, lake)
            raise


def one(connection: duckdb.DuckDBPyConnection, statement: str) -> tuple[Any, ...]:
    """The one row that a statement answers with."""
    row = connection.execute(statement).fetchone()
    if row is None:
        raise LakeError.of("L009", f"the engine gave no answer to: {statement[:200]}")
    return row


def number(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    """The one number that a statement answers with."""
    return int(one(connection, statement)[0])


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    # A statement that Ctrl-C cut short may still be worked on by the engine's threads, which ROLLBACK awaits.
    connection.interrupt()
    try:
        connection.execute("ROLLBACK")
    except duckdb.TransactionException:
        # Nothing is open: BEGIN itself failed, or a failed COMMIT has rolled back already.
        return


def _remove_written(connection: duckdb.DuckDBPyConnection, location: LakeLocation, lake: str) -> None:
    """Remove the files that a failed transaction wrote: ROLLBACK leaves one that was cut off."""
    unknown = f"CALL ducklake_delete_orphaned_files({literal(lake)}, cleanup_all => true, dry_run => true)"
    with suppress(OSError, duckdb.Error):  # what went wrong first is told
        since = location.lock(lake).stat().st_mtime_ns  # signed by the holder before it wrote
        for (path,) in connection.execute(unknown).fetchall():
            if Path(path).stat().st_mtime_ns >= since:
                Path(path).unlink()
