"""Reads through ``granted_query``, and all known attacks on the grants."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import pytest
from small_mesh import SmallMesh, published_mesh

from platform_core.access.grants import is_granted
from platform_core.access.query import granted_query
from platform_core.diagnostics import AccessDenied, LakeError, RunError, UsageError
from platform_core.registry.lookup import Registry
from platform_core.sealed import query_process
from platform_core.sql.allowed import NotAllowed, tables_read


@cache
def registry_of(mesh: SmallMesh) -> Registry:
    return mesh.registry


def read(mesh: SmallMesh, sql: str, principal: str = "analysts") -> list[tuple[Any, ...]]:
    with granted_query(sql, principal, registry_of(mesh), mesh.lakes, mesh.root) as answer:
        return answer.rows(1000)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT sum(amount) FROM sales.transactions", [(4.5,)]),
        ('SELECT count(*) FROM "sales/transactions"', [(3,)]),
        ('FROM "Sales"."TRANSACTIONS" WHERE id = 2', [(2, 3.0)]),
        ("SELECT sales.transactions.id FROM sales.transactions ORDER BY id LIMIT 1", [(0,)]),
        ("SELECT count(*) FROM sales.pinned", [(3,)]),
        ("SELECT count(*) FROM sales.transactions t JOIN sales.pinned p USING (id)", [(3,)]),
        ("WITH t AS (FROM sales.transactions), u AS (FROM t) SELECT max(id) FROM u", [(2,)]),
        (
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) FROM r",
            [(1,), (2,), (3,)],
        ),
        ("SELECT id FROM sales.transactions WHERE id IN (SELECT max(id) FROM sales.pinned)", [(2,)]),
        ("SELECT count(*) FROM sales.transactions, unnest([1, 2]) AS x(n), range(2) AS r(i)", [(12,)]),
        ("SELECT id FROM sales.transactions UNION SELECT 0 ORDER BY id", [(0,), (1,), (2,)]),
        ("FROM (FROM sales.transactions) PIVOT (sum(amount) FOR id IN (1, 2))", [(1.5, 3.0)]),
        ("SELECT column_name FROM (DESCRIBE sales.transactions)", [("id",), ("amount",)]),
        (
            "SELECT pg_typeof(id), strftime(DATE '2017-01-02', '%d') FROM sales.transactions LIMIT 1",
            [("bigint", "02")],
        ),
        ("VALUES (1)", [(1,)]),
        (
            "-- a comment; with a semicolon\nSELECT 'FROM hr.employees; DROP' AS text;",
            [("FROM hr.employees; DROP",)],
        ),
    ],
)
def test_granted_products_by_name(mesh: SmallMesh, sql: str, rows: list[tuple[Any, ...]]) -> None:
    assert read(mesh, sql) == rows


PIVOTS = [
    "PIVOT sales.transactions ON id",
    "PIVOT sales.transactions ON id USING sum(amount); -- all",
    "pivot sales.transactions on id % 2, id > 1 using count(*), max(amount) as m group by amount limit 9",
    "PIVOT sales.transactions ON id IN (2, 1), amount USING count(*)",
    "PIVOT (FROM sales.transactions t JOIN sales.pinned p USING (id, amount)) ON id USING max(amount)",
    "FROM (PIVOT sales.transactions ON 'x' || id) UNION ALL FROM (PIVOT sales.transactions ON id)",
    "WITH a AS (FROM sales.transactions), b AS (PIVOT a ON id USING max(amount)) SELECT b.* FROM b, a",
    'PIVOT (PIVOT sales.transactions ON id USING max(amount)) ON "2" USING count(*)',
    'PIVOT (SELECT id AS "USING", amount FROM sales.transactions) ON "USING" /* USING */ USING sum(amount)',
    "PIVOT sales.transactions ON 10 - id USING max(amount)",
    "UNPIVOT sales.transactions ON id, amount INTO NAME n VALUE v",
    "SELECT * FROM sales.transactions UNPIVOT (v FOR n IN (amount)) ORDER BY ALL",
]


@pytest.mark.full
@pytest.mark.parametrize("sql", PIVOTS)
def test_a_pivot_is_that_of_duckdb(mesh: SmallMesh, sql: str) -> None:
    with duckdb.connect() as plain:
        plain.execute("CREATE SCHEMA sales")
        for name in ("transactions", "pinned"):
            rows = read(mesh, f"FROM sales.{name}")
            values = ", ".join(
                f"({row[0]}, {row[1]}::DOUBLE)" if len(row) > 1 else f"({row[0]})" for row in rows
            )
            columns = "id, amount" if len(rows[0]) > 1 else "id"
            plain.execute(f"CREATE TABLE sales.{name} AS FROM (VALUES {values}) t({columns})")
        expected = plain.execute(sql).fetchall()
        named = [name for name, *_ in plain.description]
    with granted_query(sql, "analysts", registry_of(mesh), mesh.lakes, mesh.root) as answer:
        assert list(answer.columns) == named
        assert sorted(answer.rows(100), key=str) == sorted(expected, key=str)
    assert read(mesh, f"EXPLAIN {sql}")


def test_the_catalog_has_what_was_granted_and_no_name_of_anything_else(mesh: SmallMesh) -> None:
    for principal in ("analysts", "domain:hr", "domain:sales"):
        products, _ = registry_of(mesh).scan()
        granted = {p for p in products if is_granted(p, principal)}
        named = {(p.domain, p.name) for p in granted}
        assert {row[:2] for row in read(mesh, "FROM information_schema.tables", principal)} == named
        assert {row[:2] for row in read(mesh, "SHOW ALL TABLES", principal)} == named
        assert {row[:3] for row in read(mesh, "FROM Information_Schema.COLUMNS", principal)} == {
            (p.domain, p.name, column.name) for p in granted for column in p.columns
        }
        assert set(read(mesh, "SHOW TABLES", principal)) == {(f"{p.domain}.{p.name}",) for p in granted}
    sql = "SELECT data_type, column_comment FROM information_schema.columns WHERE table_name = 'transactions'"
    assert read(mesh, f"WITH c AS ({sql}) FROM c") == [("BIGINT", "Number."), ("DOUBLE", "")]
    with granted_query("SHOW TABLES", "analysts", registry_of(mesh), mesh.lakes, mesh.root) as answer:
        assert answer.products == ()


def test_a_plan_shows_no_file(mesh: SmallMesh) -> None:
    sql = "SELECT * FROM sales.transactions t JOIN sales.pinned p USING (id) WHERE t.amount > 0"
    plan = "\n".join(line for (line,) in read(mesh, f"/* why */ EXPLAIN {sql} ORDER BY id;"))
    assert "HASH_JOIN" in plan
    assert not {"mesh://", ".parquet", str(mesh.root)} & set(
        re.findall(r"mesh://|\.parquet|/[a-z/]{9,}", plan)
    )


def test_a_domain_reads_its_own_restricted_product_and_what_it_was_granted(mesh: SmallMesh) -> None:
    assert read(mesh, "SELECT count(*) FROM hr.employees, sales.transactions", "domain:hr") == [(9,)]
    assert read(mesh, "SELECT count(*) FROM hr.staffing", "domain:sales") == [(3,)]


ATTACKS = [
    # Names
    "SELECT * FROM hr.employees",
    'SELECT * FROM "hr/employees"',
    'SELECT * FROM "HR"."Employees"',
    "SELECT * FROM hr.employees AS transactions",
    "SELECT * FROM hr /* sales */ . employees",
    "SELECT * FROM/**/hr.employees",
    'SELECT * FROM "h\\u0072".employees',
    "SELECT * FROM ℎr.employees",
    "SELECT * FROM hr_restricted.products.employees",
    "SELECT * FROM hr.products.employees",
    "SELECT * FROM hr_restricted.employees",
    "SELECT * FROM products.employees",
    "SELECT * FROM employees",
    "SELECT * FROM memory.hr.employees",
    "SELECT * FROM sales.costs",
    "SELECT * FROM sales.products.costs",
    "SELECT * FROM sales.staging.pinned",
    # Anywhere in a query
    "SELECT (SELECT max(amount) FROM hr.employees) FROM sales.transactions",
    "SELECT * FROM sales.transactions WHERE EXISTS (FROM hr.employees)",
    "SELECT * FROM sales.transactions WHERE id IN (SELECT id FROM hr.employees)",
    "SELECT * FROM sales.transactions JOIN hr.employees USING (id)",
    "SELECT id FROM sales.transactions UNION ALL SELECT id FROM hr.employees",
    "SELECT * FROM sales.transactions, LATERAL (SELECT * FROM hr.employees)",
    "SELECT * FROM sales.transactions ORDER BY (SELECT max(id) FROM hr.employees)",
    "SELECT * FROM sales.transactions LIMIT (SELECT max(id) FROM hr.employees)",
    "SELECT sum(id) OVER (ORDER BY (SELECT max(id) FROM hr.employees)) FROM sales.transactions",
    "SELECT * FROM (FROM hr.employees) PIVOT (sum(amount) FOR id IN (1))",
    "SELECT CASE WHEN true THEN (SELECT max(id) FROM hr.employees) END",
    "SELECT list_transform([1], lambda x: x + (SELECT max(id) FROM hr.employees))",
    "SELECT * FROM unnest((SELECT list(id) FROM hr.employees))",
    "SELECT * REPLACE ((SELECT max(id) FROM hr.employees) AS id) FROM sales.transactions",
    "DESCRIBE hr.employees",
    "SUMMARIZE hr.employees",
    "FROM (SUMMARIZE hr.employees)",
    "TABLE hr.employees",
    # A common table expression that hides a name where it is not in sight
    "WITH employees AS (SELECT 1) SELECT * FROM employees, hr.employees",
    "WITH duckdb_tables AS (SELECT * FROM duckdb_tables) SELECT * FROM duckdb_tables",
    "SELECT * FROM duckdb_tables, (WITH duckdb_tables AS (SELECT 1) FROM duckdb_tables)",
    "WITH a AS (FROM b), b AS (SELECT 1) FROM a",
    "SELECT * FROM (WITH x AS (SELECT 1) FROM x), x",
    # The catalog
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM pg_tables",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM duckdb_tables",
    "SELECT * FROM duckdb_tables()",
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM duckdb_views()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM system.information_schema.tables",
    "SELECT * FROM pragma_table_info('x')",
    "SHOW DATABASES",
    "SHOW VARIABLES",
    "SHOW TABLES FROM hr",
    "SELECT * FROM information_schema.schemata",
    "SELECT * FROM information_schema.tables AT (VERSION => 1)",
    'SELECT * FROM "@information_schema".tables',
    'SELECT * FROM "@information_schema/tables"',
    # Files and other engines
    "SELECT * FROM '{data}/**/*.parquet'",
    'SELECT * FROM "{data}/**/*.parquet"',
    "SELECT * FROM read_parquet('{data}/**/*.parquet')",
    "SELECT * FROM parquet_scan('{data}/**/*.parquet')",
    "SELECT * FROM main.parquet_scan('{data}/**/*.parquet')",
    "SELECT * FROM parquet_metadata('{data}/**/*.parquet')",
    "SELECT * FROM glob('{data}/**')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_blob('{catalog}')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM '{catalog}'",
    "SELECT * FROM sqlite_scan('{catalog}', 'ducklake_table')",
    "SELECT * FROM sqlite_query('{catalog}', 'SELECT 1')",
    "SELECT * FROM ducklake_snapshots('hr')",
    "SELECT * FROM ducklake_table_info('hr')",
    "SELECT * FROM ducklake_scan('x')",
    # Names in strings, and SQL in strings
    "SELECT * FROM query('SELECT * FROM hr.employees')",
    "SELECT * FROM query_table('hr.employees')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('FROM hr.employees'))",
    "SELECT json_serialize_plan('FROM hr.employees')",
    "SELECT * FROM histogram('hr.employees', 'id')",
    "SELECT * FROM histogram_values('hr.employees', id)",
    "SELECT * FROM seq_scan('hr.employees')",
    "SELECT * FROM summary((FROM hr.employees))",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM mesh",
    # Functions
    "SELECT getenv('HOME')",
    "SELECT getvariable('x')",
    "SELECT current_setting('temp_directory')",
    "SELECT id.current_setting() FROM sales.transactions",
    "SELECT main.current_setting('temp_directory')",
    "SELECT system.main.current_setting('temp_directory')",
    "SELECT nextval('x')",
    "SELECT pg_get_viewdef(1)",
    "SELECT has_table_privilege('hr.employees', 'read')",
    "SELECT write_log('x')",
    "SELECT sleep_ms(1)",
    "SELECT list_transform(['temp_directory'], lambda s: current_setting(s))",
    "SELECT max(current_setting('temp_directory')) OVER () FROM sales.transactions",
    # Statements
    "SELECT 1; SELECT * FROM hr.employees",
    "SELECT 1; DROP VIEW sales.transactions",
    "ATTACH '{catalog}' AS x (TYPE sqlite)",
    "ATTACH 'ducklake:sqlite:{catalog}' AS x",
    "COPY sales.transactions TO '/tmp/stolen.csv'",
    "COPY (SELECT * FROM hr.employees) TO '/tmp/stolen.csv'",
    "EXPORT DATABASE '/tmp/stolen'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET VARIABLE x = (SELECT max(id) FROM hr.employees)",
    "RESET lock_configuration",
    "PRAGMA database_list",
    "CALL duckdb_tables()",
    "CREATE MACRO f() AS TABLE SELECT * FROM hr.employees",
    "CREATE TEMP VIEW x AS SELECT * FROM hr.employees",
    "INSERT INTO sales.transactions VALUES (9, 9)",
    "DELETE FROM sales.transactions",
    "UPDATE sales.transactions SET amount = 0",
    "DROP TABLE sales.transactions",
    "PREPARE x AS SELECT * FROM hr.employees",
    "EXECUTE x",
    "EXPLAIN SELECT * FROM hr.employees",
    "EXPLAIN ANALYZE SELECT * FROM sales.transactions",
    "explain/**/analyze SELECT * FROM sales.transactions",
    "EXPLAIN DELETE FROM sales.transactions",
    "EXPLAIN SELECT 1; DROP TABLE sales.transactions",
    "SELECT * FROM (PIVOT hr.employees ON id)",
    "WITH x AS (FROM hr.employees) PIVOT x ON id USING sum(amount)",
    "EXPLAIN PIVOT hr.employees ON id",
    "UNPIVOT hr.employees ON id",
    "PIVOT sales.transactions ON id || current_setting('temp_directory')",
    "CREATE TYPE x AS ENUM ('a'); PIVOT sales.transactions ON id IN x",
    "USE hr",
    "CHECKPOINT",
    "BEGIN",
    "PIVOT hr.employees ON id USING sum(amount)",
    "WITH x AS (SELECT 1) INSERT INTO sales.transactions FROM x",
    "",
    ";",
]


@pytest.mark.parametrize("sql", ATTACKS)
def test_no_query_reads_without_a_grant(mesh: SmallMesh, sql: str) -> None:
    catalog, data = mesh.lakes.catalog_file("hr_restricted"), mesh.lakes.data_folder("hr_restricted")
    with pytest.raises((AccessDenied, UsageError)) as raised:
        read(mesh, sql.replace("{catalog}", str(catalog)).replace("{data}", str(data)))
    [diagnostic] = raised.value.diagnostics
    assert diagnostic.code in {"A001", "A002", "A010", "A011", "A012", "A013", "U043"}
    assert diagnostic.fix


WRAPPED = ("EXPLAIN {}", "DESCRIBE {}", "SUMMARIZE {}", "PIVOT ({}) ON 1", "WITH w AS ({}) FROM w",
           "WITH w AS ({}) PIVOT w ON 1", "EXPLAIN WITH w AS ({}) FROM w", "FROM (DESCRIBE {})")  # fmt: skip


@pytest.mark.full
@pytest.mark.parametrize(
    "around", [WRAPPED[0], *(pytest.param(w, marks=pytest.mark.full) for w in WRAPPED[1:])]
)
def test_no_statement_around_an_attack_helps_it(mesh: SmallMesh, around: str) -> None:
    catalog, data = mesh.lakes.catalog_file("hr_restricted"), mesh.lakes.data_folder("hr_restricted")
    for attack in filter(lambda attack: attack.strip(";"), ATTACKS):
        sql = attack.replace("{catalog}", str(catalog)).replace("{data}", str(data)).rstrip(";")
        with pytest.raises((AccessDenied, UsageError)) as raised:
            read(mesh, around.format(sql))
        codes = {each.code for each in raised.value.diagnostics}
        # U040: not a statement at all.
        assert codes <= {"A001", "A002", "A010", "A012", "A013", "U040", "U043"}, (sql, codes)


def test_the_targets_of_the_attacks_exist(mesh: SmallMesh) -> None:
    files = list(mesh.lakes.data_folder("hr_restricted").rglob("*.parquet"))
    assert files
    assert read(mesh, "SELECT max(amount) FROM hr.employees", "domain:hr") == [(3.0,)]


def test_a_missing_grant_names_the_owner_and_the_line_to_add(mesh: SmallMesh) -> None:
    with pytest.raises(AccessDenied) as raised:
        read(mesh, "SELECT * FROM hr.staffing", "analysts")
    [diagnostic] = raised.value.diagnostics
    assert diagnostic.code == "A001"
    assert diagnostic.message == "analysts has no grant for hr/staffing"
    assert diagnostic.place is not None
    assert diagnostic.place.path.name == "staffing.odcs.yaml"
    assert diagnostic.fix is not None
    assert "team:hr-team (hr@example.com)" in diagnostic.fix
    assert "hr/contracts/staffing.odcs.yaml" in diagnostic.fix
    assert "- {role: analysts, access: read}" in diagnostic.fix


def test_a_restricted_product_stays_in_its_domain_despite_grants(mesh: SmallMesh) -> None:
    with pytest.raises(AccessDenied, match=r"A002.*hr/payroll is restricted"):
        read(mesh, "SELECT * FROM hr.payroll")


def test_unknown_product(mesh: SmallMesh) -> None:
    with pytest.raises(UsageError, match=r'(?s)U043.*did you mean "sales/transactions"'):
        read(mesh, "SELECT * FROM sales.transaction")
    with pytest.raises(UsageError, match=r'(?s)U043.*"transactions".*did you mean "sales/transactions"'):
        read(mesh, "SELECT *\nFROM transactions")


def test_never_published(mesh: SmallMesh) -> None:
    with pytest.raises(RunError, match=r"(?s)R020.*sales/later was never.*mesh run sales/later"):
        read(mesh, "SELECT * FROM sales.later")


def test_unknown_reader(mesh: SmallMesh) -> None:
    with pytest.raises(UsageError, match=r'(?s)U042.*did you mean "sales"'):
        read(mesh, "SELECT 1", "domain:sale")
    with pytest.raises(UsageError, match=r"(?s)U041.*analysts, or domain:<name>"):
        read(mesh, "SELECT 1", "group:analysts")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nope FROM sales.transactions",
        "SELECT * FROM sales.transactions WHERE id = 'a'",
        "SELECT id + FROM sales.transactions",
        "SELECT error('x') FROM sales.transactions",
        "SELECT t.nope FROM sales.transactions t",
    ],
)
def test_a_query_that_does_not_run_shows_duckdb_s_message_without_internal_names(
    mesh: SmallMesh, sql: str
) -> None:
    with pytest.raises(UsageError, match="U040") as raised:
        read(mesh, sql)
    words = str(raised.value)
    assert str(mesh.root) not in words
    assert "lake_" not in words
    if "nope" in sql:
        assert "nope" in words
        assert "^" in words


@pytest.mark.parametrize("sql", ["SELECT error(secret) FROM ", "SELECT CAST(secret AS INT) FROM "])
def test_errors_quote_no_values_of_the_data(mesh: SmallMesh, sql: str) -> None:
    with pytest.raises(UsageError, match="U040") as raised:
        read(mesh, f"{sql}(SELECT 'Wil' || 'ma' || id AS secret FROM sales.transactions)")
    assert "Wilma" not in str(raised.value)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(NotAllowed):
        tables_read("SELECT " + "(SELECT " * 900 + "1" + ")" * 900)
    with pytest.raises(NotAllowed):
        tables_read("SELECT " + "NOT " * 100_000 + "true")


def test_a_damaged_file_names_its_lake(tmp_path: Path) -> None:
    mesh = published_mesh(tmp_path)
    for file in mesh.lakes.data_folder("hr").rglob("*.parquet"):
        os.truncate(file, 100)
    with pytest.raises(LakeError) as raised:
        read(mesh, "SELECT count(*) FROM sales.transactions, hr.staffing", "domain:sales")
    [fault] = raised.value.diagnostics
    assert fault.code == "L004"
    assert '"hr"' in fault.message
    for file in mesh.lakes.data_folder("hr").rglob("*.parquet"):
        file.unlink()
    with pytest.raises(LakeError, match=r'(?s)L004.*"hr".*is gone'):
        read(mesh, "SELECT count(*) FROM hr.staffing", "domain:sales")


def test_a_query_is_stopped_after_a_time_and_when_it_takes_too_much(
    mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(sql: str, seconds: float | None) -> str:
        asked = granted_query(sql, "analysts", registry_of(mesh), mesh.lakes, mesh.root, seconds=seconds)
        with pytest.raises(UsageError) as raised, asked:
            pass
        [fault] = raised.value.diagnostics
        return fault.code

    assert (
        ask("SELECT count(*) FROM range(100000000) a, range(1000000) b WHERE a.range + b.range > 1", 1)
        == "U044"
    )
    monkeypatch.setenv("MESH_MEMORY_LIMIT", "100MB")
    assert ask("SELECT length(list(i)::VARCHAR) FROM range(100000000) t(i)", None) == "U045"
    assert ask("SELECT repeat('x', 4000000000)", None) == "U045"


def test_the_record_has_the_products_of_the_plan(mesh: SmallMesh) -> None:
    """A name without reads is checked, but not recorded."""
    sql = "WITH unused AS (FROM sales.transactions) SELECT count(*) FROM sales.pinned"
    with granted_query(sql, "analysts", registry_of(mesh), mesh.lakes, mesh.root) as answer:
        assert answer.products == ("sales/pinned",)
    both = "SELECT (SELECT max(id) FROM sales.transactions) FROM sales.pinned"
    with granted_query(both, "analysts", registry_of(mesh), mesh.lakes, mesh.root) as answer:
        assert answer.products == ("sales/pinned", "sales/transactions")


def test_without_landlock_and_with_a_spawned_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS."""
    mesh = published_mesh(tmp_path)
    sql = "SELECT *, uuid() IS NULL, INTERVAL 1 DAY, id::HUGEINT FROM sales.transactions ORDER BY id"
    forked = read(mesh, sql)
    monkeypatch.setattr(query_process, "_CONTEXT", get_context("spawn"))
    assert read(mesh, sql) == forked
    assert len(forked) == 3


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from small_mesh import SmallMesh
mesh = SmallMesh(Path(sys.argv[2]))
for number in range(12):
    mesh.publish("sales/transactions", f"SELECT range AS id, {number}::DOUBLE AS amount FROM range(9)")
"""


@pytest.mark.full
def test_a_lake_is_read_while_it_is_published(tmp_path: Path) -> None:
    mesh = published_mesh(tmp_path)
    helpers = str(Path(__file__).parents[1])
    seen = set()
    with subprocess.Popen([sys.executable, "-c", WRITER, helpers, str(mesh.root)]) as writer:
        while writer.poll() is None:
            sql = "SELECT count(*), min(amount), max(amount) FROM sales.transactions"
            [(count, least, most)] = read(mesh, sql)
            assert (count, least) in ((3, 0.0), (9, most))
            seen.add(most)
    assert writer.returncode == 0
    assert read(mesh, "SELECT max(amount) FROM sales.transactions") == [(11.0,)]
    assert seen


@pytest.mark.full
def test_a_query_starts_while_another_thread_opens_engines(mesh: SmallMesh) -> None:
    """A fork copies DuckDB's locks in their current state."""
    done = threading.Event()

    def connect() -> None:
        while not done.is_set():
            duckdb.connect().close()

    threads = [threading.Thread(target=connect) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            assert read(mesh, "SELECT count(*) FROM sales.transactions") == [(3,)]
    finally:
        done.set()
        for thread in threads:
            thread.join()
