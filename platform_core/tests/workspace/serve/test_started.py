"""The servers that `mesh serve` starts on this machine."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

import pytest
from servers import free_port

from platform_core.deployment.file import read_deployment
from platform_core.deployment.model import Deployment, DeploymentError
from platform_core.source.workspace import Location
from platform_core.workspace.serve.started import of_deployment
from platform_core.workspace.serve.supervisor import listens

LOCATIONS = [Location(name, f"{name}.definitions", Path("python")) for name in ("shop", "crew")]


def written(folder: Path, shop: str, crew: str = "[203.0.113.9:4000]") -> Deployment:
    path = folder / "mesh.deployment.yaml"
    path.write_text(f"servers:\n  domains:\n    shop: {shop}\n    crew: {crew}\n")
    return read_deployment(path)


def test_a_machine_starts_the_replicas_that_have_its_address(tmp_path: Path) -> None:
    port = free_port()
    deployment = written(tmp_path, f"['203.0.113.9:4000', '127.0.0.1:{port}']")
    found = of_deployment(deployment, LOCATIONS, ["shop", "daemon"])
    assert [(location.name, address) for location, address in found.code] == [("shop", f"127.0.0.1:{port}")]
    assert found.services == ("daemon",)
    # The UI and the daemon know the first replica of each location, on whatever machine.
    assert [entry["grpc_server"] for entry in found.workspace] == [
        {"host": "203.0.113.9", "port": 4000, "location_name": "shop"},
        {"host": "203.0.113.9", "port": 4000, "location_name": "crew"},
    ]


@pytest.mark.parametrize("chosen", [["shpo"], [], ["crew"]], ids=["unknown", "none", "elsewhere"])
def test_servers_that_cannot_be_started_here_are_refused(tmp_path: Path, chosen: list[str]) -> None:
    with pytest.raises(DeploymentError) as refused:
        of_deployment(written(tmp_path, f"['127.0.0.1:{free_port()}']"), LOCATIONS, chosen)
    assert [each.code for each in refused.value.diagnostics] == ["E032"]


def test_a_location_without_an_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="no code server of crew"):
        of_deployment(written(tmp_path, "['127.0.0.1:4000']", "[]"), LOCATIONS, ["ui"])


def test_an_address_that_is_used_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(DeploymentError) as refused:
            of_deployment(written(tmp_path, f"['127.0.0.1:{port}']"), LOCATIONS, ["shop"])
    (fault,) = refused.value.diagnostics
    assert fault.code == "E033"
    assert fault.place is not None
    assert fault.place.line == 3


def test_a_probe_that_is_connected_to_itself_is_not_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    port, connect = free_port(), socket.create_connection
    monkeypatch.setattr(socket, "create_connection", partial(connect, source_address=("127.0.0.1", port)))
    assert not listens(f"127.0.0.1:{port}")
    monkeypatch.undo()
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert listens(f"127.0.0.1:{server.getsockname()[1]}")
