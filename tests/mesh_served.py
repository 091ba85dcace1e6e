"""`mesh serve` as its users meet it: an address with a UI and a GraphQL API behind it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mesh_command import ENOUGH, Mesh, until
from servers import free_port


@dataclass(frozen=True)
class Served:
    """A running server; `ask` talks to its GraphQL API."""

    mesh: Mesh
    process: subprocess.Popen[str]
    address: str

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.address}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=ENOUGH) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def stop(self) -> tuple[int, str]:
        """Send Ctrl-C; returns the exit code and the text on standard error."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=ENOUGH)
        return self.process.returncode, said


@contextmanager
def serving(mesh: Mesh, words: Sequence[str] | None = None) -> Iterator[Served]:
    """`mesh serve` with words, by default on a free port; whatever is left of it at the end is killed."""
    process = mesh.start("serve", *(("--port", str(free_port())) if words is None else words))
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found, f"it said {said!r} and {process.stderr.read() if process.stderr else ''}"
        served = Served(mesh, process, found[0])
        until(lambda: _loaded(served), "the code locations to load", pause=0.5)
        yield served
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=ENOUGH)
        for left in mesh.processes():
            left.kill()


def _loaded(served: Served) -> bool:
    answer = served.ask("{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }")
    return all(entry["loadStatus"] == "LOADED" for entry in answer["workspaceOrError"]["locationEntries"])
