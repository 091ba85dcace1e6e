"""The journal of a mesh: its signals, incidents and messages, and how far its sources were read."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from platform_core.diagnostics import PlatformError
from platform_core.operations.incidents.signals import Signal
from platform_core.operations.store.database import Database, exists, opened

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

    def transaction(self) -> AbstractContextManager[None]:
        """All of the block, or nothing of it. One writer at a time."""
        return self.database.transaction()

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

    def signals(self, since: datetime) -> Iterator[Signal]:
        """The signals from a time on in their order, after the last graphs and publications before it."""
        rows = self.database.rows(
            "SELECT key, kind, subject, at, facts FROM mesh_signal WHERE at >= ? OR kind = 'silence'"
            " OR (kind, subject, at) IN (SELECT kind, subject, max(at) FROM mesh_signal"
            " WHERE at < ? AND kind IN ('graph', 'published') GROUP BY kind, subject) ORDER BY at, n",
            *(written(since), written(since)),
        )
        for key, kind, subject, at, facts in rows:
            yield Signal(key, kind, subject, datetime.fromisoformat(at), json.loads(facts))

    def newest(self) -> int:
        """The number of the signal that was stored last; 0 where there is none."""
        return int(self.database.rows("SELECT coalesce(max(n), 0) FROM mesh_signal")[0][0])

    def put_incidents(
        self, documents: Mapping[str, Mapping[str, Any]], since: datetime, now: datetime
    ) -> None:
        """Write the incidents from a time on by id. Those that are missing became parts of others."""
        for id, each in documents.items():
            self.database.change(
                "INSERT INTO mesh_incident VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " state = excluded.state, began = excluded.began, resolved = excluded.resolved,"
                " document = excluded.document",
                *(id, each["cause"], each["state"], each["began"], written(now), each["opened"]),
                *(each["resolved"], json.dumps(each)),
            )
        for (id,) in self.database.rows("SELECT id FROM mesh_incident WHERE began >= ?", written(since)):
            if id not in documents:
                self.database.change("DELETE FROM mesh_incident WHERE id = ?", id)

    def since(self, at: datetime, quiet: timedelta) -> datetime:
        """The time, at the latest ``at``, from which a replay shows the incidents as a whole one does: none
        is open then, or was resolved less than ``quiet`` before."""
        while True:
            [(began,)] = self.database.rows(
                "SELECT min(began) FROM mesh_incident WHERE resolved IS NULL OR resolved >= ?",
                written(at - quiet),
            )
            if began is None or began >= written(at):
                return at
            at = datetime.fromisoformat(began)

    def incidents(self, *, unresolved: bool = False) -> list[dict[str, Any]]:
        """The incidents as they were last written, the newest first."""
        where = "WHERE resolved IS NULL " if unresolved else ""
        rows = self.database.rows(
            f"SELECT document, detected FROM mesh_incident {where}ORDER BY opened DESC, id"
        )
        return [{**json.loads(document), "detected": detected} for document, detected in rows]

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

    def posted(self, incidents: Iterable[str]) -> dict[str, list[tuple[str, datetime]]]:
        """The phases of incidents by channel, with the times of their messages, in their order."""
        ids, found = tuple(incidents), dict[str, list[tuple[str, datetime]]]()
        rows = self.database.rows(
            f"SELECT channel, phase, made FROM mesh_message WHERE incident IN ({', '.join('?' * len(ids))})"
            " ORDER BY n",
            *ids,
        )
        for channel, phase, made in rows:
            found.setdefault(channel, []).append((phase, datetime.fromisoformat(made)))
        return found

    def hurry(self, latest: datetime) -> int:
        """Bring forward what waits longer than until ``latest``, as after a step back of the clock."""
        return self.database.change(
            "UPDATE mesh_message SET due = ? WHERE state <> 'sent' AND due > ?",
            *(written(latest), written(latest)),
        )

    def due(self, now: datetime, without: Collection[str] = ()) -> list[Message]:
        """The messages to send now, the oldest first, except those of some channels."""
        rows = self.database.rows(
            "SELECT key, channel, phase, body, incident, attempts FROM mesh_message WHERE state = 'pending'"
            f" AND due <= ? AND channel NOT IN (''{', ?' * len(without)}) ORDER BY n",
            *(written(now), *without),
        )
        return [
            Message(key, channel, phase, json.loads(body), *rest) for key, channel, phase, body, *rest in rows
        ]

    def mark(
        self, key: str, state: MessageState, due: datetime | None = None, error: str | None = None
    ) -> None:
        """Note the state of a message: before it is sent, after it was sent, or when to try again."""
        self.database.change(
            "UPDATE mesh_message SET state = ?, attempts = attempts + ?, due = coalesce(?, due), error = ?"
            " WHERE key = ?",
            *(state, int(state == "sending"), written(due) if due else None, error, key),
        )

    def take_back(self) -> None:
        """Make the messages pending that a dead sender left behind."""
        self.database.change("UPDATE mesh_message SET state = 'pending' WHERE state = 'sending'")

    def waiting(self) -> dict[str, tuple[datetime, str]]:
        """The channels with messages that they did not take: since when, and the last error."""
        rows = self.database.rows(
            "SELECT channel, min(made), max(error) FROM mesh_message"
            " WHERE state <> 'sent' AND error IS NOT NULL GROUP BY channel"
        )
        return {channel: (datetime.fromisoformat(at), error or "") for channel, at, error in rows}


def written(at: datetime) -> str:
    """A time as text that sorts as time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def kept_in_words(root: Path, product: str) -> str | None:
    """How a product kept its promises, as the watch last showed it; None where that cannot be read."""
    if not exists(root):
        return None
    with suppress(PlatformError), Journal.open(root) as journal:  # mesh status reports the fault
        return ((journal.fact("levels") or {}).get("kept") or {}).get(product)
    return None
