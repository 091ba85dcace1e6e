"""Reads ``mesh.deployment.yaml``, which ``MESH_DEPLOYMENT`` names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final

from platform_core.deployment.model import (
    DAEMON,
    UI,
    Access,
    Address,
    Credential,
    Database,
    Deployment,
    DeploymentError,
    Instance,
    Lakes,
    Servers,
    Spark,
)
from platform_core.diagnostics import Diagnostic
from platform_core.settings import DEPLOYMENT
from platform_core.source.cursor import Node, open_leniently
from platform_core.source.file_kind import FileKind
from platform_core.source.secret_reference import secret_reference

FILE: Final = FileKind(
    "deployment file",
    "a file as docs/deploy.md shows it",
    "docs/deploy.md shows the file.",
    code="E001",
    raised=DeploymentError,
)
_PARTS: Final = ("lakes", "instance", "servers", "access", "spark", "keys", "introspection")
_DATABASE: Final = ("host", "port", "database", "sslmode")
_LAKES: Final = ("catalogs", "buckets", "endpoint", "region", "credentials")
_CREDENTIAL: Final = ("user", "password", "key", "secret", "session_token")
_SERVERS: Final = ("ui", "daemon", "domains", "start", "runs", "runs_per_domain", "patience")
_ACCESS: Final = ("url", "token", "proxies", "user_header", "groups_header")
_SPARK: Final = ("url", "token", "scheme")


def current_deployment() -> Deployment | None:
    """The deployment of this process; None for the embedded mode.

    Raises DeploymentError E001 and E002 with every fault of the file.
    """
    path = DEPLOYMENT.file()
    if path is None:
        return None
    seen = path.stat()
    return _read_once(path, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=4)
def _read_once(path: Path, changed: int, size: int) -> Deployment:
    return read_deployment(path)


def read_deployment(path: Path) -> Deployment:
    """A deployment file. Raises DeploymentError E001 and E002 with every fault of it."""
    file = open_leniently(path, FILE)
    file.has_only(_PARTS, "C010", path.name)
    read = _Reader(path, file.faults.errors)
    found = Deployment(
        path,
        read.lakes(file["lakes"]) if "lakes" in file.mapping() else None,
        read.instance(file["instance"]) if "instance" in file.mapping() else None,
        read.servers(file["servers"]) if "servers" in file.mapping() else None,
        read.access(file["access"]) if "access" in file.mapping() else None,
        read.spark(file["spark"]) if "spark" in file.mapping() else None,
        read.path_of(file, "keys"),
        read.path_of(file, "introspection"),
    )
    if file.faults.errors:
        raise DeploymentError(*file.faults.quotable())
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """The parts of a file. A wrong part is an error in ``errors``, and what is returned is then not used."""

    path: Path
    errors: list[Diagnostic]

    def lakes(self, node: Node) -> Lakes:
        node.has_only(_LAKES, "C010", "lakes")
        buckets = self.needed(node, "buckets", "mesh-{lake}")
        if buckets and not re.fullmatch(r"[a-z0-9.-]*\{lake\}[a-z0-9.-]*", buckets):
            node["buckets"].error("C010", f'"{buckets}" is not a name of buckets', "such as mesh-{lake}")
        endpoint = node.text("endpoint")
        if endpoint is not None and not re.fullmatch(r"https?://[\w.:-]+", endpoint):
            node["endpoint"].error("C010", f'"{endpoint}" is not an address', "such as http://127.0.0.1:8333")
        entries = node["credentials"]
        credentials = {name: self.credential(entries[name]) for name in entries.mapping()}
        if not credentials:
            node.error("C010", "lakes declares no credentials", "credentials of analysts and of each domain")
        return Lakes(
            self.database(node["catalogs"]),
            buckets,
            credentials,
            node.key_place(),
            endpoint,
            node.text("region") or "us-east-1",
        )

    def credential(self, node: Node) -> Credential:
        node.has_only(_CREDENTIAL, "C010", "credentials")
        return Credential(
            self.needed(node, "user", str(node.pointer[-1])),
            node.key_place(),
            secret_reference(node, "password", "E002"),
            node.text("key"),
            secret_reference(node, "secret", "E002"),
            secret_reference(node, "session_token", "E002"),
        )

    def instance(self, node: Node) -> Instance:
        node.has_only((*_DATABASE, "user", "password"), "C010", "instance")
        user, password = self.needed(node, "user", "dagster"), secret_reference(node, "password", "E002")
        return Instance(self.database(node, also=True), Credential(user, node.key_place(), password))

    def database(self, node: Node, *, also: bool = False) -> Database:
        if not also:
            node.has_only(_DATABASE, "C010", "catalogs")
        host, name = self.needed(node, "host", "db.example.com"), self.needed(node, "database", "lakes")
        port = self.number(node, "port", 5432, most=65535)
        return Database(Address(host, port, node.key_place()), name, node.text("sslmode"))

    def servers(self, node: Node) -> Servers:
        node.has_only(_SERVERS, "C010", "servers")
        domains = node["domains"]
        replicas = {
            name: tuple(self.address(item) for item in domains[name].elements()) for name in domains.mapping()
        }
        ui = self.address(node["ui"]) if node.get("ui") is not None else None
        known = (UI, DAEMON, *replicas)
        for item in node["start"].elements():
            if item.value not in known:
                item.error("C010", f'unknown server "{item.value}"', known=known)
        return Servers(
            replicas,
            ui,
            node.texts("start"),
            self.number(node, "runs", 8),
            self.number(node, "runs_per_domain", 2),
            self.number(node, "patience", 600),
        )

    def access(self, node: Node) -> Access:
        node.has_only(_ACCESS, "C010", "access")
        url = node.text("url")
        if url is not None and not re.fullmatch(r"https?://[\w.:-]+/?", url):
            node["url"].error("C010", f'"{url}" is not an address', "such as https://mesh.example.com")
        if not node["proxies"].elements():
            node.error("C010", "access declares no proxies", "proxies: [10.0.0.7], who send the user's name")
        for key in ("user_header", "groups_header"):
            if (name := node.text(key)) is not None and not re.fullmatch(r"[\w-]+", name, re.ASCII):
                node[key].error("C010", f'"{name}" is not a name of a header', "such as X-Forwarded-User")
        return Access(
            tuple(self.networks(node["proxies"])),
            url and url.rstrip("/").lower(),
            secret_reference(node, "token", "E002"),
            (node.text("user_header") or "x-forwarded-user").lower(),
            (node.text("groups_header") or "x-forwarded-groups").lower(),
        )

    def spark(self, node: Node) -> Spark:
        node.has_only(_SPARK, "C010", "spark")
        url, scheme = self.needed(node, "url", "sc://spark.example.com:15002"), node.text("scheme") or "s3"
        # A token among the parameters would be a secret in plain text.
        if url and not re.fullmatch(r"sc://[\w.-]+(:\d{1,5})?(/(;(?!token=)[\w-]+=[\w.-]+)*)?", url):
            example = "such as sc://spark.example.com:15002, with the token in its own key"
            node["url"].error("C010", "url is not an address of Spark Connect", example)
        if scheme not in ("s3", "s3a"):
            node["scheme"].error("C010", f'unknown scheme "{scheme}"', known=("s3", "s3a"))
        return Spark(url, node.key_place(), secret_reference(node, "token", "E002"), scheme)

    def networks(self, node: Node) -> Iterator[IPv4Network | IPv6Network]:
        for item in node.elements():
            try:
                yield ip_network(str(item.value))
            except ValueError:
                item.error("C010", f'"{item.value}" is not an address of a proxy', "such as 10.0.0.7")

    def address(self, node: Node) -> Address:
        found = re.fullmatch(r"([\w.-]+|\[[0-9a-fA-F:]+\]):(\d{1,5})", str(node.value))
        if found is None or not 0 < int(found[2]) < 65536:
            node.error("C010", f'"{node.value}" is not an address of a server', "such as 127.0.0.1:4000")
        return Address(found[1] if found else "", int(found[2]) if found else 0, node.place())

    def needed(self, node: Node, key: str, example: str) -> str:
        text = node.text(key)
        if not text and node.get(key) in (None, ""):
            node.lacks([key], "C010", str(node.pointer[-1]), f"{key}: {example}")
        return text or ""

    def number(self, node: Node, key: str, default: int, *, most: int = 100_000) -> int:
        value = default if node.get(key) is None else node.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most:
            return value
        node[key].error("C010", f"{key} is {value}", f"a whole number from 1 to {most}")
        return default

    def path_of(self, node: Node, key: str) -> Path | None:
        text = node.text(key)
        return self.path.parent / Path(text).expanduser() if text else None
