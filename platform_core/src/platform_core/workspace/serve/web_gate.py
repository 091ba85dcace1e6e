"""Dagster's webserver behind a gate: what a page of another site makes a browser ask for is refused.

``python -m platform_core.workspace.serve.web_gate WORKSPACE ADDRESS PORT HOST...`` serves a workspace file to
requests that name one of the hosts. The gate stands before every route, of the websocket too. It is no login:
a program that reaches the port and sends what the UI sends may do everything.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from platform_core.diagnostics import Diagnostic

if TYPE_CHECKING:  # only the environment that serves has it
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

FILES: Final = ("/logs/", "/notebook", "/dagit/", "/download_debug/")
"""What links of other sites do not reach: logs, and notebooks, which Dagster renders with their scripts."""

_HEADERS: Final = [(b"x-frame-options", b"SAMEORIGIN"), (b"cross-origin-resource-policy", b"same-origin")]
"""For browsers that do not say in a request which site it comes from."""


class Gate:
    """An ASGI application before another one. ``hosts`` are the Host headers that name this server, in
    small letters."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        refused = self._refusal(scope)
        if refused is None:
            await self._app(scope, receive, protected)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1]})
        else:
            status, what, expected = refused
            body = Diagnostic("A020", what, expected=expected).render().encode() + b"\n"
            kind = (b"content-type", b"text/plain; charset=utf-8")
            await protected({"type": "http.response.start", "status": status, "headers": [kind]})
            await protected({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        """Status, what is wrong with a request, and what was expected; None where it may pass."""

        def header(name: bytes) -> list[str]:
            return [value.decode("latin-1").lower() for key, value in scope["headers"] if key == name]

        host, origin, site = header(b"host"), header(b"origin"), header(b"sec-fetch-site")
        path, method = scope["path"], scope.get("method", "websocket")
        if len(host) != 1 or host[0] not in self._hosts:
            return 421, "the Host is not a name of this server", ", ".join(self._hosts)
        if any(each != f"http://{host[0]}" for each in origin):
            return 403, "a page of another origin asks", f"Origin: http://{host[0]}"
        if not path.isprintable():
            # A route ends in `$`, which a line's end at the end of the path passes.
            return 400, "the path has characters that are not printable", "the path of a page"
        # A link from elsewhere may open a page; it may not fetch one, frame one or open a file.
        opens = method == "GET" and not path.startswith(FILES)
        opens &= header(b"sec-fetch-mode") == ["navigate"] and header(b"sec-fetch-dest") == ["document"]
        if not opens and not {*site} <= {"same-origin", "none"}:
            return 403, "a page of another site asks", "Sec-Fetch-Site: same-origin"
        if method == "websocket":
            unnamed = bool(site) and not origin
            return (403, "a browser's websocket names no Origin", f"http://{host[0]}") if unnamed else None
        if path.startswith("/report_asset_"):
            return 403, "Dagster's routes for reports are off", "a run of the product"
        if method not in ("GET", "HEAD", "POST") or (method == "POST") != (path == "/graphql"):
            return 405, f"{method} is not for this path", "POST for /graphql, GET for every other path"
        if method == "POST" and header(b"content-type") != ["application/json"]:
            return 415, "a query is JSON and nothing else", "Content-Type: application/json"
        return None


def main() -> None:
    """Serve until interrupted."""
    import uvicorn
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    workspace, address, port, *hosts = sys.argv[1:]
    # The numbers are those of `dagster-webserver`.
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(statement_timeout=15000, pool_recycle=3600, max_overflow=20)
        target = WorkspaceFileTarget([workspace])
        with WorkspaceProcessContext(instance, workspace_load_target=target) as process:
            app = create_app_from_workspace_process_context(process, live_data_poll_rate=2000)
            uvicorn.run(
                Gate(app, hosts),
                host=address,
                port=int(port),
                log_level="warning",
                lifespan="off",
                proxy_headers=False,  # who asks is not to say where from
            )


if __name__ == "__main__":
    main()
