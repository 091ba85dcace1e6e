"""The reach of a page of another site, or of a foreign host name, into Dagster's webserver.

Each attempt is one request over a socket to the real webserver. Its success is checked by its effect: an
asset's history is deleted, a report is recorded, an answer is readable, a page is framed, a websocket is
open.
"""

from __future__ import annotations

import http.client
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster_webserver.webserver import DagsterWebserver
from starlette.types import ASGIApp

from platform_core.workspace.serve.web_gate import Gate

Goal = Literal["wipe", "report", "read", "frame", "open"]
Headers = tuple[tuple[str, str], ...]

KEY = dg.AssetKey(["sales", "stores"])
CODE = 'import dagster as dg\n@dg.asset(key=["sales", "stores"])\ndef stores(): ...\n'
LOG = ["some_run", "compute_logs", "step"]
WIPE = (
    'mutation { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["sales", "stores"]}}]) { __typename } }'
)
BODY = json.dumps({"query": WIPE})
QUERY = f"query={quote(WIPE)}"
EVIL = "http://evil.example"

JSON = (("Content-Type", "application/json"),)
TEXT = (("Content-Type", "text/plain"),)
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
CROSS = (("Origin", EVIL), ("Sec-Fetch-Site", "cross-site"))
SUBRESOURCE = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image"))
LINK = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
FRAME = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe"))
HANDSHAKE = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Protocol", "graphql-ws"),
)


@dataclass(frozen=True)
class Attempt:
    """A request. ``{port}`` and ``{run}`` in the target and the headers are filled in; a Host header
    replaces the right one."""

    name: str
    goal: Goal
    method: str
    target: str
    headers: Headers = ()
    body: str = ""


def posted(name: str, headers: Headers, target: str = "/graphql", body: str = BODY) -> Attempt:
    return Attempt(name, "wipe", "POST", target, headers, body)


def of_origin(origin: str) -> Headers:
    return (*JSON, ("Origin", origin))


def for_host(host: str) -> Headers:
    return (*JSON, ("Host", host))


ATTEMPTS = (
    # A mutation in the address.
    Attempt("GET mutation", "wipe", "GET", f"/graphql?{QUERY}"),
    Attempt("GET mutation as an image", "wipe", "GET", f"/graphql?{QUERY}", SUBRESOURCE),
    Attempt("GET mutation as a link", "wipe", "GET", f"/graphql?{QUERY}", LINK),
    Attempt("GET mutation as a link to /graphql%0A", "wipe", "GET", f"/graphql%0A?{QUERY}", LINK),
    Attempt("GET mutation, /%67raphql", "wipe", "GET", f"/%67raphql?{QUERY}"),
    Attempt("GET mutation, /graphql%0A", "wipe", "GET", f"/graphql%0A?{QUERY}"),
    Attempt("GET mutation, whole address of another host", "wipe", "GET", f"{EVIL}/graphql?{QUERY}"),
    Attempt("GET mutation, //graphql", "wipe", "GET", f"//graphql?{QUERY}"),
    Attempt("GET mutation, /graphql/", "wipe", "GET", f"/graphql/?{QUERY}"),
    Attempt("GET mutation, /GraphQL", "wipe", "GET", f"/GraphQL?{QUERY}"),
    Attempt("GET mutation, /a/../graphql", "wipe", "GET", f"/a/../graphql?{QUERY}"),
    Attempt("GET mutation, /graphql%2F", "wipe", "GET", f"/graphql%2F?{QUERY}"),
    Attempt("HEAD mutation", "wipe", "HEAD", f"/graphql?{QUERY}"),
    Attempt("GET query of another origin", "read", "GET", "/graphql?query=%7Bversion%7D", CROSS),
    # Bodies that a browser sends without asking first.
    posted("form, mutation in the address", (*FORM, *CROSS), f"/graphql?{QUERY}", "x=1"),
    posted("form of a browser that names no origin", FORM, f"/graphql?{QUERY}", "x=1"),
    posted(
        "multipart form", (("Content-Type", "multipart/form-data; boundary=x"),), f"/graphql?{QUERY}", "--x--"
    ),
    posted("text/plain, mutation in the address", TEXT, f"/graphql?{QUERY}", "x"),
    posted("text/plain", TEXT),
    posted("text/plain; a=application/json", (("Content-Type", "text/plain; a=application/json"),)),
    posted("text/plain;application/json", (("Content-Type", "text/plain;application/json"),)),
    posted("application/graphql", (("Content-Type", "application/graphql"),), body=WIPE),
    posted("no content type", (), f"/graphql?{QUERY}", ""),
    posted("two content types", (*JSON, *TEXT)),
    posted("two content types, JSON last", (*TEXT, *JSON), f"/graphql?{QUERY}"),
    posted("two content types in one", (("Content-Type", "text/plain, application/json"),)),
    posted("form to //graphql", FORM, f"//graphql?{QUERY}"),
    posted("form to /graphql/", FORM, f"/graphql/?{QUERY}"),
    posted("form to /%67raphql", FORM, f"/%67raphql?{QUERY}"),
    posted("form to /graphql%0A", FORM, f"/graphql%0A?{QUERY}"),
    # JSON of another origin.
    posted("Origin of another site", of_origin(EVIL)),
    posted("Origin null", of_origin("null")),
    posted("Origin of another port", of_origin("http://127.0.0.1:1")),
    posted("Origin without the port", of_origin("http://127.0.0.1")),
    posted("Origin of another scheme", of_origin("https://127.0.0.1:{port}")),
    posted("Origin of another name of this server", of_origin("http://localhost:{port}")),
    posted("Origin that begins as ours", of_origin("http://127.0.0.1:{port}.evil.example")),
    posted("Origin that ends as ours", of_origin("http://evil.example/127.0.0.1:{port}")),
    posted("two Origins", (*of_origin("http://127.0.0.1:{port}"), ("Origin", EVIL))),
    posted("two Origins in one", of_origin("http://127.0.0.1:{port}, http://evil.example")),
    posted("empty Origin", of_origin("")),
    posted("Sec-Fetch-Site cross-site alone", (*JSON, ("Sec-Fetch-Site", "cross-site"))),
    posted("Sec-Fetch-Site same-site", (*JSON, ("Sec-Fetch-Site", "same-site"))),
    posted(
        "Sec-Fetch-Site twice", (*JSON, ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site"))
    ),
    posted("POST that calls itself a link", (*JSON, *LINK)),
    posted("X-Forwarded-Host", (*of_origin(EVIL), ("X-Forwarded-Host", "evil.example"))),
    # A name of a stranger that leads here.
    posted("Host of another site", for_host("evil.example")),
    posted("Host of another site with our port", for_host("evil.example:{port}")),
    posted("Host that begins as ours", for_host("localhost.evil.example:{port}")),
    posted("Host with another port", for_host("127.0.0.1:1")),
    posted("Host without the port", for_host("127.0.0.1")),
    posted("Host user@", for_host("127.0.0.1:{port}@evil.example")),
    posted("Host @ours", for_host("evil.example@127.0.0.1:{port}")),
    posted("Host with a dot at the end", for_host("localhost.:{port}")),
    posted("Host 0.0.0.0", for_host("0.0.0.0:{port}")),
    posted("two Hosts", (*for_host("127.0.0.1:{port}"), ("Host", "evil.example"))),
    posted("two Hosts in one", for_host("127.0.0.1:{port}, evil.example")),
    posted("empty Host", for_host("")),
    posted(
        "Host and Origin of a stranger", (*for_host("evil.example:{port}"), ("Origin", f"{EVIL}:{{port}}"))
    ),
    Attempt("page under a stranger's name", "read", "GET", "/", (("Host", "evil.example"),)),
    Attempt("version under a stranger's name", "read", "GET", "/server_info", (("Host", "evil.example"),)),
    # Files and pages inside of another page.
    Attempt("log as an image", "read", "GET", f"/logs/{'/'.join(LOG)}/out", SUBRESOURCE),
    Attempt("log as a link", "read", "GET", f"/logs/{'/'.join(LOG)}/out", LINK),
    Attempt("log as a link, slash encoded", "read", "GET", f"/logs%2F{'/'.join(LOG)}/out", LINK),
    Attempt("debug file as a link", "read", "GET", "/download_debug/{run}", LINK),
    Attempt("notebook as a link", "read", "GET", "/notebook?repoLocName=a&path=/tmp/a.ipynb", LINK),
    Attempt("old address of a notebook", "read", "GET", "/dagit/notebook?repoLocName=a&path=/a.ipynb", LINK),
    Attempt("frame", "frame", "GET", "/", FRAME),
    Attempt("frame in a browser that does not say so", "frame", "GET", "/"),
    Attempt("script of the page in another page", "read", "GET", "/server_info", SUBRESOURCE),
    # Reports of what never ran.
    Attempt(
        "report by a form", "report", "POST", "/report_asset_materialization/sales/stores", (*FORM, *CROSS)
    ),
    Attempt("report without a type", "report", "POST", "/report_asset_materialization/sales/stores"),
    Attempt("report in JSON", "report", "POST", "/report_asset_materialization/sales/stores", JSON, "{}"),
    Attempt("report, encoded", "report", "POST", "/report%5Fasset_materialization/sales/stores", JSON, "{}"),
    Attempt(
        "report by a parameter",
        "report",
        "POST",
        "/report_asset_materialization/?asset_key=%5B%22sales%22%2C%22stores%22%5D",
    ),
    Attempt(
        "report of an observation", "report", "POST", "/report_asset_observation/sales/stores?data_version=1"
    ),
    Attempt(
        "report of a check",
        "report",
        "POST",
        "/report_asset_check/sales/stores",
        JSON,
        '{"check_name": "c", "passed": true}',
    ),
    # Other methods.
    Attempt("PUT", "wipe", "PUT", "/graphql", JSON, BODY),
    Attempt(
        "OPTIONS before a request",
        "read",
        "OPTIONS",
        "/graphql",
        (*CROSS, ("Access-Control-Request-Method", "POST")),
    ),
    # Handshakes.
    Attempt("websocket of another origin", "open", "GET", "/graphql", (*HANDSHAKE, ("Origin", EVIL))),
    Attempt("websocket of origin null", "open", "GET", "/graphql", (*HANDSHAKE, ("Origin", "null"))),
    Attempt(
        "websocket of another port", "open", "GET", "/graphql", (*HANDSHAKE, ("Origin", "http://127.0.0.1:1"))
    ),
    Attempt(
        "websocket under a stranger's name", "open", "GET", "/graphql", (*HANDSHAKE, ("Host", "evil.example"))
    ),
    Attempt(
        "websocket of another site", "open", "GET", "/graphql", (*HANDSHAKE, ("Sec-Fetch-Site", "cross-site"))
    ),
    Attempt(
        "websocket of a browser without an origin",
        "open",
        "GET",
        "/graphql",
        (*HANDSHAKE, ("Sec-Fetch-Site", "same-origin")),
    ),
    Attempt(
        "websocket with two origins",
        "open",
        "GET",
        "/graphql",
        (*HANDSHAKE, ("Origin", "http://127.0.0.1:{port}"), ("Origin", EVIL)),
    ),
    Attempt("websocket at /graphql%0A", "open", "GET", "/graphql%0A", (*HANDSHAKE, ("Origin", EVIL))),
)

REFUSED_BY_DAGSTER = frozenset(
    {
        "GET mutation, //graphql",
        "GET mutation, /graphql/",
        "GET mutation, /GraphQL",
        "GET mutation, /a/../graphql",
        "GET mutation, /graphql%2F",
        "HEAD mutation",
        "text/plain",
        "form to //graphql",
        "form to /graphql/",
        "report by a form",
        "PUT",
        "OPTIONS before a request",
        "websocket with two origins",
    }
)
"""What does not reach its goal where there is no gate either."""


class Target:
    """Dagster's webserver in this process, with or without the gate, and the instance behind it."""

    def __init__(self, instance: dg.DagsterInstance, port: int, run: str) -> None:
        self._instance = instance
        self.port = port
        self._run = run

    def send(self, attempt: Attempt) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer."""

        def filled(text: str) -> str:
            return text.replace("{port}", str(self.port)).replace("{run}", self._run)

        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(attempt.method, filled(attempt.target), skip_host=True)
            headers = [(name, filled(value)) for name, value in attempt.headers]
            if "Host" not in dict(headers):
                headers.insert(0, ("Host", f"127.0.0.1:{self.port}"))
            if attempt.method != "GET":
                headers.append(("Content-Length", str(len(attempt.body))))
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(attempt.body.encode())
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def reached(self, attempt: Attempt) -> bool:
        """Send an attempt; whether it reached its goal."""
        before = self._prepared()
        status, headers, _ = self.send(attempt)
        match attempt.goal:
            case "wipe":
                return not self._instance.fetch_materializations(KEY, limit=1).records
            case "report":
                return self._events() > before
            case "read":
                return status == 200
            case "frame":
                return status == 200 and "x-frame-options" not in headers
            case "open":
                return status == 101

    def _prepared(self) -> int:
        """How many events there are; one at least."""
        if not self._instance.fetch_materializations(KEY, limit=1).records:
            self._instance.report_runless_asset_event(dg.AssetMaterialization(KEY))
        return self._events()

    def _events(self) -> int:
        instance = self._instance
        checks = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(KEY, "c"), limit=9
        )
        found = instance.fetch_materializations(KEY, limit=99), instance.fetch_observations(KEY, limit=99)
        return len(checks) + sum(len(each.records) for each in found)


@contextmanager
def serving(*, gate: bool) -> Iterator[Target]:
    """The real webserver on a free port of this machine."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "code.py").write_text(CODE)
        instance = stack.enter_context(dg.DagsterInstance.local_temp(str(folder)))
        target = PythonFileTarget(str(folder / "code.py"), None, str(folder), "sales")
        process = stack.enter_context(WorkspaceProcessContext(instance, workspace_load_target=target))
        app: ASGIApp = DagsterWebserver(process).create_asgi_app()
        hosts: list[str] = []
        if gate:
            app = Gate(app, hosts)
        server = uvicorn.Server(
            uvicorn.Config(app, port=0, log_level="critical", lifespan="off", proxy_headers=False)
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the webserver did not start"
            port = server.servers[0].sockets[0].getsockname()[1]
            hosts += [f"127.0.0.1:{port}", f"localhost:{port}"]
            yield Target(instance, port, _history(instance))
        finally:
            server.should_exit = True
            thread.join()


def _history(instance: dg.DagsterInstance) -> str:
    """A run, and a log that can be downloaded; returns the run's id."""

    @dg.asset(key=KEY)
    def stores() -> None: ...

    manager = instance.compute_log_manager
    log = Path(manager.get_captured_local_path(LOG, "out"))  # type: ignore[attr-defined]
    log.parent.mkdir(parents=True)
    log.write_text("a line of a log\n")
    return dg.materialize([stores], instance=instance).run_id


def attempts(*, gate: bool = True) -> list[tuple[str, bool]]:
    """Run all; each with whether it reached its goal."""
    with serving(gate=gate) as target:
        return [(attempt.name, target.reached(attempt)) for attempt in ATTEMPTS]
