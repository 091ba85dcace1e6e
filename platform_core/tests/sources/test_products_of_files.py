"""Products out of files with tables, made by a run: what is recorded, and a kind whose extra is missing."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa
import pytest
from small_mesh import KEPT, TWO_DAYS, SmallMesh

from platform_core.diagnostics import SourceError
from platform_core.sources.source import Source
from platform_core.sources.stage_process import stage
from platform_core.sources.staging import order_of

deltalake = pytest.importorskip("deltalake")
TABLE = """\
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: public, description: "Number."}
"""
CODE = """
ROWS = {source}

@data_product(inputs={{"rows": ROWS}})
def takings(rows: Table) -> str:
    return f"SELECT id FROM {{rows}}"
"""


def an_sqlite_file(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER, note TEXT)")
        connection.execute("INSERT INTO t VALUES (1, 'a'), (2, x'00')")  # the column note is not used
        connection.commit()


def a_duckdb_file(path: Path) -> None:
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE t AS SELECT range + 1 AS id, 'a' AS note FROM range(2)")


def a_delta_table(path: Path) -> None:
    for number in (1, 2):
        rows = pa.table({"id": pa.array([number], pa.int64()), "note": ["a"]})
        deltalake.write_deltalake(path, rows, mode="append")


@pytest.mark.parametrize(
    ("make", "source", "version"),
    [
        (an_sqlite_file, 'Source.sqlite("till/rows", path={path!r}, table="t")', None),
        (a_duckdb_file, 'Source.duckdb("till/rows", path={path!r}, table="t")', None),
        (a_delta_table, 'Source.delta("till/rows", path={path!r})', 1),
    ],
    ids=["sqlite", "duckdb", "delta"],
)
def test_a_table_becomes_a_product(
    mesh: SmallMesh,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    make: Callable[[Path], None],
    source: str,
    version: int | None,
) -> None:
    path = tmp_path / "outside"
    make(path)
    mesh.contract("shop/takings", TABLE, promise=TWO_DAYS + KEPT)
    mesh.code("shop", CODE.format(source=source.format(path=str(path))))
    columns = {"id": "BIGINT", "note": "VARCHAR"}
    mesh.write("domains/shop/contracts/sources/till.rows.json", json.dumps({"columns": columns}))
    result = mesh.run("shop", "shop/takings", instance)
    assert result.success
    assert mesh.read("SELECT id FROM shop.products.takings ORDER BY id") == [(1,), (2,)]
    [made] = result.asset_materializations_for_node("shop__takings")
    recorded = made.metadata["mesh/sources"].value
    assert isinstance(recorded, dict)
    assert recorded["till/rows"]["version"] == version
    assert recorded["till/rows"]["rows"] == 2


@pytest.mark.parametrize(
    ("source", "package", "extra"),
    [
        (Source.delta("till/rows", path="outside"), "delta", "delta"),
        (Source.iceberg("till/rows", path="outside/v1.metadata.json"), "avro", "iceberg"),
        (Source.iceberg("till/rows", path="outside/v1.metadata.json"), "iceberg", "iceberg"),
    ],
)
def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Source, package: str, extra: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, f"duckdb_extension_{package}", None)
    a_delta_table(tmp_path / "outside")
    (tmp_path / "outside/v1.metadata.json").write_text('{"format-version": 2}')
    with pytest.raises(SourceError) as refused:
        stage([order_of("rows", source, {"id": "BIGINT"}, None, tmp_path)], "mesh/test", 60)
    [fault] = refused.value.diagnostics
    assert (fault.code, f"platform-core[{extra}]" in fault.message) == ("S021", True)
