"""A process that does whole rounds of the watch, and may kill itself: `python killed_rounds.py MESH`.

It reads one call a line, as JSON: the time, and where the round ends. That is after a number of operations on
the database and on channels, at a named point, or after some seconds. It answers with the number of
operations, or "killed". Each round is a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster  # noqa: F401  (it takes long, and each round needs it)
import requests

from platform_core.operations.store.database import Database
from platform_core.operations.store.journal import Journal
from platform_core.operations.watch import round as rounds
from platform_core.operations.watch.mesh import WatchedMesh

POINTS = (
    "committing", "committed", "marking sending", "marked sending", "accepted", "marking sent", "marked sent",
    "beating", "done",
)  # fmt: skip


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def around(owner: Any, name: str, before: Callable[..., None], after: Callable[..., None]) -> None:
    real = getattr(owner, name)

    def call(*words: Any, **named: Any) -> Any:
        before(*words)
        found = real(*words, **named)
        after(*words)
        return found

    setattr(owner, name, call)


def whole_round(mesh: WatchedMesh, now: datetime, at: int | float | str | None) -> int:
    """Do a round; the number of its operations."""
    done = 0

    def count(*_: Any) -> None:
        nonlocal done
        done += 1
        if isinstance(at, int) and done >= at:
            die()

    def point(name: str) -> None:
        if name == at:
            die()

    around(Database, "_execute", count, count)
    around(requests, "post", count, count)
    if isinstance(at, float):
        threading.Thread(target=lambda: (time.sleep(at), die()), daemon=True).start()
    if isinstance(at, str):
        executed = lambda when: lambda _, statement, *__: statement == "COMMIT" and point(when)  # noqa: E731
        around(Database, "_execute", executed("committing"), executed("committed"))
        marked = lambda when: lambda _, __, state, *___: point(f"{when} {state}")  # noqa: E731
        around(Journal, "mark", marked("marking"), marked("marked"))
        around(requests, "post", lambda *_: None, lambda *_: point("accepted"))
        around(rounds, "beat", lambda *_: point("beating"), lambda *_: point("done"))
    with Journal.open(mesh.root) as journal:
        made = rounds.Rounds(mesh.root, journal, None)
        made.mesh = mesh
        made.round(now)
    return done


def main() -> None:
    mesh = WatchedMesh(Path(sys.argv[1]))
    mesh.refresh()
    mesh.look(datetime.now(UTC))  # it takes long
    for line in sys.stdin:
        now, at = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            status = 1
            with suppress(Exception):
                found = whole_round(mesh, datetime.fromisoformat(now), at)
                os.write(writing, str(found).encode())
                status = 0
            os._exit(status)
        os.close(writing)
        with os.fdopen(reading) as answer:
            found = answer.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        sys.stdout.write(json.dumps("killed" if killed else int(found) if found else "failed") + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
