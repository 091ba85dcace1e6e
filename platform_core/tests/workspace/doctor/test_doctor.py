"""``mesh doctor`` on real servers: what is wrong has a diagnostic of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from servers import PASSWORD, Postgres, free_port, listening, object_store, postgres
from small_mesh import SmallMesh

from platform_core.cli import main
from platform_core.workspace.doctor.checks import examine

DEPLOYMENT = """\
lakes:
  catalogs: {{host: 127.0.0.1, port: {port}, database: lakes}}
  buckets: mesh-{{lake}}
  endpoint: {endpoint}
  credentials:
    shop: {{user: shop, password: {{env: SHOP_PASSWORD}}, key: SHOP, secret: {{env: SHOP_KEY}}}}
    other: {{user: other, password: {{env: OTHER_PASSWORD}}, key: OTHER, secret: {{env: OTHER_KEY}}}}
"""
INSTANCE = """\
instance: {{host: 127.0.0.1, port: {port}, database: lakes, user: shop, password: {{env: SHOP_PASSWORD}}}}
"""
SETUP = f"""
CREATE DATABASE lakes;
REVOKE CONNECT, TEMPORARY ON DATABASE lakes FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
CREATE ROLE shop LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE other LOGIN PASSWORD '{PASSWORD}';
GRANT CONNECT ON DATABASE lakes TO shop, other;
"""
DUTIES = ("Read", "Write", "List")


def identity(name: str, *buckets: str) -> dict[str, tuple[str, list[str]]]:
    actions = [f"{duty}:{bucket}" for bucket in buckets for duty in DUTIES]
    return {name.upper(): (f"{name}-s3cret-key", actions)}


IDENTITIES = {
    **identity("shop", "mesh-shop", "gone-shop"),
    **identity("other", "mesh-other"),
    **identity("wide", "mesh-shop", "mesh-other"),
    "anonymous": ("", ["Read:mesh-open", "List:mesh-open"]),
}


@dataclass(frozen=True)
class Deployed:
    mesh: SmallMesh
    server: Postgres
    endpoint: str

    def write(self, change: Callable[[str], str] = str) -> None:
        text = DEPLOYMENT.format(port=self.server.port, endpoint=self.endpoint)
        self.mesh.write("mesh.deployment.yaml", change(text))

    def faults(self, clock: Callable[[], float] = time.time) -> dict[str, list[str]]:
        """The codes of each check that failed."""
        found = examine(self.mesh.root, clock)
        return {name: [fault.code for fault in faults] for name, faults in found if faults}

    def codes(self, clock: Callable[[], float] = time.time) -> set[str]:
        return {code for codes in self.faults(clock).values() for code in codes}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        server.run(SETUP)
        yield server


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with object_store(tmp_path_factory.mktemp("weed"), IDENTITIES) as store:
        for bucket in ("mesh-shop", "mesh-other", "mesh-open"):
            store.make(bucket)
            with store.files.open_output_stream(f"{bucket}/products/orders/1.parquet") as stream:
                stream.write(b"rows")
        yield store.endpoint


@pytest.fixture
def deployed(mesh: SmallMesh, server: Postgres, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    for name in ("SHOP", "OTHER"):
        monkeypatch.setenv(f"{name}_PASSWORD", PASSWORD)
        monkeypatch.setenv(f"{name}_KEY", f"{name.lower()}-s3cret-key")
    monkeypatch.setenv("MESH_PRINCIPAL", "shop")
    monkeypatch.setenv("MESH_DEPLOYMENT", str(mesh.root / "mesh.deployment.yaml"))
    mesh.contract("shop/orders")
    mesh.contract("other/copy")
    found = Deployed(mesh, server, endpoint)
    found.write()
    return found


pytestmark = [pytest.mark.full, pytest.mark.scale]


def test_a_deployment_without_faults(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    assert deployed.faults() == {}
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    for words in ("catalogs", "rights of roles", "bucket mesh-shop", "wall of mesh-other", "object store"):
        assert any(words in line for line in lines), words


@pytest.mark.parametrize(
    ("setting", "value", "check", "code"),
    [
        ("SHOP_PASSWORD", "wrong", "catalogs", "E081"),
        ("SHOP_KEY", "wrong", "bucket mesh-shop", "E087"),
        ("SHOP_PASSWORD", "", "catalogs", "E002"),
        ("MESH_PRINCIPAL", "nobody", "deployment file", "E003"),
    ],
)
def test_wrong_secrets(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, check: str, code: str
) -> None:
    monkeypatch.setenv(setting, value)
    assert any(name.startswith(check) and codes == [code] for name, codes in deployed.faults().items())


@pytest.mark.parametrize(
    ("old", "new", "codes"),
    [
        ("database: lakes", "database: lake", {"E082"}),
        ("database: lakes", "database: postgres", {"E082"}),
        ("port: {port}", "port: {free}", {"E080"}),
        ("endpoint: {endpoint}", "endpoint: http://127.0.0.1:{free}", {"E080", "E087"}),
        ("mesh-{{lake}}", "gone-{{lake}}", {"E086"}),
        ("mesh-{{lake}}", "unknown-{{lake}}", {"E087"}),
        ("buckets:", "bucket:", {"E001"}),
        ("secret: {{env: SHOP_KEY}}", "secret: shop-s3cret-key", {"E002"}),
    ],
)
def test_wrong_places(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], old: str, new: str, codes: set[str]
) -> None:
    known = {"port": deployed.server.port, "endpoint": deployed.endpoint, "free": free_port()}
    deployed.write(lambda text: text.replace(old.format(**known), new.format(**known)))
    assert deployed.codes() == codes
    assert main(["doctor"]) == 1
    shown = capsys.readouterr()
    assert "fault" in shown.out
    assert "mesh.deployment.yaml" in shown.err
    assert "Traceback" not in shown.err
    assert PASSWORD not in shown.out + shown.err
    assert "shop-s3cret-key" not in shown.out + shown.err


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("ALTER ROLE other SUPERUSER", "ALTER ROLE other NOSUPERUSER"),
        ("ALTER ROLE other CREATEROLE", "ALTER ROLE other NOCREATEROLE"),
        ("ALTER ROLE other CREATEDB", "ALTER ROLE other NOCREATEDB"),
        ("ALTER ROLE other BYPASSRLS", "ALTER ROLE other NOBYPASSRLS"),
        ("GRANT shop TO other", "REVOKE shop FROM other"),
        ("GRANT CREATE ON DATABASE lakes TO other", "REVOKE CREATE ON DATABASE lakes FROM other"),
        ("GRANT CONNECT ON DATABASE postgres TO other", "REVOKE CONNECT ON DATABASE postgres FROM other"),
        (
            "\\c lakes\nGRANT CREATE ON SCHEMA public TO other",
            "\\c lakes\nREVOKE CREATE ON SCHEMA public FROM other",
        ),
    ],
)
def test_a_role_that_is_too_wide(deployed: Deployed, wide: str, narrow: str) -> None:
    deployed.server.run(wide)
    try:
        [(name, codes)] = deployed.faults().items()
    finally:
        deployed.server.run(narrow)
    assert name.startswith("rights of roles")
    assert codes == ["E083"]


def test_a_key_that_is_too_wide(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "wide-s3cret-key")
    deployed.write(lambda text: text.replace("key: SHOP", "key: WIDE"))
    assert deployed.faults() == {"wall of mesh-other": ["E088"]}


def test_a_bucket_that_needs_no_key(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "owner-s3cret-key")
    deployed.mesh.contract("open/orders")
    deployed.write(lambda text: text.replace("key: SHOP", "key: OWNER").replace("    shop:", "    open:"))
    monkeypatch.setenv("MESH_PRINCIPAL", "open")
    assert deployed.faults()["bucket mesh-open"] == ["E088"]


def test_clocks_that_differ(deployed: Deployed) -> None:
    late = deployed.faults(lambda: time.time() - 60)
    assert [codes for name, codes in late.items() if name.startswith(("catalogs", "object"))] == [
        ["E085"]
    ] * 2
    assert deployed.codes(lambda: time.time() + 4) <= {"E085"}


def test_a_missing_extension(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel without its file is as one that is not installed."""
    hidden = deployed.mesh.write("hidden/duckdb_extension_httpfs/__init__.py", "").parent.parent
    monkeypatch.syspath_prepend(str(hidden))
    assert deployed.faults() == {"extension httpfs": ["L005"]}


@pytest.mark.parametrize(
    ("code", "expected"), [("import platform_core.products.definitions", None), ("", "E089")]
)
def test_servers_of_dagster(deployed: Deployed, code: str, expected: str | None) -> None:
    mesh, port, silent = deployed.mesh, free_port(), free_port()
    mesh.location("shop", f"{code}\ndefs = dg.Definitions()")
    servers = f"servers:\n  ui: 127.0.0.1:{silent}\n  domains: {{shop: [127.0.0.1:{port}]}}\n"
    deployed.write(lambda text: text + INSTANCE.format(port=deployed.server.port) + servers)
    command = [sys.executable, "-m", "dagster", "api", "grpc", "-m", "shop.definitions", "-p", str(port)]
    source = str(mesh.root / "domains/shop/src")
    with (mesh.root / "log").open("wb") as log:
        server = subprocess.Popen([*command, "-h", "127.0.0.1", "-d", source], stdout=log, stderr=log)
    name, dark = f"code server of shop at 127.0.0.1:{port}", {f"UI at 127.0.0.1:{silent}": ["E080"]}
    try:
        listening(server, port)
        assert deployed.faults() == ({name: [expected]} if expected else {}) | dark
    finally:
        server.terminate()
        server.wait()
    assert deployed.faults() == {name: ["E080"]} | dark


def test_an_embedded_mesh(
    mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh.contract("shop/orders")
    mesh.publish("shop/orders")
    assert main(["doctor"]) == 0
    assert "ok     lake shop" in capsys.readouterr().out.splitlines()
    mesh.lakes.catalog_file("shop").write_bytes(b"spoiled" * 1000)
    assert main(["doctor", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert [each["check"] for each in answer["results"] if not each["ok"]] == ["lake shop"]
    assert [each["code"] for each in answer["diagnostics"]] == ["L004"]
    monkeypatch.setenv("MESH_HOME", str(mesh.write("taken", "") / "home"))
    assert {"E090"} == {fault.code for _, faults in examine(mesh.root) for fault in faults}
