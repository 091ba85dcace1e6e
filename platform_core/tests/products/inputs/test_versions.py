"""The reads that a run records: the versions of its inputs, and the bytes of the columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from small_mesh import DAYS, SALES, SmallMesh

from platform_core.diagnostics import SourceError
from platform_core.products.inputs.inbox import deliveries
from platform_core.sources.source import Source

SHOP = """
@data_product
def sales():
    return "SELECT i AS id, i * 2.5 AS amount, 'Ada ' || i AS who FROM range(1, 2000) t(i)"
"""
MEANWHILE = """
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes

@data_product(inputs={"sales": Input("shop/sales", columns=("id", "amount"))})
def copy(sales: Table):
    with connect(current_lakes(), write=["shop"]) as other:
        other.execute("UPDATE shop.products.sales SET amount = 0")
    return sales.relation().project("id, amount, NULL::VARCHAR AS who")
"""

PARTITIONED = """

@data_product(inputs={"raw": Source("till/lines", path=PATH, time_column="sold")})
def sales(raw: Table):
    return f"SELECT sold, 1 AS amount FROM {raw}"
"""


def told(instance: dg.DagsterInstance, product: str) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(dg.AssetKey(product.split("/")))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_a_run_reads_one_version_of_an_input_whatever_is_written_meanwhile(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    mesh.contract("shop/sales", SALES)
    mesh.contract("other/copy", SALES)
    mesh.code("shop", SHOP)
    mesh.code("other", MEANWHILE)
    assert mesh.run("shop", "shop/sales", instance).success
    version = told(instance, "shop/sales")["mesh/version"]
    assert told(instance, "shop/sales")["mesh/inputs"] == {}
    assert told(instance, "shop/sales")["mesh/bytes_read"] == 0

    assert mesh.run("other", "other/copy", instance).success

    assert told(instance, "other/copy")["mesh/inputs"] == {"shop/sales": version}
    assert mesh.read("SELECT sum(amount) FROM shop.products.sales") == [(0.0,)]
    assert mesh.read("SELECT sum(amount) FROM other.products.copy", "other") == [(1999 * 1000 * 2.5,)]


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("SELECT id, amount, NULL::VARCHAR AS who FROM {sales}", ["id", "amount"]),
        ("SELECT count(*) AS id, 1.5 AS amount, NULL::VARCHAR AS who FROM {sales}", ["id"]),
        ("SELECT * FROM {sales}", ["id", "amount", "who"]),
    ],
)
def test_the_bytes_read_are_those_of_the_columns_that_the_query_uses(
    mesh: SmallMesh, instance: dg.DagsterInstance, query: str, columns: list[str]
) -> None:
    mesh.contract("shop/sales", SALES)
    mesh.contract("other/copy", SALES)
    mesh.code("shop", SHOP)
    mesh.code(
        "other",
        f"""
        @data_product(inputs={{"sales": "shop/sales"}})
        def copy(sales: Table):
            return f"{query}"
        """,
    )
    assert mesh.run("shop", "shop/sales", instance).success
    assert mesh.run("other", "other/copy", instance).success

    (file,) = mesh.read("SELECT data_file FROM ducklake_list_files('shop', 'sales', schema => 'products')")
    chunks = dict(
        mesh.read(
            "SELECT path_in_schema, sum(total_compressed_size)::BIGINT"
            f" FROM parquet_metadata('{file[0]}') GROUP BY ALL"
        )
    )
    assert told(instance, "other/copy")["mesh/bytes_read"] == sum(chunks[name] for name in columns)


def test_of_a_partitioned_input_only_the_files_of_the_partitions_read_count(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    days = ("2024-03-30", "2024-03-31", "2024-04-01")
    for product in ("shop/sales", "other/copy"):
        mesh.contract(product, DAYS)
    lines = mesh.root / "lines.csv"
    lines.write_text("\n".join(["sold", *(f"{day} 12:00:00" for day in days)]))
    mesh.code("shop", PARTITIONED.replace("PATH", repr(str(lines))))
    mesh.code(
        "other",
        """
        @data_product(inputs={"sales": "shop/sales"})
        def copy(sales: Table):
            return f"SELECT sold, amount FROM {sales}"
        """,
    )
    for day in days:
        assert mesh.run("shop", "shop/sales", instance, day).success

    assert mesh.run("other", "other/copy", instance, days[1]).success
    one = told(instance, "other/copy")["mesh/bytes_read"]
    assert mesh.run("other", "other/copy", instance, (days[0], days[-1])).success

    assert one > 0
    assert told(instance, "other/copy")["mesh/bytes_read"] == 3 * one


@pytest.mark.parametrize(
    "way", ["the path", "a link to the file", "a link to the folder", "an inbox of links"]
)
def test_a_source_cannot_read_the_mesh_s_own_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    (tmp_path / "workspace.yaml").touch()
    table = tmp_path / ".mesh/lake/hr/data/products/staffing/1.parquet"
    table.parent.mkdir(parents=True)
    table.write_bytes(b"PAR1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.parquet").symlink_to(table)
    (tmp_path / "folder").symlink_to(table.parent)
    path = {
        "the path": str(table.relative_to(tmp_path)),
        "a link to the file": "in/1.parquet",
        "a link to the folder": "folder/1.parquet",
        "an inbox of links": "in/*.parquet",
    }[way]
    source = Source("raw/x", path)
    with pytest.raises(SourceError, match=r"S003.*mesh's own state"):
        deliveries(source) if source.inbox else source.locate()


@pytest.mark.parametrize(
    "read", ["relation()", "arrow()", "connection.sql('FROM sales')", "relation().query('s', 'FROM s')"]
)
def test_a_function_reads_a_version_with_deletions(
    mesh: SmallMesh, instance: dg.DagsterInstance, read: str
) -> None:
    """The file of the year still has the old rows of a month that was published again."""
    for product in ("shop/sales", "other/copy"):
        mesh.contract(product, DAYS)
    days = ("2024-03-30", "2024-04-01")
    lines = mesh.root / "lines.csv"
    lines.write_text("\n".join(["sold", *(f"{day} 12:00:00" for day in days)]))
    mesh.code("shop", PARTITIONED.replace("PATH", repr(str(lines))))
    mesh.code(
        "other",
        f"""
        @data_product(inputs={{"sales": Input("shop/sales", columns=("sold", "amount"), partitions="all")}})
        def copy(sales: Table):
            return sales.{read}
        """,
    )
    assert mesh.run("shop", "shop/sales", instance, ("2024-03-30", "2024-04-01")).success
    assert mesh.run("shop", "shop/sales", instance, "2024-03-30").success
    files = "FROM ducklake_list_files('shop', 'sales', schema => 'products')"
    assert mesh.read(f"SELECT count(delete_file) > 0 {files}") == [(True,)]
    assert mesh.run("other", "other/copy", instance, ("2024-03-30", "2024-04-01")).success
    assert mesh.read("SELECT count(*) FROM other.products.copy", "other") == [(2,)]
    assert not list(mesh.lakes.root.glob(".spill-*/*"))
