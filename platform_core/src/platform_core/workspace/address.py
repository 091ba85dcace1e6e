"""Where the UI listens, and the names under which it is asked for."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from platform_core.errors import Diagnostic, UsageError


@dataclass(frozen=True, slots=True)
class Address:
    """``hosts`` are the Host headers of requests that mean this server, the first the one to tell."""

    host: str
    port: int
    hosts: tuple[str, ...]
    shared: bool
    """Whether other machines reach it."""

    @classmethod
    def of(cls, host: str, port: int, names: Sequence[str] = (), *, no_login: bool = False) -> Address:
        """An address on which a server can listen now; ``names`` are further ones of this machine.

        Raises:
            UsageError: U027, no server can listen there; U028, other machines would reach it, and that
                there is no login is not accepted; U029, it is on all addresses, and no name is given.
        """
        addresses = _free(host, port)
        everywhere = any(address.is_unspecified for address in addresses)
        shared = not all(address.is_loopback for address in addresses)
        if shared and not no_login:
            raise UsageError(
                Diagnostic(
                    "U028",
                    f"--host {host}: other machines would reach the UI, and it has no login",
                    expected="an address of this machine alone, such as 127.0.0.1",
                    fix=f"Leave --host out, and from another machine open a tunnel: ssh -L "
                    f"{port}:127.0.0.1:{port} MACHINE. Where everybody in the network may do everything, "
                    "write --no-login.",
                )
            )
        if everywhere and not names:
            raise UsageError(
                Diagnostic(
                    "U029",
                    f"--host {host} is every address of this machine, and none of its names is given",
                    expected="the names and addresses that people write into their browser",
                    fix="Name each: --name mesh.example.com --name 192.0.2.7",
                )
            )
        own = [] if everywhere else [host, *(f"{address}" for address in addresses)]
        known = [bracketed(name) for name in (*own, *names, "localhost", "127.0.0.1", "::1")]
        # A browser leaves the port of http out.
        hosts = tuple(dict.fromkeys(name if port == 80 else f"{name}:{port}" for name in known))
        return cls(host, port, hosts, shared)

    @property
    def url(self) -> str:
        return f"http://{self.hosts[0]}"

    @property
    def words(self) -> list[str]:
        """It as arguments of ``platform_core.workspace.web``."""
        return [self.host, str(self.port), *self.hosts]


def bracketed(name: str) -> str:
    """A name or an address as it stands in a URL."""
    return f"[{name}]" if ":" in name else name


def _free(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    """The addresses that a host has. Raises UsageError U027 unless a server can listen on all of them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        fix = "Write an address of this machine."
        fault = Diagnostic("U027", f"--host {host}: {error.strerror}", fix=fix)
        raise UsageError(fault) from None
    try:
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(address)
                listener.listen()
    except OSError as error:
        raise UsageError(
            Diagnostic(
                "U027",
                f"no server can listen on {bracketed(host)}:{port}: {error.strerror}",
                fix=f"stop what uses it, or choose another one: mesh serve --port {port + 1}",
            )
        ) from None
    return [ip_address(address[0]) for *_, address in found]
