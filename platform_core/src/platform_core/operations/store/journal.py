"""The journal of a mesh: its signals, incidents and messages, and how far its sources were read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from platform_core.operations.incidents.signals import Signal
from platform_core.operations.store.database import Database, opened

MessageState = Literal["pending", "sending", "sent"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message to one channel. The same ``key`` is the same message, however often it is sent."""

    key: str
    channel: str
    phase: str
    body: Mapping[str, Any]
    incident: str | None = None
    attempts: int = 0


@dataclass(frozen=True)
class Journal:
    """The tables of one mesh. Only ``transaction`` writes several rows as one."""

    database: Database

    @classmethod
    @contextmanager
    def open(cls, root: Path) -> Iterator[Journal]:
        """The journal of the mesh at ``root``. Raises OperationsError O001, O002; DeploymentError E030."""
        with opened(root) as database:
            yield cls(database)

    def fact(self, name: str) -> Any:
        """A kept value, such as the position in a source; None where none is kept."""
        found = self.database.rows("SELECT value FROM mesh_fact WHERE name = ?", name)
        return json.loads(found[0][0]) if found else None

    def keep(self, name: str, value: Any) -> None:
        statement = (
            "INSERT INTO mesh_fact VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        )
        self.database.change(statement, name, json.dumps(value))

    def record(self, signals: Iterable[Signal]) -> list[Signal]:
        """Store signals; those that were not known before."""
        return [
            each
            for each in signals
            if self.database.change(
                "INSERT INTO mesh_signal (key, kind, subject, at, facts) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                each.key,
                each.kind,
                each.subject,
                written(each.at),
                json.dumps(each.facts),
            )
        ]

    def signals(self, since: datetime | None = None) -> Iterator[Signal]:
        """The signals in the order of their times, and the newest graph of each location before ``since``."""
        wanted = "key, kind, subject, at, facts"
        rows = self.database.rows(
            f"SELECT {wanted} FROM mesh_signal WHERE at >= ? OR kind IN ('graph', 'silence') ORDER BY at, n",
            written(since) if since is not None else "",
        )
        for key, kind, subject, at, facts in rows:
            yield Signal(key, kind, subject, datetime.fromisoformat(at), json.loads(facts))

    def put_incidents(self, documents: Mapping[str, Mapping[str, Any]], gone: Iterable[str]) -> None:
        """Write incidents by id for readers; ``gone`` are ids of incidents that became parts of others."""
        for id, each in documents.items():
            self.database.change(
                "INSERT INTO mesh_incident VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " state = excluded.state, resolved = excluded.resolved, document = excluded.document",
                *(id, each["cause"], each["state"], each["opened"], each["resolved"], json.dumps(each)),
            )
        for id in gone:
            self.database.change("DELETE FROM mesh_incident WHERE id = ?", id)

    def incidents(self, *, unresolved: bool = False) -> list[dict[str, Any]]:
        """The incidents as they were last written, the newest first."""
        where = "WHERE state <> 'resolved' " if unresolved else ""
        rows = self.database.rows(f"SELECT document FROM mesh_incident {where}ORDER BY opened DESC, id")
        return [json.loads(document) for (document,) in rows]

    def post(self, message: Message, now: datetime) -> bool:
        """Put a message into the outbox; returns False where one of its key is or was there."""
        return bool(
            self.database.change(
                "INSERT INTO mesh_message (key, incident, phase, channel, body, state, attempts, made, due)"
                " VALUES (?, ?, ?, ?, ?, 'pending', 0, ?, ?) ON CONFLICT DO NOTHING",
                *(message.key, message.incident, message.phase, message.channel),
                *(json.dumps(message.body), written(now), written(now)),
            )
        )

    def posted(self, key: str) -> bool:
        return bool(self.database.rows("SELECT 1 FROM mesh_message WHERE key = ?", key))

    def due(self, now: datetime) -> list[Message]:
        """The messages to send now, the oldest first."""
        rows = self.database.rows(
            "SELECT key, channel, phase, body, incident, attempts FROM mesh_message"
            " WHERE state = 'pending' AND due <= ? ORDER BY n",
            written(now),
        )
        return [
            Message(key, channel, phase, json.loads(body), *rest)
            for key, channel, phase, body, *rest in rows
        ]

    def mark(self, key: str, state: MessageState, due: datetime | None = None, error: str | None = None) -> None:
        """Note the state of a message: before it is sent, after it was sent, or when to try again."""
        self.database.change(
            "UPDATE mesh_message SET state = ?, attempts = attempts + ?, due = coalesce(?, due), error = ?"
            " WHERE key = ?",
            *(state, int(state == "sending"), written(due) if due else None, error, key),
        )

    def postpone(self, key: str, due: datetime) -> None:
        """Let a message wait without an attempt."""
        self.database.change("UPDATE mesh_message SET due = ? WHERE key = ?", written(due), key)

    def take_back(self) -> None:
        """Make the messages pending that a dead sender left behind."""
        self.database.change("UPDATE mesh_message SET state = 'pending' WHERE state = 'sending'")

    def waiting(self) -> dict[str, tuple[datetime, str]]:
        """The channels with messages that wait for a second attempt: since when, and the last error."""
        rows = self.database.rows(
            "SELECT channel, min(made), max(error) FROM mesh_message"
            " WHERE state <> 'sent' AND attempts > 0 GROUP BY channel"
        )
        return {channel: (datetime.fromisoformat(at), error or "") for channel, at, error in rows}


def written(at: datetime) -> str:
    """A time as text that sorts as time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
