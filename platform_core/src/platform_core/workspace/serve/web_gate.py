"""Dagster's webserver behind a gate that refuses requests that pages of other sites cause in a browser.

``python -m platform_core.workspace.serve.web_gate WORKSPACE ADDRESS PORT HOST...`` serves a workspace file to
requests that name one of the hosts. The gate checks every route and the websocket. It is not a login: without
``access`` in the deployment, a program that reaches the port and sends the UI's requests may do everything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from platform_core.diagnostics import Diagnostic, PlatformError
from platform_core.settings import mesh_root
from platform_core.workspace.serve.visitors import HEALTH, USER, Visitors

if TYPE_CHECKING:  # only the environment of `mesh serve` has it
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

FILES: Final = ("/logs/", "/notebook", "/dagit/", "/download_debug/")
"""Paths that links of other sites cannot open: logs, and notebooks, which Dagster renders with scripts."""

_HEADERS: Final = [(b"x-frame-options", b"SAMEORIGIN"), (b"cross-origin-resource-policy", b"same-origin")]
"""For browsers that do not send the site of a request."""


class Gate:
    """An ASGI application in front of another one. ``hosts`` are the server's Host headers in lower case;
    with ``visitors``, a request needs a user, and the scope of the application names it."""

    def __init__(self, app: ASGIApp, hosts: Collection[str], visitors: Visitors | None = None) -> None:
        self._app = app
        self._hosts = hosts
        self._visitors = visitors
        self._origin = visitors.access.url if visitors else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        found = self._refusal(scope)
        refused = (found[0], Diagnostic("A020", found[1], expected=found[2])) if found else None
        if refused is None and self._visitors and scope["path"] != HEALTH:
            user = self._visitors.user(scope)
            if isinstance(user, tuple):
                refused = user
            else:
                scope = {**scope, USER: user}
        if refused is None:
            await self._app(scope, receive, protected)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1].message})
        else:
            status, fault = refused
            body = fault.render().encode() + b"\n"
            kind = (b"content-type", b"text/plain; charset=utf-8")
            await protected({"type": "http.response.start", "status": status, "headers": [kind]})
            await protected({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        """Status, fault and expectation for a refused request; None for a valid one."""

        def header(name: bytes) -> list[str]:
            return [value.decode("latin-1").lower() for key, value in scope["headers"] if key == name]

        host, origin, site = header(b"host"), header(b"origin"), header(b"sec-fetch-site")
        path, method = scope["path"], scope.get("method", "websocket")
        if len(host) != 1 or host[0] not in self._hosts:
            return 421, "the Host is not a name of this server", ", ".join(self._hosts)
        own = self._origin or f"http://{host[0]}"
        if any(each != own for each in origin):
            return 403, "the request comes from a page of another origin", f"Origin: {own}"
        if not path.isprintable():
            # A route's pattern ends in `$`, which also matches before a final line break.
            return 400, "the path has characters that are not printable", "the path of a page"
        # A link of another site may open a page, but not fetch or frame one, or open a file.
        opens = method == "GET" and not path.startswith(FILES)
        opens &= header(b"sec-fetch-mode") == ["navigate"] and header(b"sec-fetch-dest") == ["document"]
        if not opens and not {*site} <= {"same-origin", "none"}:
            return 403, "the request comes from a page of another site", "Sec-Fetch-Site: same-origin"
        if method == "websocket":
            unnamed = bool(site) and not origin
            return (403, "the websocket of a browser has no Origin", own) if unnamed else None
        if path.startswith("/report_asset_"):
            return 403, "Dagster's routes for reports are off", "a run of the product"
        if method not in ("GET", "HEAD", "POST") or (method == "POST") != (path == "/graphql"):
            return 405, f"{method} is not allowed for this path", "POST for /graphql, GET for all other paths"
        if method == "POST" and header(b"content-type") != ["application/json"]:
            return 415, "the content type of a query is not JSON", "Content-Type: application/json"
        return None


def main() -> None:
    import uvicorn
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    workspace, address, port, *hosts = sys.argv[1:]
    visitors = Visitors.current(mesh_root())
    opened: Callable[..., WorkspaceProcessContext] = WorkspaceProcessContext
    application: Callable[..., ASGIApp] = create_app_from_workspace_process_context
    if visitors is not None:
        from platform_core.workspace.serve.permissions import Process as opened
        from platform_core.workspace.serve.permissions import application

        hosts += [visitors.access.url.partition("://")[2]] if visitors.access.url else []
    # These are the values of `dagster-webserver`.
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(statement_timeout=15000, pool_recycle=3600, max_overflow=20)
        with opened(instance, workspace_load_target=WorkspaceFileTarget([workspace])) as process:
            uvicorn.run(
                Gate(application(process, live_data_poll_rate=2000), hosts, visitors),
                host=address,
                port=int(port),
                log_level="warning",
                lifespan="off",
                proxy_headers=False,  # a client must not choose its own address
            )


if __name__ == "__main__":
    try:
        main()
    except PlatformError as error:
        sys.exit(str(error))
