"""The addresses of the UI: only this machine by default, and always known host names."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from servers import free_port

from platform_core.diagnostics import UsageError
from platform_core.workspace.serve.servers import known_hosts

LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
SIX = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")


@pytest.fixture
def port() -> int:
    return free_port()


def known(host: str, port: int, *names: str, no_login: bool = False) -> list[str]:
    """The hosts without their port."""
    hosts = known_hosts(host, port, names, no_login)
    assert all(each.endswith(f":{port}") for each in hosts)
    return [each.removesuffix(f":{port}") for each in hosts]


def refused(host: str, port: int, *names: str, no_login: bool = False) -> str:
    with pytest.raises(UsageError) as error:
        known_hosts(host, port, names, no_login)
    return error.value.diagnostics[0].code


@pytest.mark.parametrize(
    ("host", "hosts"),
    [
        ("127.0.0.1", ["127.0.0.1", "localhost", "[::1]"]),
        ("localhost", LOOPBACK),
        ("127.1", ["127.1", "127.0.0.1", "localhost", "[::1]"]),
        ("127.0.0.2", ["127.0.0.2", *LOOPBACK]),
        pytest.param("::1", ["[::1]", "localhost", "127.0.0.1"], marks=SIX),
    ],
)
def test_the_default_address_needs_no_options(host: str, hosts: list[str], port: int) -> None:
    found = known(host, port)
    assert (found[0], sorted(found)) == (hosts[0], sorted(hosts))


@pytest.mark.parametrize("host", ["0.0.0.0", "0", pytest.param("::", marks=SIX)])
def test_all_addresses_need_no_login_and_a_name(host: str, port: int) -> None:
    assert refused(host, port, "mesh.example.com") == "U028"
    assert refused(host, port, no_login=True) == "U029"

    names = ("mesh.example.com", "2001:db8::7")
    assert known(host, port, *names, no_login=True) == ["mesh.example.com", "[2001:db8::7]", *LOOPBACK]


def test_a_proxy_with_a_login_needs_no_option(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_DEPLOYMENT", str(tmp_path / "mesh.deployment.yaml"))
    (tmp_path / "mesh.deployment.yaml").write_text("access: {proxies: [10.0.0.7]}\n")
    assert known("0.0.0.0", port, "ui") == ["ui", *LOOPBACK]
    (tmp_path / "mesh.deployment.yaml").write_text("introspection: kept\n")
    assert refused("0.0.0.0", port, "ui") == "U028"


def test_port_80_is_left_out() -> None:
    try:
        hosts = known_hosts("127.0.0.1", 80, (), False)
    except UsageError:
        pytest.skip("port 80 is taken, or not for this user")
    assert hosts == ["127.0.0.1", "localhost", "[::1]"]


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.7"])
def test_an_address_of_another_machine(host: str, port: int) -> None:
    assert refused(host, port, no_login=True) == "U027"


def test_a_used_port_is_found_for_each_address_of_a_name(port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert refused("localhost", port) == "U027"
