"""A product of Spark whose input is in an object store, read with the key of its domain."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from on_servers import Deployed
from servers import spark_server
from small_mesh import SmallMesh

from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes

pytestmark = [pytest.mark.full, pytest.mark.scale]


def test_spark_reads_the_objects_of_its_input(
    mesh: SmallMesh, servers: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"AWS_ACCESS_KEY_ID": "sales-key", "AWS_SECRET_ACCESS_KEY": "sales-s3cret-key"}
    where = {"AWS_ENDPOINT": servers.store.endpoint, "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}
    with spark_server(tmp_path, **key, **where) as (_, port), dg.DagsterInstance.ephemeral() as instance:
        file = servers.root / "spark.yaml"
        file.write_text(f"{servers.file.read_text()}spark: {{url: 'sc://127.0.0.1:{port}'}}\n")
        monkeypatch.setenv("MESH_DEPLOYMENT", str(file))
        monkeypatch.setenv("MESH_PRINCIPAL", "sales")
        assert mesh.run("sales", "sales/doubled", instance).success
        with connect(current_lakes(), read=["sales"]) as connection:
            rows = connection.execute("SELECT count(*), sum(amount) FROM sales.products.doubled").fetchall()
    assert rows == [(1000, sum(2 * n * 1.5 for n in range(1000)))]
