"""`mesh deploy compose`: a valid compose file, with the secrets of each domain alone, as references."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_mesh import SmallMesh

from platform_core.cli import main

DEPLOYMENT = """
lakes:
  catalogs: {host: db, database: lakes}
  buckets: mesh-{lake}
  credentials:
    shop: {user: shop, password: {env: PG_SHOP}, key: shop, secret: {env: S3_SHOP}}
    crew: {user: crew, password: {file: secrets/crew}}
    admin: {user: admin, password: {env: PG_ADMIN}}
instance: {host: db, database: dagster, user: dagster, password: {env: PG_DAGSTER}}
servers:
  ui: ui:8080
  domains: {shop: [shop-0:4000, shop-1:4001], crew: [crew:4000]}
"""


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallMesh:
    mesh = SmallMesh.make(tmp_path / "a $mesh", "shop", "crew")
    for name in ("shop", "crew"):
        mesh.location(name)
    text = '[tool.platform-core]\nenvironment = ["MESH_SECRET_SHOP_DB", "OMP_NUM_THREADS"]\n'
    mesh.write("domains/shop/pyproject.toml", text)
    mesh.write("mesh.deployment.yaml", DEPLOYMENT)
    monkeypatch.chdir(mesh.root)
    monkeypatch.setenv("MESH_DEPLOYMENT", "mesh.deployment.yaml")
    monkeypatch.setenv("PG_SHOP", "hunter2")
    return mesh


def composed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, dict[str, Any]]:
    assert main(["deploy", "compose", *words]) == 0
    text = capsys.readouterr().out
    return text, yaml.safe_load(text)["services"]


def test_each_server_is_a_service(
    mesh: SmallMesh, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text, services = composed(capsys, "--image-prefix", "registry.example.com/mesh/")
    assert set(services) == {"shop-0", "shop-1", "crew", "ui", "daemon", "metrics"}
    assert services["shop-1"]["image"] == "registry.example.com/mesh/shop"
    assert services["shop-1"]["command"][3:9] == ["api", "grpc", "--host", "0.0.0.0", "--port", "4001"]
    assert services["shop-1"]["healthcheck"]["test"][-1] == "4001"
    assert services["shop-0"]["volumes"][0]["source"] == f"{mesh.root}/mesh.deployment.yaml".replace(
        "$", "$$"
    )
    assert all(each["volumes"][0]["read_only"] for each in services.values())
    assert "--no-login" not in text
    assert not any("ports" in each for each in services.values())
    (tmp_path / "compose.yaml").write_text(text)
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    found = subprocess.run([*schema, str(tmp_path / "compose.yaml")], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_a_service_gets_the_secrets_of_its_domain_as_references(
    mesh: SmallMesh, capsys: pytest.CaptureFixture[str]
) -> None:
    text, services = composed(capsys)
    secrets = {
        name: {key for key, value in each["environment"].items() if value.startswith("${")}
        for name, each in services.items()
    }
    own = {"DAGSTER_INSTANCE_PASSWORD"}
    shop = own | {"PG_SHOP", "S3_SHOP", "MESH_SECRET_SHOP_DB"}
    assert secrets == {
        "shop-0": shop, "shop-1": shop, "crew": own, "ui": own, "daemon": own, "metrics": own,
    }  # fmt: skip
    assert services["crew"]["environment"]["DAGSTER_INSTANCE_PASSWORD"] == "${PG_DAGSTER:?}"
    assert services["crew"]["environment"]["MESH_PRINCIPAL"] == "crew"
    assert not {"hunter2", "PG_ADMIN"} & set(text.replace("$", " ").split())
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("crew: [crew:4000]", "", "E060"),
        ("  ui: ui:8080\n", "", "E060"),
        ("shop-1:4001", "shop-0:4001", "E061"),
        ("shop-1:4001", "10.0.0.7:4001", "E061"),
        ("crew:4000", "daemon:4000", "E061"),
        ("crew:4000", "ui:4000", "E061"),
    ],
)
def test_a_server_that_compose_cannot_name_is_refused(
    mesh: SmallMesh, capsys: pytest.CaptureFixture[str], old: str, new: str, code: str
) -> None:
    assert DEPLOYMENT.count(old) == 1
    mesh.write("mesh.deployment.yaml", DEPLOYMENT.replace(old, new))
    assert main(["deploy", "compose"]) == 1
    found = capsys.readouterr()
    assert found.out == ""
    assert f"error[{code}]" in found.err
    assert "mesh.deployment.yaml" in found.err


def test_without_a_deployment_there_is_nothing_to_write(
    mesh: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MESH_DEPLOYMENT")
    assert main(["deploy", "compose"]) == 1
    assert "E060" in capsys.readouterr().err
