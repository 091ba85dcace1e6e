"""The client of a deployment's UI, with servers that answer as a proxy or a UI in trouble does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from servers import free_port

from platform_core.deployment.file import read_deployment
from platform_core.deployment.model import DeploymentError
from platform_core.diagnostics import Place
from platform_core.source.workspace import Location
from platform_core.workspace.protocol import Order
from platform_core.workspace.run.deployed_worker import DeployedWorker
from platform_core.workspace.run.ui_server import UiServer

FILE = Place(Path("mesh.deployment.yaml"))


@contextmanager
def answering(*answers: tuple[int, str]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server with these answers, in order; yields its address and the headers of the requests."""
    left, seen = list(answers), list[dict[str, str]]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(dict(self.headers))
            status, text = left.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


def test_a_question_is_repeated_while_the_ui_has_lost_its_database() -> None:
    lost = json.dumps({"errors": [{"message": "server closed the connection unexpectedly"}]})
    with answering((500, lost), (200, lost), (200, '{"data": {"answer": 42}}')) as (url, seen):
        assert UiServer(url, FILE, patience=60, token="Bearer t0ken").ask("Events", run="r") == {"answer": 42}
    assert [each["Authorization"] for each in seen] == ["Bearer t0ken"] * 3


def test_a_refused_question_is_not_repeated() -> None:
    with answering((403, "not a member of sales")) as (url, _), pytest.raises(DeploymentError) as refused:
        UiServer(url, FILE, patience=60).ask("Launch")
    (fault,) = refused.value.diagnostics
    assert fault.code == "E035"
    assert "not a member of sales" in fault.message


def test_a_ui_that_is_away_is_a_diagnostic() -> None:
    server = UiServer(f"http://127.0.0.1:{free_port()}", FILE, patience=0)
    with pytest.raises(DeploymentError) as refused:
        server.ask("Location")
    assert [each.code for each in refused.value.diagnostics] == ["E034"]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("servers: {ui: '127.0.0.1:3001', domains: {}}\n", "http://127.0.0.1:3001"),
        ("access: {url: 'https://mesh.example.com/', proxies: [10.0.0.7]}\n", "https://mesh.example.com"),
        ("keys: keys\n", None),
    ],
)
def test_mesh_run_is_a_client_where_the_deployment_has_a_ui(
    tmp_path: Path, text: str, url: str | None
) -> None:
    path = tmp_path / "mesh.deployment.yaml"
    path.write_text(text)
    found = UiServer.of(read_deployment(path))
    assert (found.url if found else None) == url
    assert UiServer.of(None) is None


def test_a_run_that_may_not_be_canceled_is_named() -> None:
    location = {"__typename": "RepositoryLocation", "dagsterLibraryVersions": None, "repositories": []}
    answers = (
        {"workspaceLocationEntryOrError": {"loadStatus": "LOADED", "locationOrLoadError": location}},
        {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "r1"}}},
        {"logsForRun": {"events": [], "cursor": "1"}, "runOrError": {"status": "STARTED"}},
    )
    texts = [(200, json.dumps({"data": each})) for each in answers]
    with answering(*texts, (403, "not a member of shop")) as (url, seen):
        server = UiServer(url, FILE, patience=60)
        worker = DeployedWorker(Location("shop", "shop.definitions", Path("python")), server)
        worker.send(Order(1, ("shop/one",), None, 0, "i"))
        worker.stop()
        assert worker.ended(60)
        assert len(seen) == 4
    left = worker.left_behind()
    assert left is not None
    assert left.code == "E037"
    assert "r1" in left.message
