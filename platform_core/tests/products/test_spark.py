"""Products with ``engine: spark``, on Sail, a server of Spark Connect."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from servers import free_port, spark_server
from small_mesh import DAYS, SmallMesh

from platform_core.cli.author.dry_run import dry_run
from platform_core.deployment.file import read_deployment
from platform_core.deployment.model import DeploymentError
from platform_core.diagnostics import DefinitionError
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.transaction import Stamp, transaction
from platform_core.lake.versions import stamps
from platform_core.products.makers.components import read_component
from platform_core.products.spark import spark_sql
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
  DATE '2024-01-01' + range::INTEGER AS day,
  TIMESTAMP '2024-03-30 01:02:03.456789' + INTERVAL 1 HOUR * range AS local,
  TIMESTAMPTZ '2024-03-30 01:02:03.456789+02' + INTERVAL 1 HOUR * range AS instant, range / 3 AS share,
  CASE WHEN range % 3 = 0 THEN NULL ELSE 'it''s \ "' || range END AS who, [range::INTEGER, NULL] AS tags,
  {'a': range::INTEGER, 'b': NULL::VARCHAR} AS pair
FROM range(1000)
"""
SAME = r"""
SELECT "o"."id", "big", "price", "day", "local", "instant", "share", "who", "tags", "pair"  -- it's all
FROM "orders" AS o WHERE "who" <> 'it''s \ "4' OR "who" IS NULL /* "and */
"""


def contract(**types: str) -> str:
    columns = [
        f'      - {{name: {name}, physicalType: "{kind}"{", primaryKey: true" * (name == "id")}}}\n'
        for name, kind in types.items()
    ]
    return "    properties:\n" + "".join(columns)


@pytest.fixture(scope="module")
def sail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with spark_server(tmp_path_factory.mktemp("sail")) as (_, port):
        yield port


@pytest.fixture
def spark(mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch, sail: int) -> SmallMesh:
    """A mesh with a Spark server, and the product shop/orders."""
    deployed(mesh, monkeypatch, f"sc://127.0.0.1:{sail}")
    declared(mesh)
    return mesh


def declared(mesh: SmallMesh) -> None:
    mesh.contract("shop/orders", contract(**TYPES))
    mesh.code("shop", f"@data_product\ndef orders():\n    return {ROWS!r}\n")


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


def content(mesh: SmallMesh) -> object:
    """The content hash of the published rows, which the stamp of their version has."""
    with connect(current_lakes(mesh.root), read=("other",)) as connection:
        [(_, _, facts)] = stamps(connection, "other", "other/copy", limit=1)
    return facts["content"]


def no_version(mesh: SmallMesh) -> bool:
    """Whether nothing was published, with no lake or an empty one."""
    return not current_lakes(mesh.root).exists("other") or not mesh.read(
        "SELECT 1 FROM information_schema.tables WHERE table_catalog = 'other'", "other"
    )


@pytest.mark.full
@pytest.mark.scale
def test_spark_publishes_the_rows_that_duckdb_publishes(
    spark: SmallMesh, instance: dg.DagsterInstance
) -> None:
    assert spark.run("shop", "shop/orders", instance).success
    found = {}
    for engine in ("duckdb", "spark"):
        makes(spark, SAME, engine=engine)
        result = spark.run("other", "other/copy", instance)
        assert result.success, failure(result)
        types = dict(row[:2] for row in spark.read("DESCRIBE other.products.copy", "other"))
        assert types == TYPES
        found[engine] = content(spark)
    assert found["spark"] == found["duckdb"]
    assert isinstance(found["spark"], dict)
    assert found["spark"]["rows"] == 999


@pytest.mark.full
@pytest.mark.scale
def test_sums_are_cast_to_the_types_of_the_contract(spark: SmallMesh, instance: dg.DagsterInstance) -> None:
    assert spark.run("shop", "shop/orders", instance).success
    types = {"id": "BIGINT", "price": "DECIMAL(20,4)", "rows": "BIGINT"}
    sql = 'SELECT id % 7 AS id, sum(price) AS price, count(*) AS "rows" FROM orders GROUP BY id % 7'
    found = []
    for engine in ("duckdb", "spark"):
        makes(spark, sql, engine=engine, **types)
        result = spark.run("other", "other/copy", instance)
        assert result.success, failure(result)
        found.append(content(spark))
    assert found[0] == found[1]


@pytest.mark.full
@pytest.mark.scale
@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT id, no_function(id) AS big FROM orders", ("E073", "no_function", "products.py:")),
        ("SELECT id, who::BIGINT AS big FROM orders", ("E073",)),
        ('SELECT id, big FROM parquet."/etc/passwd"', ("D027", "not an input")),
        ("SELECT id, reflect('java.lang.System', 'exit', 1) AS big FROM orders", ("D027", "reflect")),
        ("SELECT id, $$ ' $$ AS big FROM orders", ("D027", "not available")),
        ("SELECT id, big FROM orders; SELECT 1", ("D005",)),
        ("SELECT id, id FROM orders", ("id_1",)),
    ],
)
def test_sql_that_spark_refuses_publishes_nothing(
    spark: SmallMesh, instance: dg.DagsterInstance, sql: str, words: tuple[str, ...]
) -> None:
    assert spark.run("shop", "shop/orders", instance).success
    makes(spark, sql, id="INTEGER", big="BIGINT")
    result = spark.run("other", "other/copy", instance)
    assert not result.success
    assert all(word in failure(result) for word in words), failure(result)
    assert "Traceback" not in failure(result)
    assert no_version(spark)


@pytest.mark.full
@pytest.mark.scale
def test_versions_that_their_files_do_not_hold_are_refused(
    spark: SmallMesh, instance: dg.DagsterInstance
) -> None:
    assert spark.run("shop", "shop/orders", instance).success
    makes(spark, "SELECT id, big FROM orders", id="INTEGER", big="BIGINT")
    with connect(spark.lakes, write=["shop"]) as connection:
        connection.execute("DELETE FROM shop.products.orders WHERE id = 3")
        product, stamp = spark.registry.get("shop/orders"), Stamp(run_id="run-1", asset="shop/orders")
        with transaction(connection, spark.lakes, "shop", holder="a test") as commit:
            connection.execute("DELETE FROM shop.products.orders WHERE id = 4")
            commit.sign(stamp, {"kind": "table", "rows": 998, "rows_written": 0, "partition": None})
    result = spark.run("other", "other/copy", instance)
    assert "E074" in failure(result)
    assert f"{product.id} is a view, or has deleted rows" in failure(result)
    assert no_version(spark)


@pytest.mark.full
@pytest.mark.scale
def test_types_that_spark_reads_as_others_are_refused(spark: SmallMesh, instance: dg.DagsterInstance) -> None:
    spark.contract("shop/orders", contract(id="INTEGER", key="UUID"))
    spark.code("shop", "@data_product\ndef orders():\n    return 'SELECT 1::INTEGER AS id, uuid() AS key'\n")
    assert spark.run("shop", "shop/orders", instance).success
    makes(spark, "SELECT id, key FROM orders", id="INTEGER", key="UUID")
    assert 'the column "key" of type UUID' in failure(spark.run("other", "other/copy", instance))
    makes(spark, "SELECT id FROM orders", id="INTEGER")
    assert spark.run("other", "other/copy", instance).success


@pytest.mark.full
@pytest.mark.scale
def test_an_input_without_rows_has_its_columns(spark: SmallMesh, instance: dg.DagsterInstance) -> None:
    spark.code("shop", f"@data_product\ndef orders():\n    return {f'SELECT * FROM ({ROWS}) LIMIT 0'!r}\n")
    assert spark.run("shop", "shop/orders", instance).success
    makes(spark, SAME)
    result = spark.run("other", "other/copy", instance)
    assert result.success, failure(result)
    assert spark.read("SELECT count(*) FROM other.products.copy", "other") == [(0,)]


@pytest.mark.full
@pytest.mark.scale
@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE"])
def test_a_partition_reads_its_own_rows(spark: SmallMesh, instance: dg.DagsterInstance, kind: str) -> None:
    logical = "date" if kind == "DATE" else f'timestamp, physicalType: "{kind}"'
    days = DAYS.replace("logicalType: timestamp", f"logicalType: {logical}")
    rows = (
        f"SELECT (TIMESTAMP '2024-03-30 05:00:00' + INTERVAL 1 DAY * range)::{kind} AS sold, range AS amount"
    )
    for product, head, sql in (
        ("shop/orders", "", f"{rows} FROM range(2)"),
        ("other/copy", "inputs={'orders': 'shop/orders'}, engine='spark'", "SELECT * FROM orders"),
    ):
        domain, name = product.split("/")
        takes = "orders" if head else ""
        spark.contract(product, days)
        spark.code(domain, f"@data_product({head})\ndef {name}({takes}) -> str:\n    return {sql!r}\n")
    assert spark.run("shop", "shop/orders", instance, ("2024-03-30", "2024-04-01")).success
    result = spark.run("other", "other/copy", instance, "2024-03-31")
    assert result.success, failure(result)
    assert spark.read("SELECT amount FROM other.products.copy", "other") == [(1,)]


@pytest.mark.full
@pytest.mark.scale
@pytest.mark.parametrize(("url", "code"), [("sc://127.0.0.1:{port}", "E072"), ("", "E071")])
def test_without_a_server_nothing_is_published(
    spark: SmallMesh, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, url: str, code: str
) -> None:
    assert spark.run("shop", "shop/orders", instance).success
    makes(spark, SAME)
    if url:
        deployed(spark, monkeypatch, url.format(port=free_port()))
    else:
        monkeypatch.delenv("MESH_DEPLOYMENT")
    result = spark.run("other", "other/copy", instance)
    assert code in failure(result)
    assert "Traceback" not in failure(result)
    assert no_version(spark)


@pytest.mark.full
@pytest.mark.scale
def test_a_server_that_dies_publishes_nothing(
    mesh: SmallMesh, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is killed when the first rows have arrived, of a billion."""
    with spark_server(tmp_path) as (server, port):
        deployed(mesh, monkeypatch, f"sc://127.0.0.1:{port}")
        declared(mesh)
        assert mesh.run("shop", "shop/orders", instance).success
        makes(mesh, "SELECT a.id, b.big FROM orders a, orders b, orders c", id="INTEGER", big="BIGINT")
        ended = threading.Event()

        def kill() -> None:
            while not ended.wait(0.05):
                if any(file.stat().st_size > 1_000_000 for file in mesh.root.rglob("__result.arrow")):
                    server.kill()
                    return

        watcher = threading.Thread(target=kill)
        watcher.start()
        result = mesh.run("other", "other/copy", instance)
        ended.set()
        watcher.join()
    assert "E072" in failure(result)
    assert no_version(mesh)
    assert not list(mesh.root.rglob("__result.arrow"))


def test_a_component_has_the_engine(mesh: SmallMesh) -> None:
    mesh.contract("other/copy", contract(id="INTEGER"))
    mesh.code("other", "")
    folder = "domains/other/src/other/defs/copy"
    mesh.write(f"{folder}/copy.sql", "SELECT id FROM orders")
    body = "type: platform_core.components.DataProduct\nattributes:\n  sql: copy.sql\n  engine: {}\n"
    read = "  inputs: {{orders: {}}}\n"
    file = mesh.write(f"{folder}/defs.yaml", (body + read).format("spark", "shop/orders"))
    assert read_component(file, "other").engine == "spark"
    for engine, reads in (("flink", "shop/orders"), ("spark", "{source: till/orders, path: /orders.csv}")):
        mesh.write(f"{folder}/defs.yaml", (body + read).format(engine, reads))
        with pytest.raises(DefinitionError) as refused:
            read_component(file, "other")
        [fault] = refused.value.diagnostics
        assert (fault.code, fault.place and fault.place.path) == ("E070", file)


@pytest.mark.parametrize(
    ("declared", "takes"),
    [
        ("inputs={'orders': 'shop/orders'}, engine='spark'", "orders"),
        ("inputs={'orders': 'shop/orders'}, engine='spark'", "orders) -> list[dict]:  # ("),
        ("inputs={'raw': Source('till/raw', path='/raw.csv')}, engine='spark'", "raw) -> str:  # ("),
        ("inputs={'orders': Input('shop/orders', changes=True)}, engine='spark'", "orders) -> str:  # ("),
        ("engine='flink'", ""),
    ],
)
def test_other_products_cannot_have_the_engine(mesh: SmallMesh, declared: str, takes: str) -> None:
    mesh.contract("other/copy", contract(id="INTEGER"))
    file = mesh.code("other", f"\n@data_product({declared})\ndef copy({takes}):\n    return ''\n")
    with pytest.raises(DefinitionError) as refused:
        mesh.definitions("other")
    [fault] = refused.value.diagnostics
    assert (fault.code, fault.place and (fault.place.path, fault.place.line)) == ("E070", (file, 5))


def test_a_file_cannot_have_the_engine(mesh: SmallMesh) -> None:
    mesh.contract("shop/orders", contract(id="INTEGER"))
    table = contract(id="INTEGER").replace(
        "    properties:", "    physicalType: file\n    physicalName: copy.csv\n    properties:"
    )
    mesh.contract("other/copy", table)
    mesh.code(
        "other",
        "@data_product(inputs={'orders': 'shop/orders'}, engine='spark')\n"
        "def copy(orders) -> str:\n    return 'SELECT id FROM orders'\n",
    )
    with pytest.raises(DefinitionError, match="cannot have the engine spark: it is a file"):
        mesh.definitions("other")


def test_a_check_without_data_runs_sql_of_both_engines(
    mesh: SmallMesh, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh.contract("shop/orders", contract(id="INTEGER", day="DATE"))
    makes(mesh, "SELECT id, year(day)::INTEGER AS big FROM orders", id="INTEGER", big="INTEGER")
    dry_run("other/copy", mesh.registry, mesh.root)
    assert "E075" not in capsys.readouterr().err
    del sys.modules["other.products"]
    sql = "SELECT id, date_format(day, 'yyyy')::INTEGER AS big FROM orders"
    makes(mesh, sql, id="INTEGER", big="INTEGER")
    dry_run("other/copy", mesh.registry, mesh.root)
    assert "warning[E075]" in capsys.readouterr().err


def test_names_and_texts_have_the_quotes_of_spark() -> None:
    query = """SELECT "a""b`c" AS x, 'it''s \\ "q" -- no' AS y /* "c */ FROM "t" -- '"""
    written = "SELECT `a\"b``c` AS x, 'it\\'s \\\\ \"q\" -- no' AS y   FROM `t`  "
    assert spark_sql(query) == written


@pytest.mark.parametrize("part", ["$$x$$", "E'\\''", "x'00'", "/* /* */ 1 */ 1"])
def test_texts_that_the_engines_split_differently_are_refused(part: str) -> None:
    with pytest.raises(NotAllowed):
        spark_sql(f"SELECT {part} AS x")


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("{url: 'http://spark:15002'}", "E001"),
        ("{url: 'sc://spark:15002/;token=s3cret'}", "E001"),
        ("{url: 'sc://spark', token: s3cret}", "E002"),
        ("{url: 'sc://spark', scheme: gs}", "E001"),
        ("{url: 'sc://spark', user: me}", "E001"),
        ("{scheme: s3a}", "E001"),
    ],
)
def test_a_wrong_server_in_the_deployment_file(mesh: SmallMesh, part: str, code: str) -> None:
    file = mesh.write("mesh.deployment.yaml", f"spark: {part}\n")
    with pytest.raises(DeploymentError) as refused:
        read_deployment(file)
    [fault] = refused.value.diagnostics
    assert fault.code == code
    assert "s3cret" not in fault.message
    assert str(file) in f"{fault.place} {fault.message}"


def test_parameters_of_a_server_stay(mesh: SmallMesh) -> None:
    url = "sc://spark.example.com:443/;x-databricks-cluster-id=1234-ab"
    file = mesh.write("mesh.deployment.yaml", f"spark: {{url: '{url}', token: {{env: T}}, scheme: s3a}}\n")
    found = read_deployment(file).spark
    assert found is not None
    assert (found.url, found.token, found.scheme) == (url, {"env": "T"}, "s3a")
