"""`deploy`: the examples are read by the platform, valid for what runs them, and name each other's parts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from mesh_command import ROOT

from platform_core.cli import main
from platform_core.deployment.file import Deployment, read_deployment
from platform_core.source.workspace import read_locations

DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
LOCATIONS = {location.name for location in read_locations(ROOT)}
Manifest = dict[str, Any]


def manifests(kind: str) -> dict[str, Manifest]:
    documents = (each for path in MANIFESTS for each in yaml.safe_load_all(path.read_text()))
    return {each["metadata"]["name"]: each for each in documents if each["kind"] == kind}


@pytest.fixture(scope="module")
def in_kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    path = tmp_path_factory.mktemp("kubernetes") / "mesh.deployment.yaml"
    path.write_text(manifests("ConfigMap")["mesh-deployment"]["data"]["mesh.deployment.yaml"])
    return read_deployment(path)


def test_the_example_names_every_location() -> None:
    found = read_deployment(DEPLOY / "mesh.deployment.yaml")
    assert found.servers is not None
    assert found.lakes is not None
    assert set(found.servers.domains) == LOCATIONS
    assert set(found.lakes.credentials) == LOCATIONS | {"analysts", "admin"}


def test_the_compose_file_of_the_example_is_valid(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MESH_DEPLOYMENT", str(DEPLOY / "mesh.deployment.yaml"))
    assert main(["deploy", "compose"]) == 0
    compose = tmp_path / "compose.yaml"
    compose.write_text(capsys.readouterr().out)
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    found = subprocess.run([*schema, str(compose)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_manifests_are_valid(path: Path) -> None:
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", str(path)]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "passed" in found.stdout + found.stderr


def test_pods_are_the_code_servers_of_the_deployment_file(in_kubernetes: Deployment) -> None:
    """Name, port, principal and secrets; each StatefulSet has the headless Service that names its pods."""
    servers, lakes, services = in_kubernetes.servers, in_kubernetes.lakes, manifests("Service")
    assert servers is not None
    assert lakes is not None
    pods: dict[str, tuple[str, ...]] = {}
    for name, found in manifests("StatefulSet").items():
        spec, (container,) = found["spec"], found["spec"]["template"]["spec"]["containers"]
        location = container["args"][-1]
        port = container["ports"][0]["containerPort"]
        assert services[spec["serviceName"]]["spec"]["clusterIP"] == "None"
        assert container["command"][-1] == str(port)
        pods[location] = tuple(f"{name}-{number}.{name}:{port}" for number in range(spec["replicas"]))
        variables = {each["name"]: each.get("value") for each in container["env"]}
        credential = lakes.credentials[location]
        references = {s["env"] for s in (credential.password, credential.secret) if isinstance(s, dict)}
        own = {"MESH_DEPLOYMENT", "MESH_PRINCIPAL", "DAGSTER_INSTANCE_PASSWORD"}
        assert set(variables) == references | own
        assert variables["MESH_PRINCIPAL"] == location
    assert pods == {name: tuple(map(str, each)) for name, each in servers.domains.items()}
    assert set(pods) == LOCATIONS


def test_no_manifest_has_a_secret_and_no_pod_is_root() -> None:
    assert manifests("Secret") == {}
    for kind in ("StatefulSet", "Deployment"):
        for found in manifests(kind).values():
            pod = found["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["automountServiceAccountToken"] is False
            for container in pod["containers"]:
                assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
                for each in container["env"]:
                    secret = re.search("SECRET|PASSWORD|CLIENT", each["name"])
                    assert set(each) == {"name", "valueFrom" if secret else "value"}


def test_only_the_proxy_reaches_the_ui(in_kubernetes: Deployment) -> None:
    assert in_kubernetes.servers is not None
    assert in_kubernetes.access is not None
    assert str(in_kubernetes.servers.ui) == "127.0.0.1:3000"
    assert [str(each) for each in in_kubernetes.access.proxies] == ["127.0.0.1/32"]
    policies = manifests("NetworkPolicy")
    assert policies["nothing-else"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    (rule,) = policies["ui"]["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 4180}]
    (rule,) = policies["code-servers"]["spec"]["ingress"]
    assert {each["podSelector"]["matchLabels"]["app"] for each in rule["from"]} == {"ui", "daemon"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units_are_valid(path: Path, tmp_path: Path) -> None:
    unit = tmp_path / path.name.replace("@", "@sales")
    # The programs are on the server, not here.
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE))
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True
    )
    assert [line for line in found.stderr.splitlines() if unit.name in line] == []


def test_units_run_what_the_command_line_has() -> None:
    commands = [
        words
        for path in UNITS
        for words in re.findall(r"^ExecStart=\S+/mesh (\w+.*)$", path.read_text(), re.MULTILINE)
    ]
    assert sorted(commands) == ["metrics", "serve --start daemon", "serve --start ui"]


def test_the_image_copies_what_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE)
        for word in line.split()[:-1]
    }
    assert copied >= {"workspace.yaml", "dagster.yaml", "governance", "platform_core", "domains"}
    assert all((ROOT / each).exists() for each in copied)
    assert text.count("USER mesh") == text.count("\nCMD ") == 2
    assert text.count("--require-hashes") == 2
