"""`mesh run` through an authenticating proxy: the user's teams decide which locations it may run."""

from __future__ import annotations

import http.client
import http.server
import re
import signal
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from deployed import deployment, small_company
from mesh_command import ENOUGH, Mesh
from servers import PASSWORD, free_port, postgres

pytestmark = [pytest.mark.full, pytest.mark.scale]

ACCESS = "access: {{url: 'http://127.0.0.1:{port}', proxies: [127.0.0.1], token: {{env: CI_TOKEN}}}}\n"
PLATFORM = """\
  data-platform:
    name: Platform
    email: platform@example.com
    channels: [{channel: "#platform", tool: slack}]
    members: [{role: owner, email: platform-owner@example.com}]
"""


@contextmanager
def proxy(port: int, upstream: int, groups: list[str]) -> Iterator[None]:
    """A proxy that knows one token, and sends the user ``ci`` with the groups of now."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {k: v for k, v in self.headers.items() if not k.lower().startswith("x-forwarded")}
            headers |= {"X-Forwarded-User": "ci", "X-Forwarded-Groups": ",".join(groups)}
            status, kind, data = 401, "text/plain", b"no login"
            if self.headers.get("Authorization") == "Bearer t0ken":
                connection = http.client.HTTPConnection("127.0.0.1", upstream, timeout=ENOUGH)
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                status, kind = answer.status, answer.getheader("Content-Type", "")
                data = answer.read()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_a_client_runs_the_locations_of_its_teams(tmp_path: Path) -> None:
    with postgres(tmp_path / "database") as database, pytest.MonkeyPatch.context() as patch:
        root, port = small_company(tmp_path / "mesh").root, free_port()
        ports = deployment(root, database)
        governance = root / "governance"
        for path, text in (
            (root / "mesh.deployment.yaml", ACCESS.format(port=port)),
            (governance / "teams.yaml", PLATFORM),
            (governance / "mesh.yaml", "central_team: data-platform\n"),
        ):
            path.write_text(path.read_text() + text)
        settings = {"MESH_DEPLOYMENT": str(root / "mesh.deployment.yaml"), "CI_TOKEN": "Bearer t0ken"}
        mesh = Mesh(root, tmp_path / "state", settings)
        patch.setenv("DAGSTER_INSTANCE_PASSWORD", PASSWORD)
        server, groups = mesh.start("serve"), ["data-platform"]
        try:
            with proxy(port, ports["ui"], groups):
                assert server.stdout is not None
                assert "Dagster UI" in server.stdout.readline()
                assert mesh.run("shop/one").statuses() == {"shop/one": "ok"}
                groups[:] = ["crew-team", "guests"]
                assert mesh.run("crew/zero").statuses() == {"crew/zero": "ok"}
                refused = mesh.run("shop/one")
                assert refused.code == 1
                assert "E052" in refused.out + refused.err
            assert {"shop/one", "crew/zero"} <= scraped(mesh)
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=ENOUGH)
            for left in mesh.processes():
                left.kill()


def scraped(mesh: Mesh) -> set[str]:
    """The products of which `mesh metrics` knows a version, from the records in Postgres."""
    process = mesh.start("metrics", "--port", str(free_port()))
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found is not None
    with urllib.request.urlopen(found[0], timeout=ENOUGH) as answer:
        text = answer.read().decode()
    process.send_signal(signal.SIGINT)
    assert process.wait(ENOUGH) == 0
    return set(re.findall(r'mesh_product_last_made\w+\{product="([^"]+)"\}', text))
