"""Dagster's event log, read by one statement for all kinds of events and all assets."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import dagster as dg
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import deserialize_value
from sqlalchemy import ColumnElement, and_, or_, select


def events(
    instance: dg.DagsterInstance,
    kinds: Collection[dg.DagsterEventType],
    *,
    above: int | None = None,
    since: datetime | None = None,
) -> list[tuple[int, dg.EventLogEntry]]:
    """The events of some kinds by their numbers, in order: those above a number, and those since a time.
    Numbers are given again after a wipe in SQLite, and become visible out of order in Postgres."""
    table, wanted = SqlEventLogStorageTable.c, list[ColumnElement[bool]]()
    if above is not None:
        wanted.append(table.id > above)
    if since is not None:
        wanted.append(table.timestamp >= since.replace(tzinfo=None))
    return _select(instance, and_(or_(*wanted), table.dagster_event_type.in_([kind.value for kind in kinds])))


def event_at(instance: dg.DagsterInstance, number: int) -> dg.EventLogEntry | None:
    """The event with a number."""
    found = _select(instance, SqlEventLogStorageTable.c.id == number)
    return found[0][1] if found else None


def _select(instance: dg.DagsterInstance, wanted: ColumnElement[bool]) -> list[tuple[int, dg.EventLogEntry]]:
    table, storage = SqlEventLogStorageTable.c, instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    with storage.index_connection() as connection:
        rows = connection.execute(select(table.id, table.event).where(wanted).order_by(table.id)).fetchall()
    # A question to the instance while the connection is open would wait forever.
    return [(int(row[0]), deserialize_value(row[1], dg.EventLogEntry)) for row in rows]
