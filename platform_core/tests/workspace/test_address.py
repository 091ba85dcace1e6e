"""Where the UI listens: on this machine alone unless told otherwise, and always under known names."""

from __future__ import annotations

import socket

import pytest

from platform_core.errors import UsageError
from platform_core.workspace.address import Address

LOOPBACK = ("localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def code(error: pytest.ExceptionInfo[UsageError]) -> str:
    return error.value.diagnostics[0].code


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1"),
        ("localhost", "http://localhost"),
        ("127.1", "http://127.1"),
        ("127.0.0.2", "http://127.0.0.2"),
        ("::1", "http://[::1]"),
    ],
)
def test_this_machine_needs_no_more(host: str, url: str, port: int) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    address = Address.of(host, port)
    assert (address.url, address.shared) == (f"{url}:{port}", False)
    assert {name.format(port=port) for name in LOOPBACK} <= {*address.hosts}


@pytest.mark.parametrize("host", ["0.0.0.0", "0", "::"])
def test_every_address_needs_that_it_is_accepted_and_a_name(host: str, port: int) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with pytest.raises(UsageError) as error:
        Address.of(host, port, ["mesh.example.com"])
    assert code(error) == "U028"
    with pytest.raises(UsageError) as error:
        Address.of(host, port, no_login=True)
    assert code(error) == "U029"

    address = Address.of(host, port, ["mesh.example.com", "2001:db8::7"], no_login=True)

    assert (address.url, address.shared) == (f"http://mesh.example.com:{port}", True)
    named = (f"mesh.example.com:{port}", f"[2001:db8::7]:{port}")
    assert address.hosts == (*named, *(name.format(port=port) for name in LOOPBACK))


def test_a_name_of_the_machine_is_known_by_its_address_too(port: int) -> None:
    address = Address.of("127.1", port, ["mesh.test"])
    assert address.hosts[:3] == (f"127.1:{port}", f"127.0.0.1:{port}", f"mesh.test:{port}")


def test_what_is_no_address_of_this_machine(port: int) -> None:
    for host in ("nowhere.invalid", "192.0.2.7"):
        with pytest.raises(UsageError) as error:
            Address.of(host, port, no_login=True)
        assert code(error) == "U027"


def test_a_taken_port_is_told_for_each_address_of_a_name(port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(UsageError, match=f"can listen on localhost:{port}"):
            Address.of("localhost", port)
