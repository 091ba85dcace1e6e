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
from platform_core.deployment.file import read_deployment
from platform_core.deployment.model import Deployment
from platform_core.masking.publish import keys_of
from platform_core.registry.lookup import Registry
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


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MESH_DEPLOYMENT", str(DEPLOY / "mesh.deployment.yaml"))
    assert main(["deploy", "compose"]) == 0
    return capsys.readouterr().out


def servers_by_location(services: dict[str, Manifest]) -> dict[str, list[Manifest]]:
    found: dict[str, list[Manifest]] = {}
    for each in services.values():
        if location := each["environment"].get("MESH_PRINCIPAL"):
            found.setdefault(location, []).append(each)
    assert set(found) == LOCATIONS
    return found


def test_the_compose_file_of_the_example_is_valid(composed: str, tmp_path: Path) -> None:
    compose = tmp_path / "compose.yaml"
    compose.write_text(composed)
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    found = subprocess.run([*schema, str(compose)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_code_servers_of_two_locations_share_no_network(composed: str) -> None:
    file = yaml.safe_load(composed)
    networks: set[str] = set()
    for servers in servers_by_location(file["services"]).values():
        own = {name for each in servers for name in each["networks"]}
        assert len(own) == 1
        assert not own & (networks | {"default"})
        networks |= own
    for name in ("ui", "daemon"):
        assert set(file["services"][name]["networks"]) == networks | {"default"}
    assert "networks" not in file["services"]["metrics"]
    # None is internal: code servers reach Postgres and the object store.
    assert file["networks"] == {name: {} for name in networks | {"default"}}


def test_compose_keeps_the_keys_of_each_location_for_itself(composed: str) -> None:
    file = yaml.safe_load(composed)
    volumes: set[str] = set()
    for servers in servers_by_location(file["services"]).values():
        own = {str(mount) for each in servers for mount in each["volumes"] if mount["type"] == "volume"}
        assert len(own) == 1
        (mount,) = (each for each in servers[0]["volumes"] if each["type"] == "volume")
        assert mount["target"] == servers[0]["environment"]["MESH_KEYS"]
        assert mount["source"] not in volumes
        volumes.add(mount["source"])
        # The folder of the image, whose owner a new volume takes.
        made = f"install -d -m 700 -o mesh -g mesh {mount['target']}\n"
        assert made in (DEPLOY / "Dockerfile").read_text()
    assert file["volumes"] == {name: {} for name in volumes}


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


def test_pods_of_domains_with_hashes_keep_their_keys(in_kubernetes: Deployment) -> None:
    """A claim of the domain alone; the folder below it is made by the user of the pod, with its modes."""
    products, _ = Registry.open(ROOT).scan()
    hashing = {product.domain for product in products if product.twin_of and keys_of(product)}
    assert hashing
    assert in_kubernetes.keys is not None
    claims = {}
    for found in manifests("StatefulSet").values():
        pod = found["spec"]["template"]["spec"]
        location = pod["containers"][0]["args"][-1]
        mounts = {each["name"]: each for each in pod["containers"][0]["volumeMounts"]}
        for volume in pod["volumes"]:
            if "persistentVolumeClaim" in volume:
                claims[location] = volume["persistentVolumeClaim"]["claimName"]
                assert mounts[volume["name"]]["mountPath"] == str(in_kubernetes.keys.parent)
                assert "readOnly" not in mounts[volume["name"]]
                # Otherwise each start of a pod opens the keys to the group, and L020 refuses them.
                assert pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
    assert set(claims) == hashing
    assert len(set(claims.values())) == len(claims)
    assert set(claims.values()) == set(manifests("PersistentVolumeClaim"))


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
    assert sorted(commands) == ["metrics", "serve", "serve --start daemon", "serve --start ui"]


def test_the_unit_of_a_code_server_has_a_folder_of_keys_of_its_own() -> None:
    text = (DEPLOY / "systemd" / "mesh-code@.service").read_text()
    assert "User=mesh-%i\n" in text
    assert "MESH_KEYS=/var/lib/mesh-%i/keys\n" in text
    assert "StateDirectory=mesh-%i\nStateDirectoryMode=0700\n" in text


def test_the_unit_of_one_user_writes_the_state_of_the_laptop_alone() -> None:
    text = (DEPLOY / "systemd" / "mesh.service").read_text()
    assert re.findall("^ReadWritePaths=(.*)$", text, re.MULTILINE) == ["/srv/mesh/.mesh"]
    assert "WorkingDirectory=/srv/mesh\n" in text
    assert not re.search("^Environment=.*MESH_(HOME|PRINCIPAL)", text, re.MULTILINE)


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
