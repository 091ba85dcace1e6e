"""Products with ``engine: spark``, on Sail, a server of Spark Connect."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from servers import free_port, listening
from small_mesh import SmallMesh

from platform_core.diagnostics import DefinitionError
from platform_core.lake.versions import stamps
from platform_core.products.declare import data_product
from platform_core.products.spark import spark_sql
from platform_core.sources.source import Source
from platform_core.sql.allowed import NotAllowed

TYPES = {
    "id": "INTEGER",
    "big": "BIGINT",
    "price": "DECIMAL(18,4)",
    "day": "DATE",
    "local": "TIMESTAMP",
    "instant": "TIMESTAMP WITH TIME ZONE",
    "share": "DOUBLE",
    "who": "VARCHAR",
    "tags": "INTEGER[]",
    "pair": "STRUCT(a INTEGER, b VARCHAR)",
}
ROWS = r"""
SELECT range::INTEGER AS id, range * 3000000000 AS big, (range / 7)::DECIMAL(18,4) AS price,
  DATE '2024-01-01' + range::INTEGER AS day, TIMESTAMP '2024-03-30 01:02:03.456789' + INTERVAL 1 HOUR * range AS local,
  TIMESTAMPTZ '2024-03-30 01:02:03.456789+02' + INTERVAL 1 HOUR * range AS instant, range / 3 AS share,
  CASE WHEN range % 3 = 0 THEN NULL ELSE 'it''s \ "' || range END AS who, [range::INTEGER, NULL] AS tags,
  {'a': range::INTEGER, 'b': NULL::VARCHAR} AS pair
FROM range(1000)
"""
SUMS = r"""
SELECT "o"."id", "big", "price", "day", "local", "instant", "share", "who", "tags", "pair"  -- it's all
FROM "orders" AS o WHERE "who" <> 'it''s \ "4' OR "who" IS NULL /* "and */
"""


def contract(**types: str) -> str:
    columns = [
        f'      - {{name: {name}, physicalType: "{kind}", description: "."{", primaryKey: true" * (name == "id")}}}\n'
        for name, kind in types.items()
    ]
    return "    properties:\n" + "".join(columns)


@pytest.fixture(scope="module")
def sail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port, folder = free_port(), tmp_path_factory.mktemp("sail")
    command = [str(Path(sys.executable).with_name("sail")), "spark", "server", "--ip", "127.0.0.1"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=log)
    try:
        listening(server, port)
        yield port
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def spark(mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch, sail: int) -> SmallMesh:
    """A mesh with a Spark server, and the published product shop/orders."""
    deployed(mesh, monkeypatch, f"sc://127.0.0.1:{sail}")
    mesh.contract("shop/orders", contract(**TYPES))
    mesh.code("shop", f"@data_product\ndef orders():\n    return {ROWS!r}\n")
    return mesh


def deployed(mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    mesh.write("mesh.deployment.yaml", f"spark: {{url: '{url}'}}\n")
    monkeypatch.setenv("MESH_DEPLOYMENT", str(mesh.root / "mesh.deployment.yaml"))


def failure(result: dg.ExecuteInProcessResult) -> str:
    [event] = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data
    assert data.user_failure_data is not None, data.error
    return str(data.user_failure_data.description)


def makes(mesh: SmallMesh, sql: str, *, engine: str = "spark", **types: str) -> None:
    mesh.contract("other/copy", contract(**types or TYPES))
    mesh.code(
        "other",
        f"@data_product(inputs={{'orders': 'shop/orders'}}, engine={engine!r})\n"
        f"def copy(orders: Table) -> str:\n    return {sql!r}\n",
    )


@pytest.mark.full
@pytest.mark.scale
def test_spark_publishes_the_rows_that_duckdb_publishes(
    spark: SmallMesh, instance: dg.DagsterInstance
) -> None:
    assert spark.run("shop", "shop/orders", instance).success
    found = {}
    for engine in ("duckdb", "spark"):
        makes(spark, SUMS, engine=engine)
        result = spark.run("other", "other/copy", instance)
        assert result.success, failure(result)
        content = instance.get_latest_data_version(dg.AssetKey(["other", "copy"])) if False else None
        kinds = dict(row[:2] for row in spark.read("DESCRIBE other.products.copy", "other"))
        found[engine] = (spark.read("SELECT count(*) FROM other.products.copy", "other"), kinds, content)
    assert found["spark"] == found["duckdb"]
