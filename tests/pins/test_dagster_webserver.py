"""The routes of the installed webserver are those that the gate was made for."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.webserver import DagsterWebserver
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from platform_core.workspace.serve.permissions import RIGHTS
from platform_core.workspace.serve.web_gate import FILES

READ = frozenset({"GET", "HEAD"})
WEBSOCKET = frozenset({"websocket"})
GRAPH = {"/graphql": READ | {"POST"}, "websocket /graphql": WEBSOCKET}
"""The gate lets POST alone through, and handshakes of its own pages."""
REPORTS = {
    f"/report_asset_{kind}/{{asset_key:path}}": frozenset({"POST"})
    for kind in ("materialization", "check", "observation")
}
"""The gate lets nothing through."""
DOWNLOADS = {
    "/logs/{path:path}": READ,
    "/notebook": READ,
    "/dagit/notebook": READ,
    "/download_debug/{run_id:str}": READ,
}
"""The gate lets GET of its own pages through, and no link from elsewhere."""
PAGES = {"/server_info": READ, "/dagit_info": READ, "/{path:path}": READ, "/": READ}
"""The gate lets GET through, and links from everywhere: they read nothing that they could give away."""


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, frozenset[str]]:
    """The installed routes with their methods, but for files that come with the package."""
    with (
        dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as instance,
        WorkspaceProcessContext(instance, workspace_load_target=EmptyWorkspaceTarget()) as process,
    ):
        found: dict[str, frozenset[str]] = {}
        for route in DagsterWebserver(process).build_routes():
            if isinstance(route, WebSocketRoute):
                found[f"websocket {route.path}"] = WEBSOCKET
            elif isinstance(route, Mount):
                assert isinstance(route.app, StaticFiles), (
                    f"{route.path}: an application that nobody looked at"
                )
            else:
                assert isinstance(route, Route)
                if route.name == "root_static":
                    assert route.methods == READ
                else:
                    found[route.path] = frozenset(route.methods or ())
        return found


def test_every_route_has_been_looked_at(routes: dict[str, frozenset[str]]) -> None:
    assert routes == {**GRAPH, **REPORTS, **DOWNLOADS, **PAGES}


def test_users_reach_what_is_not_a_report_or_a_notebook() -> None:
    reached = {path.removeprefix("websocket ") for path in (*GRAPH, *DOWNLOADS, *PAGES)}
    assert {*RIGHTS["routes"]["users"]} == reached - {"/notebook", "/dagit/notebook"}


def test_no_link_from_elsewhere_reaches_a_download() -> None:
    assert all(path.startswith(FILES) for path in DOWNLOADS)
    assert not any(path.startswith(FILES) for path in PAGES)
