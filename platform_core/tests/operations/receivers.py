"""Servers on loopback that take messages, refuse them, or keep silent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    path: str
    key: str | None
    body: Any


@dataclass
class Receiver:
    """A web server. ``answers`` are the statuses of the next requests, each with a Retry-After; then 200."""

    port: int = 0
    taken: list[Received] = field(default_factory=list)
    refused: list[Received] = field(default_factory=list)
    answers: list[tuple[int, str | None]] = field(default_factory=list)
    unwanted: str | None = None
    """A message with this text is refused, always."""
    unwelcome: str | None = None
    """All messages to this path are refused."""
    location: str | None = None
    """Where an answer sends the caller."""
    stalls: threading.Event = field(default_factory=threading.Event)
    """While it is set, no request is answered."""
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def clear(self) -> None:
        self.taken.clear()
        self.refused.clear()
        self.answers.clear()
        self.unwanted = self.unwelcome = self.location = None
        self.stalls.clear()

    def keys(self) -> list[str | None]:
        return [each.key for each in self.taken]

    def titles(self, path: str) -> list[str]:
        return [each.body["title"] for each in self.taken if each.path == f"/{path}"]


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(content) if content else None
            received = Received(self.path, self.headers.get("Idempotency-Key"), body)
            if receiver.stalls.is_set():
                receiver.over.wait(60)
                return
            status, after = receiver.answers.pop(0) if receiver.answers else (200, None)
            if receiver.unwanted is not None and receiver.unwanted in content.decode():
                status = 400
            if receiver.unwelcome == self.path:
                status = 503
            (receiver.taken if status == 200 else receiver.refused).append(received)
            self.send_response(status)
            for name, value in (("Retry-After", after), ("Location", receiver.location)):
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
