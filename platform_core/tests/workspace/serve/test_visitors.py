"""The user of a request: which headers count, from which address, over HTTP and the websocket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from workspace.serve.ui_mesh import DEPLOYMENT, MEMBER, PLATFORM, Headers, Ui, of, serving

from platform_core.deployment.file import read_deployment
from platform_core.deployment.model import Access, DeploymentError
from platform_core.diagnostics import Diagnostic, GovernanceError
from platform_core.workspace.serve.visitors import User, Visitors

JSON = ("Content-Type", "application/json")
QUERY = json.dumps({"query": "{version}"})
WIPE = json.dumps({"query": "mutation {wipeAssets(assetPartitionRanges: []) {__typename}}"})
HANDSHAKE = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Protocol", "graphql-ws"),
)
server = [pytest.mark.full, pytest.mark.scale]


def visitors(*proxies: str) -> Visitors:
    access = Access(tuple(ip_network(each) for each in proxies), None, None, "x-user", "x-groups")
    return Visitors(
        access, {"sales-analytics": "sales", "people": "hr", "guild": None, "platform": None}, "platform"
    )


def request(*headers: tuple[str, str], client: str | None = "10.0.0.7") -> dict[str, Any]:
    found = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"client": (client, 1) if client else None, "headers": found}


def test_teams_are_domains() -> None:
    asked = visitors("10.0.0.7")
    assert asked.user(request(("X-User", " ada "), ("X-Groups", "sales-analytics, guild,people"))) == User(
        "ada", frozenset({"sales", "hr"})
    )
    assert asked.user(request(("X-User", "ada"))) == User("ada")
    assert asked.user(request(("x-USER", "ada"), ("X-GROUPS", "platform"))) == User("ada", platform=True)


@pytest.mark.parametrize(
    "groups",
    ["", ",", "Sales-Analytics", "sales_analytics", "/sales-analytics", "sales-analytics-2",
     "sales analytics", "xsales-analytics", "sales", "hr", "*", "platform-2", "sales-analytics;people"],
)  # fmt: skip
def test_a_group_that_is_not_a_team_changes_nothing(groups: str) -> None:
    assert visitors("10.0.0.7").user(request(("X-User", "ada"), ("X-Groups", groups))) == User("ada")


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("X-Groups", "platform"),),
        (("X-User", ""), ("X-Groups", "platform")),
        (("X-User", "  "),),
        (("X-User", "ada"), ("X-User", "admin")),
        (("X-User", "ada"), ("x-user", "ada")),
        (("X-User", "ada"), ("X-Groups", "guests"), ("X-Groups", "platform")),
        (("X-User", "ada\x00"),),
        (("X_User", "ada"),),
    ],
)
def test_two_or_empty_headers_name_no_user(headers: Headers) -> None:
    found = visitors("10.0.0.7").user(request(*headers))
    assert isinstance(found, tuple)
    assert (found[0], found[1].code) == (401, "E051")


@pytest.mark.parametrize(
    ("client", "trusted"),
    [
        ("10.0.0.7", True), ("::ffff:10.0.0.7", True), ("192.168.1.9", True), ("fd00::5", True),
        ("10.0.0.8", False), ("::ffff:10.0.0.8", False), ("127.0.0.1", False), ("::1", False), (None, False),
    ],
)  # fmt: skip
def test_only_the_proxy_is_believed(client: str | None, trusted: bool) -> None:
    asked = visitors("10.0.0.7", "192.168.1.0/24", "fd00::/64")
    sent = (("X-User", "ada"), ("X-Forwarded-For", "10.0.0.7"), ("Forwarded", "for=10.0.0.7"))
    found = asked.user(request(*sent, client=client))
    assert found == User("ada") if trusted else isinstance(found, tuple) and found[1].code == "E050"


def test_broken_teams_stop_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Visitors.current(tmp_path) is None
    monkeypatch.setenv("MESH_DEPLOYMENT", str(tmp_path / "mesh.deployment.yaml"))
    (tmp_path / "mesh.deployment.yaml").write_text(DEPLOYMENT)
    (tmp_path / "governance").mkdir()
    (tmp_path / "governance" / "teams.yaml").write_text("teams: {a: {domian: sales}}\n")
    with pytest.raises(GovernanceError) as caught:
        Visitors.current(tmp_path)
    assert all(isinstance(fault, Diagnostic) for fault in caught.value.diagnostics)


@pytest.mark.parametrize(
    "access",
    [
        "{}",
        "{proxies: []}",
        "{proxies: [proxy.example.com]}",
        "{proxies: [10.0.0.7/8]}",
        '{proxies: [10.0.0.7], user_header: "X User"}',
        '{proxies: [10.0.0.7], groups_header: ""}',
        "{proxies: [10.0.0.7], groups_header: Gruppe-ü}",
        "{proxies: [10.0.0.7], url: https://mesh.example.com/ui}",
        "{proxies: [10.0.0.7], users: X-User}",
        "{proxies: [10.0.0.7], token: abc}",
    ],
)
def test_a_wrong_access_is_refused(access: str, tmp_path: Path) -> None:
    (tmp_path / "mesh.deployment.yaml").write_text(f"access: {access}\n", encoding="utf-8")
    with pytest.raises(DeploymentError) as caught:
        read_deployment(tmp_path / "mesh.deployment.yaml")
    assert {fault.code for fault in caught.value.diagnostics} <= {"E001", "E002"}
    assert all(fault.place or fault.code == "E002" for fault in caught.value.diagnostics)


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    with serving(tmp_path_factory.mktemp("ui")) as found:
        yield found


class TestServer:
    pytestmark = server

    def test_the_proxy_is_served_and_others_are_not(self, ui: Ui) -> None:
        assert ui.request("POST", "/graphql", (*MEMBER, JSON), QUERY)[0] == 200
        for path in (
            "/",
            "/graphql",
            "/logs/a/b",
            "/runs",
            "/favicon.png",
            "/dagit_info",
            "/download_debug/a",
        ):
            method = "POST" if path == "/graphql" else "GET"
            for headers in ((), (("X-Forwarded-For", "127.0.0.1"),), PLATFORM):
                status, text = ui.request(method, path, (*headers, JSON), QUERY, source="127.0.0.2")
                assert (status, "E050" in text) == (403, True), path
            assert ui.request(method, path, (JSON,), QUERY)[0] == 401
        assert ui.request("POST", "/graphql", (*PLATFORM, JSON), WIPE)[0] == 200
        assert ui.request("POST", "/graphql", (*PLATFORM, JSON), WIPE, source="127.0.0.2")[0] == 403

    def test_health_needs_no_user_and_runs_nothing(self, ui: Ui) -> None:
        assert ui.request("GET", "/server_info", source="127.0.0.2")[0] == 200
        for path in ("/server_info/", "//server_info", "/server_info/x", "/Server_info"):
            assert ui.request("GET", path, source="127.0.0.2")[0] == 403
        assert ui.request("POST", "/server_info", (JSON,), WIPE, source="127.0.0.2")[0] == 405

    @pytest.mark.parametrize(
        "path",
        ["/notebook?path=a.ipynb&repoLocName=sales", "/dagit/notebook", "/report_asset_check/sales/plain"],
    )
    def test_routes_outside_of_the_table_are_refused(self, ui: Ui, path: str) -> None:
        assert ui.request("GET", path, PLATFORM)[0] == 403

    def test_pages_are_served_to_everybody_who_is_authenticated(self, ui: Ui) -> None:
        for path in ("/", "/runs", "/favicon.png"):
            assert ui.request("GET", path, of("otto", ""))[0] == 200

    @pytest.mark.parametrize(
        ("headers", "source", "status"),
        [
            (MEMBER, "127.0.0.1", 101),
            ((*MEMBER, ("Origin", "https://mesh.example.com")), "127.0.0.1", 101),
            ((*MEMBER, ("Origin", "https://evil.example.com")), "127.0.0.1", 403),
            (MEMBER, "127.0.0.2", 403),
            ((), "127.0.0.1", 403),
            ((*MEMBER, ("X-User", "admin")), "127.0.0.1", 403),
        ],
    )
    def test_websockets_need_a_user_too(self, ui: Ui, headers: Headers, source: str, status: int) -> None:
        assert ui.request("GET", "/graphql", (*HANDSHAKE, *headers), source=source)[0] == status

    def test_the_name_of_the_proxy_is_a_host(self, ui: Ui) -> None:
        own = ("Origin", "https://mesh.example.com")
        assert ui.request("POST", "/graphql", (*MEMBER, JSON, own), QUERY, host="mesh.example.com")[0] == 200
        assert ui.request("POST", "/graphql", (*MEMBER, JSON), QUERY, host="other.example.com")[0] == 421
        for origin in (f"http://127.0.0.1:{ui.port}", "http://mesh.example.com", "null"):
            assert ui.request("POST", "/graphql", (*MEMBER, JSON, ("Origin", origin)), QUERY)[0] == 403
