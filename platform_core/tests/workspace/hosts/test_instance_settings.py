"""Dagster's instance in the database of a deployment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from servers import PASSWORD, Postgres, free_port, postgres
from small_mesh import AMOUNTS, SmallMesh

from platform_core.deployment.file import read_deployment
from platform_core.deployment.model import Deployment, DeploymentError
from platform_core.settings import DEPLOYMENT
from platform_core.workspace.home import Home
from platform_core.workspace.hosts.instance_settings import (
    PASSWORD as VARIABLE,
)
from platform_core.workspace.hosts.instance_settings import (
    claim_home,
    connected,
    instance_settings,
)
from platform_core.workspace.instance import shared_instance
from platform_core.workspace.records.products import checked, newest, recorded

INSTANCE = "instance: {host: 127.0.0.1, port: %d, database: shop, user: owner, password: {file: secret}}\n"
SERVERS = "servers: {domains: {shop: ['127.0.0.1:4000', '127.0.0.1:4001']}, runs: 3, patience: 50}\n"


def written(folder: Path, port: int = 5432, *, password: str = PASSWORD) -> Deployment:
    (folder / "secret").write_text(password)
    path = folder / "mesh.deployment.yaml"
    path.write_text(INSTANCE % port + SERVERS)
    return read_deployment(path)


def test_settings_of_the_mesh_stay_and_no_password_is_written(tmp_path: Path) -> None:
    own = tmp_path / "dagster.yaml"
    own.write_text("telemetry: {enabled: false}\nconcurrency: {runs: {max_concurrent_runs: 99}}\n")
    text = instance_settings(written(tmp_path), own)
    settings = json.loads(text)
    assert settings["telemetry"] == {"enabled": False}
    assert settings["concurrency"]["runs"]["max_concurrent_runs"] == 3
    assert settings["run_launcher"]["config"] == {
        "replicas": {"shop": ["127.0.0.1:4000", "127.0.0.1:4001"]},
        "patience": 50,
    }
    assert settings["run_retries"]["retry_on_asset_or_op_failure"] is False
    assert settings["storage"]["postgres"]["postgres_db"]["password"] == {"env": VARIABLE}
    assert PASSWORD not in text


def test_a_state_folder_belongs_to_one_deployment(tmp_path: Path) -> None:
    one, home = written(tmp_path), tmp_path / "home"
    home.mkdir()
    claim_home(None, home)  # a mesh without a deployment marks nothing
    assert not [*home.iterdir()]
    claim_home(one, home)
    claim_home(one, home)
    for other in (written(tmp_path, 5433), None):
        with pytest.raises(DeploymentError) as refused:
            claim_home(other, home)
        assert [each.code for each in refused.value.diagnostics] == ["E031"]


def test_the_state_of_a_mesh_without_a_deployment_is_not_mixed_with_one(tmp_path: Path) -> None:
    (tmp_path / "dagster" / "history").mkdir(parents=True)
    with pytest.raises(DeploymentError, match="a mesh without a deployment"):
        claim_home(written(tmp_path), tmp_path)
    assert not (tmp_path / "deployment").exists()


def test_a_database_that_is_down_is_a_diagnostic(tmp_path: Path) -> None:
    deployment = written(tmp_path, free_port())
    assert deployment.instance is not None
    with pytest.raises(DeploymentError) as refused, connected(deployment.instance):
        pass
    (fault,) = refused.value.diagnostics
    assert fault.code == "E030"
    assert fault.place is not None
    assert fault.place.line == 1


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.mark.full
@pytest.mark.scale
def test_a_wrong_password_is_a_diagnostic_without_it(database: Postgres, tmp_path: Path) -> None:
    deployment = written(tmp_path, database.port, password="guessed-wrong")
    assert deployment.instance is not None
    with pytest.raises(DeploymentError) as refused, connected(deployment.instance):
        pass
    assert "E030" in str(refused.value)
    assert "guessed-wrong" not in str(refused.value)


@pytest.mark.full
@pytest.mark.scale
def test_records_are_read_from_the_database(
    database: Postgres, mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = written(mesh.root, database.port)
    monkeypatch.setenv(DEPLOYMENT.name, str(deployment.path))
    monkeypatch.setenv(VARIABLE, PASSWORD)
    mesh.contract("shop/goods", AMOUNTS)
    mesh.code("shop", '@data_product\ndef goods() -> str:\n    return "SELECT 1 AS id, 2.0 AS amount"\n')
    product = mesh.registry.get("shop/goods")
    home = Home.of(mesh.root)
    assert checked(home.dagster, [product]) == {}
    home.prepare(mesh.root)
    with ThreadPoolExecutor() as pool:  # the first creates the tables, once
        opened = [*pool.map(lambda _: shared_instance(home.dagster, mesh.root, []), range(4))]
    with opened[0] as instance:
        assert mesh.run("shop", "shop/goods", instance).success
    with recorded(mesh.root) as found:
        assert found is not None
        assert newest(found, ["shop/goods"])["shop/goods"].rows == 1
        keys = [dg.AssetCheckKey(dg.AssetKey(["shop", "goods"]), rule.name) for rule in product.rules]
        latest = found.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    results = checked(home.dagster, [product])["shop/goods"]
    assert set(results) == {key.name for key in latest}
    assert {each.outcome for each in results.values()} == {"passed"}
