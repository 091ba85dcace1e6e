"""The reach of a product's function with the objects that it gets: an engine, relations, and the SQL it
returns.

A function is Python and can open every file of its user; these attempts use only the objects that it gets.
The walls are ``engine`` (it gets a sealed engine, not the writing connection), ``names`` (the SQL that it
returns is checked), ``plan`` (the reads in DuckDB's plan are compared with the inputs) and ``lock`` (the
writing connection is locked down). An attempt succeeded if a secret was published or shown, or if anything
but the product was changed.
"""

# ruff: noqa: E501 - an attempt has one line, however long
from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import Any

import dagster as dg
import duckdb
import pytest
from attack.sandbox import SECRET, Sandbox, in_a_child, sandbox, some

from platform_core.lake.connect import connect
from platform_core.lake.engine import extension_path
from platform_core.lake.publication import tables
from platform_core.lake.versions import history
from platform_core.products import result
from platform_core.products.assets import table

WALLS = ("engine", "names", "plan", "lock")
PRODUCT = "sales/later"
READ = "[(n,)] = c.execute({!r}).fetchall()\nreturn f'SELECT {{n}} AS id, 1.5 AS amount FROM {{a}} LIMIT 1'"
WRITE = "c.execute({!r})\nreturn f'FROM {{a}}'"
TOLD = "raise ValueError(c.execute({!r}).fetchall())"

READS = {
    "another product": "SELECT max(id) FROM sales.products.costs",
    "an earlier version": "SELECT count(*) FROM sales.products.transactions AT (VERSION => {old})",
    "insertions": "SELECT count(*) FROM ducklake_table_insertions('sales', 'products', 'costs', 0, 99)",
    "staging": "SELECT count(*) FROM sales.staging.pinned",
    "a file of another product": "SELECT max(id) FROM read_parquet('{costs}')",
    "a restricted product's file": "SELECT max(id) FROM '{employees}'",
    "a catalog": "SELECT count(*) FROM sqlite_scan('{catalog}', 'ducklake_table')",
    "the catalog's own tables": "SELECT count(*) FROM __ducklake_metadata_sales.ducklake_table",
    "a bait": "SELECT max(b) FROM read_csv('{bait}/s.csv')",
    "passwords": "SELECT max(length(content)) FROM read_text('/etc/passwd')",
    "a key of a mask": "SELECT getvariable('mesh_mask_employee_inner')",
    "an extension": "LOAD '{extension}'; SELECT count(*) FROM sqlite_scan('{catalog}', 'ducklake_table')",
    "a setting that unlocks": "SET enable_external_access = true; SELECT max(b) FROM read_csv('{bait}/s.csv')",
    "another database": "ATTACH '{bait}/s.duckdb' AS z; SELECT count(*) FROM z.t",
    "made-up names": "SELECT count(*) FROM read_parquet('mesh://hr/employees/0')",
    "names of files": "SELECT count(*) FROM glob('{lakes}/**')",
}
WRITES = {
    "replace another product": "CREATE OR REPLACE TABLE sales.products.costs AS SELECT 1 AS id",
    "drop another product": "DROP TABLE sales.products.costs",
    "delete the input": "DELETE FROM sales.products.transactions",
    "insert into the input": "INSERT INTO sales.products.transactions VALUES (9, 9)",
    "a new product": "CREATE TABLE sales.products.sneaked AS SELECT 1 AS id",
    "a view in place of a product": "CREATE OR REPLACE VIEW sales.products.sneaked AS SELECT 1 AS id",
    "an option of the lake": "CALL sales.set_option('parquet_compression', 'zstd')",
    "expired versions": "CALL ducklake_expire_snapshots('sales', versions => [2])",
    "over the granted file": "COPY (SELECT 1 AS id) TO 'mesh://a/0' (FORMAT parquet, USE_TMP_FILE false)",
    "over the granted file as CSV": "COPY (SELECT 1 AS id) TO 'mesh://a/0' (FORMAT csv, USE_TMP_FILE false)",
    "over another's file": "COPY (SELECT 1 AS id) TO '{costs}' (FORMAT parquet, USE_TMP_FILE false)",
    "a file": "COPY (SELECT 1 AS id) TO '{out}'",
    "a database": "ATTACH '{out}' AS z; CREATE TABLE z.t AS SELECT 1",
    "an export": "EXPORT DATABASE '{out}'",
    "a log": "CALL enable_logging(storage = 'file', storage_path = '{out}')",
}
RETURNED = {
    "a product beside": "SELECT max(id) AS id, 1.5 AS amount FROM sales.products.costs",
    "a subquery": "SELECT (SELECT max(id) FROM sales.products.costs) AS id, 1.5 AS amount FROM a",
    "a branch that is never taken": "SELECT id, amount FROM a WHERE false OR EXISTS (FROM sales.products.costs)",
    "a CTE named as the input": "WITH a AS (FROM sales.products.costs) SELECT max(id) AS id, 1.5 AS amount FROM a",
    "the Kelvin sign in a CTE": 'WITH "duc\u212adb_tables" AS (SELECT 1) SELECT count(*) AS id, 1.5 AS amount'
    " FROM duckdb_tables",
    "an earlier version": "SELECT count(*) AS id, 1.5 AS amount FROM sales.products.transactions"
    " AT (VERSION => {old})",
    "the input past its version": "SELECT id, amount::DOUBLE AS amount FROM sales.products.transactions",
    "insertions": "SELECT count(*) AS id, 1.5 AS amount FROM ducklake_table_insertions('sales', 'products',"
    " 'costs', 0, 99)",
    "a file": "SELECT max(id) AS id, 1.5 AS amount FROM '{costs}'",
    "a file by read_parquet": "SELECT max(id) AS id, 1.5 AS amount FROM read_parquet('{costs}')",
    "a restricted file": "SELECT max(id) AS id, 1.5 AS amount FROM read_parquet('{employees}')",
    "passwords": "SELECT max(length(content)) AS id, 1.5 AS amount FROM read_text('/etc/passwd')",
    "the catalog": "SELECT count(*) AS id, 1.5 AS amount FROM duckdb_tables()",
    "a catalog as a file": "SELECT count(*) AS id, 1.5 AS amount FROM sqlite_scan('{catalog}', 'ducklake_table')",
    "query()": "SELECT max(id) AS id, 1.5 AS amount FROM query('FROM sales.products.costs')",
    "query_table()": "SELECT max(id) AS id, 1.5 AS amount FROM query_table('sales.products.costs')",
    "a key of a mask": "SELECT length(getvariable('mesh_mask_employee_inner')) AS id, 1.5 AS amount FROM a",
    "a setting": "SELECT length(current_setting('temp_directory')) AS id, 1.5 AS amount FROM a",
    "several statements": "FROM a; DROP TABLE sales.products.costs",
    "a comment before the next": "SELECT id, amount FROM a /* ; */; DELETE FROM sales.products.costs",
    "a bracket that closes": "SELECT id, amount FROM a); DROP TABLE sales.products.costs; SELECT (1",
    "deletion": "DELETE FROM sales.products.costs",
    "a copy": "COPY (FROM a) TO '{out}'",
    "a log": "SELECT 1 AS id, 1.5 AS amount FROM enable_logging(storage := 'file', storage_path := '{out}')",
}
BODIES = {
    # The methods of a connection and of a relation.
    "read_parquet of a connection": "return c.read_parquet('{costs}').project('id, 1.5 AS amount')",
    "read_csv of a connection": "return c.read_csv('{bait}/s.csv').project('b AS id, 1.5 AS amount')",
    "read_json of a connection": "return c.read_json('{bait}/s.json').project('1 AS id, 1.5 AS amount')",
    "a table of a connection": "return c.table('sales.products.costs').project('id, 1.5 AS amount')",
    "another cursor": "return c.cursor().sql('SELECT id, 1.5 AS amount FROM sales.products.costs')",
    "a copy of the connection": "return c.duplicate().sql('SELECT id, 1.5 AS amount FROM sales.products.costs')",
    "query of a relation": "return a.relation().query('x', 'SELECT id, 1.5 AS amount FROM sales.products.costs')",
    "a subquery in a filter": "return a.relation().filter('EXISTS (FROM sales.products.costs)')",
    "a subquery in a projection": "return a.relation().project("
    "'(SELECT max(id) FROM sales.products.costs) AS id, 1.5 AS amount')",
    "write_parquet of a relation": "a.relation().write_parquet('{costs}')\nreturn f'FROM {{a}}'",
    "write_csv of a relation": "a.relation().write_csv('{out}')\nreturn f'FROM {{a}}'",
    "write over the granted file": "a.relation().write_parquet('mesh://a/0')\nreturn f'FROM {{a}}'",
    "create of a relation": "a.relation().create('sales.products.sneaked')\nreturn f'FROM {{a}}'",
    "insert_into of a relation": "a.relation().insert_into('sales.products.costs')\nreturn f'FROM {{a}}'",
    "insert into the input": "a.relation().insert_into('sales.products.transactions')\nreturn f'FROM {{a}}'",
    "load_extension": "c.load_extension('{extension}')\n"
    "return c.sql(\"SELECT count(*) AS id, 1.5 AS amount FROM sqlite_scan('{catalog}', 'ducklake_table')\")",
    "the name of an input made anew": "c.execute('CREATE OR REPLACE TEMP VIEW a AS FROM sales.products.costs')\n"
    "return f'SELECT id, 1.5 AS amount FROM {{a}}'",
    "a name of the platform's": "c.execute('CREATE OR REPLACE TEMP VIEW __result AS FROM sales.products.costs')\n"
    "return 'SELECT id, 1.5 AS amount FROM __result'",
    # What stays after the function.
    "a transaction left open": "c.execute('BEGIN')\nc.execute('DELETE FROM sales.products.costs')\n"
    "return f'FROM {{a}}'",
    "a relation read later": "r = c.sql('SELECT id, 1.5 AS amount FROM sales.products.costs')\nreturn r",
    "metadata of the platform's": "return Result(f'FROM {{a}}', metadata={{'mesh/version': 1, 'x': "
    'c.execute("SELECT max(id) FROM sales.products.costs").fetchone()[0]}})',
}
SOURCES = {
    "a link to another product's file": ("parquet", "{costs}"),
    "a link to a restricted product's file": ("parquet", "{employees}"),
    "a link to the folder of a lake": ("parquet", "{costs_folder}"),
    "a link to a link": ("parquet", "{link}"),
}


def functions(box: Sandbox) -> dict[str, str]:
    """Modules by the names of their attempts."""
    lakes = box.mesh.lakes
    with connect(lakes, read=["sales"]) as connection:
        _, before, *_ = history(connection, box.registry.get("sales/transactions"))
    costs = next((lakes.data_folder("sales") / "products" / "costs").glob("*.parquet"))
    words: dict[str, Any] = {
        "old": before.version,
        "costs": costs,
        "costs_folder": costs.parent,
        "employees": next((lakes.data_folder("hr_restricted") / "products" / "employees").glob("*.parquet")),
        "catalog": lakes.catalog_file("hr_restricted"),
        "extension": extension_path("sqlite_scanner"),
        "lakes": lakes.root,
        "bait": box.bait,
        "out": box.root / "work" / "out",
        "link": box.root / "bait" / "link.parquet",
    }
    words["link"].symlink_to(costs)
    bodies = {f"read {name}": READ.format(sql.format(**words)) for name, sql in READS.items()}
    bodies |= {f"tell {name}": TOLD.format(sql.format(**words)) for name, sql in READS.items()}
    bodies |= {f"write {name}": WRITE.format(sql.format(**words)) for name, sql in WRITES.items()}
    bodies |= {f"return {name}": f"return {sql.format(**words)!r}" for name, sql in RETURNED.items()}
    bodies |= {name: body.format(**words) for name, body in BODIES.items()}
    found = {name: _module(body) for name, body in bodies.items()}
    for number, (name, (suffix, target)) in enumerate(SOURCES.items()):
        link = box.root / "bait" / f"{number}.{suffix}"
        link.symlink_to(target.format(**words))
        for path, read in ((link, "f'SELECT id, 1.5 AS amount FROM {s}'"), (f"{link}/*", "s[0].rows")):
            source = f', "s": Source("files/s", path={str(path)!r})'
            found[f"{name}{'' if path == link else ', as an inbox'}"] = _module(f"return {read}", source)
    return found


def _module(body: str, source: str = "") -> str:
    inputs = f'{{"a": Input("sales/transactions", columns=("id", "amount")){source}}}'
    arguments = "a, s" if source else "a: Table"
    return f"@data_product(inputs={inputs})\ndef later({arguments}):\n    c = a.connection\n{indent(body, '    ')}\n"


@contextmanager
def standing(walls: Collection[str]) -> Iterator[None]:
    """Keep only some of the walls, around a real run."""
    with pytest.MonkeyPatch.context() as patch:
        if "engine" not in walls:
            patch.setattr(table, "sealed_inputs", _writing)
            patch.setattr(result, "streamed", _viewed)
        if "names" not in walls:
            patch.setattr(result, "inputs_read", lambda *_: ("a",))
        if "plan" not in walls:
            patch.setattr(tables, "require_reads", lambda *_: None)
        if "lock" not in walls:
            patch.setattr(table, "lock_down", lambda *_, **__: None)
        yield


@contextmanager
def _writing(_: object, writer: duckdb.DuckDBPyConnection, *_others: object) -> Iterator[Callable[[], Any]]:
    yield lambda: writer


def _viewed(_: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation) -> str:
    """A relation of the writing connection itself, which would wait for itself if it were streamed."""
    relation.create_view("shown")
    return "SELECT * FROM shown"


def attempts(
    folder: Path, walls: Collection[str] = WALLS, most: int | None = None
) -> Iterator[tuple[str, bool]]:
    """Each with whether it came through; ``most`` limits their number."""
    with sandbox(folder) as box, standing(walls):
        found = functions(box)
        box.mesh.code("sales", "")
        box.changed()  # from now on
        for name, module in some(found, most):
            yield name, in_a_child(lambda module=module: _ran(box, module)) | box.changed(but=OWN)  # type: ignore[misc]


OWN = re.compile(
    r"^mesh/(\.mesh/lake/sales/(catalog\.sqlite.*|lake\.lock.*|data/products/later/.*|files/.*)|domains/sales/src/)"
)
"""What a run of the product may write."""


def _ran(box: Sandbox, module: str) -> bool:
    box.mesh.code("sales", module)
    before = _others(box)
    with dg.DagsterInstance.ephemeral() as instance:
        run = box.mesh.run("sales", PRODUCT, instance)
        told = [str(event) for event in run.all_events if event.is_failure]
        told += [str(event.event_specific_data) for event in run.get_asset_materialization_events()]
    published = ""
    if run.success:
        published = str(box.mesh.read("FROM sales.products.later WHERE id NOT IN (0, 1, 2)", "sales"))
        if published != "[]" or _amounts(box) != [(3, 4.5)]:
            return True
    # A stack trace tells where this Python is, which is no secret.
    files = (
        path.stem
        for lake in ("hr", "hr_restricted")
        for path in box.mesh.lakes.data_folder(lake).rglob("*.parquet")
    )
    secrets = [secret for secret in (SECRET, "root:x:0", "7731", *files) if secret not in module]
    # A number of ids, times and addresses is no salary.
    said = re.sub(r"(?<=[0-9a-f.-])7731|7731(?=[0-9a-f.-])", "", " ".join((*told, published)))
    return any(secret in said for secret in secrets) or _others(box) != before


def _amounts(box: Sandbox) -> object:
    return box.mesh.read("SELECT count(*), sum(amount) FROM sales.products.later", "sales")


def _others(box: Sandbox) -> object:
    """Tables and files of the lake, but the product's own; options of the lake."""
    return box.mesh.read(
        "SELECT t.table_name, t.begin_snapshot, t.end_snapshot, f.path, f.end_snapshot"
        " FROM __ducklake_metadata_sales.ducklake_table t"
        " LEFT JOIN __ducklake_metadata_sales.ducklake_data_file f USING (table_id)"
        " WHERE t.table_name != 'later' UNION ALL"
        " SELECT view_name, begin_snapshot, end_snapshot, sql, NULL FROM __ducklake_metadata_sales.ducklake_view"
        " UNION ALL SELECT key, NULL, NULL, value, NULL FROM __ducklake_metadata_sales.ducklake_metadata"
        " UNION ALL SELECT 'versions', min(snapshot_id), NULL, NULL, NULL"
        " FROM __ducklake_metadata_sales.ducklake_snapshot ORDER BY ALL",
        "sales",
    )
