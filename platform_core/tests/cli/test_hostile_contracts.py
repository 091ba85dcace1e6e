"""A contract is data: none of its texts runs, and only declared files are opened."""

# ruff: noqa: E501 - a contract has one line for a column, however long
from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import yaml
from small_mesh import SmallMesh, here

from platform_core.cli.author.dry_run import dry_run
from platform_core.diagnostics import DefinitionError, Place, PlatformError
from platform_core.lake.connect import connect
from platform_core.products.column_use import of_model
from platform_core.products.evaluate import evaluate, judge
from platform_core.products.inputs.bind import in_memory
from platform_core.products.inputs.rows import no_rows
from platform_core.products.makers.lookup import find_maker
from platform_core.products.result import sql_faults
from platform_core.registry.lookup import Registry
from platform_core.sql.engine import lock_down, trial

pytestmark = pytest.mark.full

BAIT = "Xanthippe-7731"
LINES = """\
apiVersion: v3.2.0
kind: DataContract
id: sales/lines
version: 1.0.0
status: active
domain: sales
name: lines
tags: [retail]
description: {purpose: What was sold., usage: Join it., limitations: Few.}
team: {name: sales-team}
support: [{channel: "#sales", tool: slack, url: "https://chat.example.com"}]
roles: [{role: "domain:shop", access: read}, {role: analysts, access: masked}]
slaProperties:
  - {property: latency, value: 5, unit: h, scheduler: cron, schedule: "0 5 * * *", customProperties: [{property: timezone, value: America/New_York, vendor: platform-core}]}
  - {property: latency, value: 2, unit: days, element: lines.sold}
  - {property: retention, value: 1, unit: y}
schema:
  - name: lines
    physicalType: table
    description: One row each.
    customProperties:
      - {property: partitions, vendor: platform-core, value: {every: month, start: 2017-01-01, end: 2018-01-01, timezone: America/New_York}}
      - {property: maskedAs, value: lines_masked, vendor: platform-core}
    properties:
      - {name: id, logicalType: integer, physicalType: BIGINT, primaryKey: true, description: Number., customProperties: [{property: mask, value: {method: hash, key: line}, vendor: platform-core}]}
      - {name: amount, logicalType: number, physicalType: "DECIMAL(10,2)", classification: internal, logicalTypeOptions: {minimum: 0}}
      - {name: sold, logicalType: timestamp, physicalType: TIMESTAMP, partitioned: true, required: true, logicalTypeOptions: {minimum: 2017-01-01T00:00:00Z, format: yyyy}}
      - {name: kind, logicalType: string, physicalType: VARCHAR, enum: [{value: a}], tags: [retail]}
      - {name: part, physicalType: 'STRUCT("x" INTEGER)[]', logicalType: array, items: {logicalType: object}}
      - {name: who, logicalType: string, classification: confidential, tags: [personal], customProperties: [{property: mask, value: {method: generalize, groups: {young: [kid], old: [gran]}, other: else}, vendor: platform-core}]}
      - {name: code, logicalType: string, physicalType: VARCHAR, logicalTypeOptions: {pattern: "^[a-z]+$", minLength: 1}, quality: [{metric: missingValues, name: none, arguments: {missingValues: [n/a]}, mustBe: 0, unit: rows}, {metric: invalidValues, arguments: {validValues: [x, y]}, mustBeLessThan: 5, unit: percent}]}
      - {name: other, logicalType: integer, relationships: [{to: sales/lines.odcs.yaml#/schema/lines/properties/id, customProperties: [{property: severity, value: warning, vendor: platform-core}]}]}
    quality:
      - {metric: rowCount, mustBeBetween: [1, 5000]}
      - {metric: duplicateValues, arguments: {properties: [id, code]}, mustBe: 0}
      - {type: sql, name: sane, description: Sane., query: "SELECT count(*) FROM ${table} WHERE amount < 0", mustBe: 0, severity: warning}
"""
CODE = """
    @data_product(inputs={"lines": "sales/lines"})
    def totals(lines: Table) -> str:
        return f"SELECT 1::BIGINT AS id, 1.5::DOUBLE AS amount FROM {lines}"
"""
SQL = """
    SELECT 1::BIGINT AS id, 1.5::DECIMAL(10,2) AS amount, TIMESTAMP '2017-01-02' AS sold, 'a' AS kind,
        [{'x': 1::INTEGER}] AS part, 'kid' AS who, 'x' AS code, 1::BIGINT AS other
"""
MADE = f"""
    @data_product
    def lines() -> str:
        return {SQL!r}
"""
ALL_TEXTS = (
    "INTEGER AS x; COPY (SELECT 1) TO '{out}'; --",
    "a'); COPY (SELECT 1) TO '{out}'; --",
    "a\"; COPY (SELECT 1) TO '{out}'; --",
    "a' || (SELECT content FROM read_text('{bait}')) || '",
    "SELECT count(*) FROM read_text('{bait}')",
    "ENUM('a\0', 'b')",
)
TEXTS = [ALL_TEXTS[0], *(pytest.param(text, marks=pytest.mark.full) for text in ALL_TEXTS[1:])]
TREE: dict[str, Any] = yaml.safe_load(LINES)


def leaves(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of a document's texts, and of field names that the author chooses."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] * isinstance(value, str) + [
        found for key, inner in items for found in leaves(inner, (*at, key))
    ]


def changed(pointer: tuple[Any, ...], text: str) -> str:
    """The contract with one text replaced."""
    tree = copy.deepcopy(TREE)
    parent = tree
    for key in pointer[:-1]:
        parent = parent[key]
    parent[pointer[-1]] = text
    return yaml.safe_dump(tree, sort_keys=False)


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallMesh]:
    with here(tmp_path / "mesh", "sales", "shop") as mesh:
        (tmp_path / "bait").write_text(BAIT)
        mesh.contract("shop/totals")
        mesh.code("shop", CODE)
        mesh.code("sales", MADE)
        for domain in ("shop", "sales"):
            monkeypatch.syspath_prepend(mesh.root / "domains" / domain / "src")
        yield mesh


def attempt(mesh: SmallMesh, registry: Registry, product: str) -> str:
    """The diagnostics of a product's check, and of its rules on an empty table, each once."""
    said = []
    for work in (dry_run, judged):
        try:
            said.append(repr(work(product, registry, mesh.root)))
        except PlatformError as error:
            faults = error.diagnostics
            said.append(str(error) if len(set(faults)) == len(faults) else "said twice")
    assert "said twice" not in said
    return "\n".join(said)


def judged(name: str, registry: Registry, root: Path) -> object:
    product = registry.get(name)
    with in_memory() as connection, sql_faults(name, product.place):
        return judge(connection, product, no_rows(product), {rule.kind for rule in product.rules})


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("where", ["own", "registry"])
def test_no_text_of_a_contract_runs(where: str, text: str, mesh: SmallMesh, tmp_path: Path) -> None:
    out, bait = tmp_path / "out", tmp_path / "bait"
    nasty = text.format(out=out, bait=bait)
    shared = tmp_path / "shared"
    folder = shared / "sales" if where == "registry" else mesh.root / "domains" / "sales" / "contracts"
    path = folder / "lines.odcs.yaml"
    path.parent.mkdir(parents=True)
    if where == "registry":
        shutil.rmtree(mesh.root / "domains" / "sales")
    products = ["shop/totals", "sales/lines_masked", "sales/lines"][: 1 if where == "registry" else 3]
    path.write_text(yaml.safe_dump(TREE, sort_keys=False))
    registry = Registry(mesh.root / "domains", "contracts", shared if where == "registry" else None)
    assert "error[" not in "".join(attempt(mesh, registry, product) for product in products)
    for pointer in leaves(TREE):
        path.write_text(changed(pointer, nasty))
        registry = Registry(mesh.root / "domains", "contracts", shared if where == "registry" else None)
        for product in products:
            assert BAIT not in attempt(mesh, registry, product), pointer
        assert not out.exists(), pointer
    assert bait.read_text() == BAIT


REACHING = {
    "another file": ("SELECT 1::BIGINT AS id, 1.5 AS amount FROM read_text('{bait}')", False),
    "a folder": ("SELECT 1::BIGINT AS id, 1.5 AS amount FROM glob('{bait}*')", False),
    "the declared file": ("SELECT 1::BIGINT AS id, x::DOUBLE AS amount FROM {rows}", True),
}


@pytest.fixture(params=REACHING)
def reaching(request: pytest.FixtureRequest, mesh: SmallMesh, tmp_path: Path) -> bool:
    """A function whose SQL reads a file, and whether it declares the file."""
    sql, allowed = REACHING[request.param]
    file = mesh.write("rows.csv", "x\n1.5\n")
    sql = sql.format(bait=tmp_path / "bait", file=file, rows="{rows}")
    source = f'Source("files/rows", path="{file}")'
    code = (
        f"@data_product(inputs={{'rows': {source}}})\ndef totals(rows: Table) -> str:\n    return f{sql!r}\n"
    )
    mesh.code("shop", code)
    return allowed


def test_a_check_opens_only_declared_files(reaching: bool, mesh: SmallMesh) -> None:
    assert ("error[D" not in attempt(mesh, mesh.registry, "shop/totals")) == reaching


def test_a_run_opens_only_declared_files(
    reaching: bool, mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    assert mesh.run("shop", "shop/totals", instance).success == reaching


def test_introspection_runs_no_sql_of_a_model(mesh: SmallMesh, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for sql in (f"SELECT 1 AS id; COPY (SELECT 1) TO '{out}'", f"COPY (SELECT 1) TO '{out}'"):
        assert of_model(sql, {}, Place(out)).produced is None
    assert not out.exists()


def test_made_up_rows_open_only_declared_files(reaching: bool, mesh: SmallMesh) -> None:
    function = find_maker(mesh.registry.get("shop/totals"), mesh.root)
    assert function is not None
    if reaching:
        assert evaluate(function).failed == []
    else:
        with pytest.raises(DefinitionError):
            evaluate(function)


def refused(con: duckdb.DuckDBPyConnection, *statements: str) -> None:
    for statement in (*statements, "SET enable_external_access = true", "INSTALL httpfs"):
        with pytest.raises(duckdb.Error):
            con.execute(statement)


def test_foreign_sql_is_tried_without_access_to_files(tmp_path: Path) -> None:
    bait, rows, out = tmp_path / "bait", tmp_path / "rows.csv", tmp_path / "out"
    bait.write_text(BAIT)
    rows.write_text("x\n1.5\n")
    reading = (f"FROM read_text('{bait}')", f"FROM glob('{tmp_path}/*')", f"COPY (SELECT 1) TO '{out}'")
    refused(trial(), *reading, f"FROM read_csv('{rows}')")
    with in_memory([rows]) as con:
        assert con.execute(f"FROM read_csv('{rows}')").fetchall() == [(1.5,)]
        refused(con, *reading, "COPY (SELECT 1) TO '.tmp/out'")


def test_a_run_cannot_open_other_lakes(mesh: SmallMesh, tmp_path: Path) -> None:
    mesh.contract("other/totals")
    for product in ("shop/totals", "other/totals"):
        mesh.publish(product)
    with connect(mesh.lakes, write=["shop"]) as con:
        lock_down(con, folders=[mesh.lakes.data_folder("shop")])
        files = {path: f"FROM read_parquet('{path}')" for path in mesh.lakes.root.rglob("*.parquet")}
        for path, read in files.items():
            if path.is_relative_to(mesh.lakes.folder("shop")):
                assert len(con.execute(read).fetchall()) == 3
            else:
                refused(con, read)
        # SQLite's own extension opens files past DuckDB: whose catalog it is, the judgement of names decides.
        con.execute(f"ATTACH 'ducklake:sqlite:{mesh.lakes.catalog_file('other')}' AS stolen (READ_ONLY)")
        refused(con, "FROM stolen.products.totals", f"FROM read_text('{tmp_path}/bait')")
        con.execute("CREATE OR REPLACE TABLE shop.products.totals AS SELECT 1 AS id, 2.5 AS amount")
    assert mesh.read("FROM shop.products.totals") == [(1, 2.5)]
