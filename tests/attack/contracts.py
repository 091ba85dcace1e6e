"""The reach of the texts of a contract: quality SQL runs on the writing connection, in its transaction.

The walls are ``names`` (the text is checked), ``plan`` (the reads in DuckDB's plan are compared with the
table and the inputs) and ``lock`` (the connection cannot read other files or change settings). An attempt
succeeded if its query returned a number, since each asks for an ungranted one, or if it wrote something.
"""

# ruff: noqa: E501 - an attempt has one line, however long
from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import pytest
from attack.sandbox import Sandbox, in_a_child, sandbox, some
from cli import test_hostile_contracts as texts_of
from small_mesh import here

from platform_core.contracts.model import Rule
from platform_core.lake.connect import connect
from platform_core.products.inputs.resolve import published_table
from platform_core.products.inputs.versions import versions_read
from platform_core.quality import query_checks
from platform_core.quality.audit import audit
from platform_core.registry.lookup import Registry
from platform_core.sql.engine import lock_down

WALLS = ("names", "plan", "lock")
OWN, INPUT = "sales/later", "sales/transactions"
TABLE = "sales.products.later"

QUERIES = {
    # Tables
    "another product of the lake": "SELECT max(id) FROM sales.products.costs",
    "a product of another lake": "SELECT max(id) FROM hr.products.staffing",
    "a product by its id": 'SELECT max(id) FROM "hr/staffing"',
    "a product by domain and name": "SELECT max(id) FROM hr.staffing",
    "staging": "SELECT max(id) FROM sales.staging.pinned",
    "the input past its pinned version": "SELECT max(id) FROM sales.products.transactions",
    "an earlier version of the input": "SELECT max(id) FROM sales.products.transactions AT (VERSION => {old})",
    "an earlier version of the input's id": 'SELECT max(id) FROM "sales/transactions" AT (VERSION => {old})',
    "an input's insertions": "SELECT count(*) FROM ducklake_table_insertions('sales', 'products', 'costs', 0, 9)",
    "an input's changes": "SELECT count(*) FROM ducklake_table_changes('sales', 'products', 'costs', 0, 9)",
    "the name that stands for the table": "SELECT max(id) FROM __table",
    "a join": "SELECT max(s.id) FROM ${{table}}, hr.products.staffing s",
    "a scalar subquery": "SELECT (SELECT max(id) FROM hr.products.staffing) FROM ${{table}} LIMIT 1",
    "a lateral subquery": "SELECT max(x.id) FROM ${{table}}, LATERAL (FROM hr.products.staffing) x",
    "a condition": "SELECT count(*) FROM ${{table}} WHERE EXISTS (FROM hr.products.staffing)",
    "a branch that is never taken": "SELECT count(*) FROM ${{table}} WHERE false AND EXISTS (FROM hr.products.staffing)",
    "a union": "SELECT max(id) FROM (FROM ${{table}} UNION ALL SELECT id, 1 FROM hr.products.staffing)",
    "a CTE": "WITH t AS (FROM hr.products.staffing) SELECT max(id) FROM t",
    "a CTE named as the input": 'WITH "sales/transactions" AS (FROM hr.products.staffing)'
    ' SELECT max(id) FROM "sales/transactions"',
    "the Kelvin sign in a CTE": 'WITH "duc\u212adb_tables" AS (SELECT 1) SELECT count(*) FROM duckdb_tables',
    "a pivot": "SELECT count(*) FROM (FROM hr.products.staffing) PIVOT (max(id) FOR id IN (1))",
    "a summary": "SELECT count(*) FROM (SUMMARIZE hr.products.staffing)",
    "order": "SELECT max(id) FROM ${{table}} ORDER BY (SELECT max(id) FROM hr.products.staffing)",
    # The catalog
    "tables": "SELECT count(*) FROM duckdb_tables()",
    "tables by the standard": "SELECT count(*) FROM information_schema.tables",
    "databases": "SELECT count(*) FROM duckdb_databases()",
    "the catalog's own tables": "SELECT count(*) FROM __ducklake_metadata_sales.ducklake_table",
    "the catalog as a file of SQLite": "SELECT count(*) FROM sqlite_scan('{catalog}', 'ducklake_table')",
    "a catalog that is not attached": "SELECT count(*) FROM sqlite_scan('{restricted}', 'ducklake_table')",
    "versions": "SELECT max(snapshot_id) FROM ducklake_snapshots('sales')",
    "files of a table": "SELECT count(*) FROM ducklake_list_files('sales', 'costs', schema => 'products')",
    # Files
    "a file of another product": "SELECT max(id) FROM '{costs}'",
    "a file of a restricted product": "SELECT max(id) FROM '{employees}'",
    "a file by read_parquet": "SELECT max(id) FROM read_parquet('{costs}')",
    "statistics of a file": "SELECT count(*) FROM parquet_metadata('{costs}')",
    "a file of CSV": "SELECT count(*) FROM read_csv('{bait}/s.csv')",
    "a file of JSON": "SELECT count(*) FROM '{bait}/s.json'",
    "passwords": "SELECT max(length(content)) FROM read_text('/etc/passwd')",
    "names of files": "SELECT count(*) FROM glob('{lakes}/**')",
    # Names in strings
    "query()": "SELECT count(*) FROM query('FROM hr.products.staffing')",
    "query_table()": "SELECT count(*) FROM query_table('hr.products.staffing')",
    "serialized SQL": "SELECT count(*) FROM json_execute_serialized_sql("
    "json_serialize_sql('FROM hr.products.staffing'))",
    "a plan": "SELECT length(json_serialize_plan('FROM hr.products.staffing'))",
    # Functions
    "a setting": "SELECT ascii(current_setting('temp_directory'))",
    "a key of a mask": "SELECT getvariable('mesh_mask_x_inner')",
    "a log": "SELECT count(*) FROM enable_logging(storage := 'file', storage_path := '{out}')",
    "profiling": "SELECT count(*) FROM enable_profiling(format := 'json', save_location := '{out}')",
    # Statements
    "several statements": "SELECT 1; DROP TABLE sales.products.costs",
    "several statements, the last a count": "DELETE FROM sales.products.costs; SELECT 7731",
    "several statements, one of the table": "DELETE FROM ${{table}}; SELECT 1",
    "a comment that hides the next": "SELECT 1 /* ; */; DELETE FROM sales.products.costs; SELECT 1",
    "deletion": "DELETE FROM ${{table}}",
    "attachment": "ATTACH '{out}'",
    "a copy": "COPY (SELECT 1) TO '{out}'",
    "a copy over a file of the lake": "COPY (SELECT 1 AS id) TO '{costs}' (FORMAT parquet, USE_TMP_FILE false)",
    "a copy after the query": "SELECT 1; COPY (SELECT 1 AS id) TO '{costs}' (FORMAT parquet, USE_TMP_FILE false)",
    "explain a copy": "EXPLAIN ANALYZE COPY (SELECT 1 AS id) TO '{costs}' (FORMAT parquet, USE_TMP_FILE false)",
    "a setting after the query": "SELECT 1; SET enable_external_access = true; SELECT count(*) FROM '{bait}/s.csv'",
    "an option of the lake": "CALL sales.set_option('data_inlining_row_limit', 9)",
    "expired versions": "SELECT count(*) FROM ducklake_expire_snapshots('sales', versions => [1])",
    "deleted files": "SELECT count(*) FROM ducklake_cleanup_old_files('sales', cleanup_all => true)",
    "a macro": "CREATE MACRO m() AS TABLE FROM hr.products.staffing; SELECT count(*) FROM m()",
    "a prepared statement": "PREPARE p AS SELECT max(id) FROM hr.products.staffing; EXECUTE p",
    "a view over the table": "CREATE OR REPLACE VIEW sales.products.costs AS FROM hr.products.staffing; SELECT 1",
}
PLAN_ALONE = {
    *("a setting", "a key of a mask", "a plan", "deletion", "a copy over a file of the lake"),
    *("several statements", "several statements, one of the table", "a copy after the query"),
    "an option of the lake",
}
"""What a plan does not show: settings, variables, and statements that are no query."""


@dataclass(frozen=True)
class Writing:
    """The connection that writes ``sales/later``, as a run has it: inside of its transaction."""

    box: Sandbox
    connection: duckdb.DuckDBPyConnection

    @classmethod
    @contextmanager
    def begun(cls, box: Sandbox, *, locked: bool) -> Iterator[Writing]:
        lakes = box.mesh.lakes
        with connect(lakes, write=["sales"], read=["hr"]) as connection:
            connection.execute("SET VARIABLE mesh_mask_x_inner = 7731")
            if locked:
                lock_down(connection, folders=[lakes.data_folder("sales"), lakes.data_folder("hr")])
            connection.execute(
                f"BEGIN; CREATE TABLE {TABLE} AS SELECT range AS id, 1 AS amount FROM range(3)"
            )
            yield cls(box, connection)
            connection.execute("ROLLBACK")

    def asked(self, query: str) -> bool:
        """Whether a rule's query came through."""
        place = self.box.registry.get(OWN).place
        rule = Rule("q", "sql", place, (), query=query)
        known = {INPUT: self.box.registry.get(INPUT)}
        versions = versions_read(self.connection, known.values())
        resolve = partial(published_table, self.connection, known, versions)
        before = self._rows()
        try:
            product = self.box.registry.get(OWN)
            [outcome] = audit(self.connection, [rule], TABLE, product=product, resolve=resolve)
        except duckdb.Error:  # it broke more than the query
            return True
        return (
            outcome.observed is not None or self.box.shown(query, outcome.message) or self._rows() != before
        )

    def _rows(self) -> object:
        try:
            return self.connection.execute(
                f"SELECT (SELECT count(*) FROM {TABLE}), (SELECT count(*) FROM sales.products.costs)"
            ).fetchone()
        except duckdb.TransactionException:  # a query that failed while it ran: nothing is published
            return (3, 3)
        except duckdb.Error:
            return None


def queries(box: Sandbox) -> dict[str, str]:
    """Rules by their names."""
    lakes = box.mesh.lakes
    with connect(lakes, read=["sales"]) as connection:
        last = versions_read(connection, [box.registry.get(INPUT)])[INPUT]
    words = {
        "lakes": lakes.root,
        "old": last - 1,
        "out": box.root / "work" / "out",
        "bait": box.bait,
        "catalog": lakes.catalog_file("sales"),
        "restricted": lakes.catalog_file("hr_restricted"),
        "costs": next((lakes.data_folder("sales") / "products" / "costs").glob("*.parquet")),
        "employees": next((lakes.data_folder("hr_restricted") / "products" / "employees").glob("*.parquet")),
    }
    return {name: query.format(**words) for name, query in QUERIES.items()}


def attempts(
    folder: Path, walls: Collection[str] = WALLS, most: int | None = None
) -> Iterator[tuple[str, bool]]:
    """Each rule with whether it came through; ``most`` limits their number."""
    with sandbox(folder) as box, pytest.MonkeyPatch.context() as patch:
        if "names" not in walls:
            patch.setattr(query_checks, "tables_read", lambda sql: ())
        if "plan" not in walls:
            patch.setattr(query_checks, "require_reads", lambda *_: None)
        found = queries(box)
        box.changed()  # from now on
        for name, query in some(found, most):
            came = in_a_child(partial(_asked, box, query, "lock" in walls))
            yield name, came | _spoiled(box)


def _asked(box: Sandbox, query: str, locked: bool) -> bool:
    with Writing.begun(box, locked=locked) as writing:
        return writing.asked(query)


def _spoiled(box: Sandbox) -> bool:
    """Whether more was written than a run writes that is given up."""
    return box.changed(but=re.compile(r"/(catalog\.sqlite.*|lake\.lock|later/.*)$"))


def texts(folder: Path, _: Collection[str] = (), most: int | None = None) -> Iterator[tuple[str, bool]]:
    """Statements in place of every text of a contract; each with whether one was run."""
    with here(folder / "mesh", "sales", "shop") as mesh, pytest.MonkeyPatch.context() as patch:
        out, bait = folder / "out", folder / "bait"
        bait.write_text(texts_of.BAIT)
        mesh.contract("shop/totals")
        mesh.code("shop", texts_of.CODE)
        mesh.code("sales", texts_of.MADE)
        for domain in ("shop", "sales"):
            patch.syspath_prepend(mesh.root / "domains" / domain / "src")
        path = mesh.root / "domains" / "sales" / "contracts" / "lines.odcs.yaml"
        path.parent.mkdir(parents=True)
        for name, (pointer, text) in some(_places(), most):
            path.write_text(texts_of.changed(pointer, text.format(out=out, bait=bait)))
            registry = Registry(mesh.root / "domains", "contracts", None)
            said = "".join(texts_of.attempt(mesh, registry, p) for p in ("shop/totals", "sales/lines"))
            yield name, texts_of.BAIT in said or out.exists()
            out.unlink(missing_ok=True)


def _places() -> Mapping[str, tuple[tuple[object, ...], str]]:
    return {
        f"{text[:30]} in {'.'.join(map(str, pointer))}": (pointer, text)
        for text in texts_of.ALL_TEXTS
        for pointer in texts_of.leaves(texts_of.TREE)
    }
