"""The reach of a query behind three walls, each of which is switched off for some attempts.

The walls are ``names`` (its text is checked), ``engine`` (DuckDB is locked down) and ``kernel`` (Landlock).
An attempt succeeded if its answer or its error shows a secret, or if a file was changed or an address
called. The path of a granted file is not a secret.
"""

# ruff: noqa: E501 - an attempt has one line, however long
from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest
from attack.sandbox import NAMES, Sandbox, sandbox, some

from platform_core.access import query
from platform_core.access.query import granted_query, granted_rows
from platform_core.access.versions import published_files
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import PlatformError
from platform_core.sealed import query_process
from platform_core.sealed.files import SealedFiles
from platform_core.sql.allowed import TableName

WALLS = ("names", "engine", "kernel")
GRANTED = ("sales/transactions", "sales/pinned")

# Forms in which a file is named; in a string its quotes are doubled.
READERS = (
    *("read_csv", "read_csv_auto", "read_parquet", "parquet_scan", "parquet_metadata", "parquet_schema"),
    *("parquet_file_metadata", "parquet_kv_metadata", "parquet_full_metadata", "read_json", "read_json_auto"),
    *("read_ndjson", "read_json_objects", "read_ndjson_objects", "read_text", "read_blob", "read_duckdb"),
    *("glob", "sniff_csv", "sqlite_scan", "sqlite_query", "sqlite_attach", "delta_scan", "iceberg_scan"),
    *("st_read", "read_xlsx", "ducklake_snapshots", "ducklake_list_files", "ducklake_cleanup_old_files"),
)
MORE = {
    "sqlite_scan": ", 'ducklake_table'",
    "sqlite_query": ", 'SELECT 1'",
    "ducklake_list_files": ", 'x'",
}
FORMS = (
    *(f"SELECT * FROM {reader}('{{f}}'{MORE.get(reader, '')}) LIMIT 5" for reader in READERS),
    "SELECT * FROM '{f}' LIMIT 5",
    'SELECT * FROM "{f}" LIMIT 5',
    "FROM '{f}'",
    "DESCRIBE FROM '{f}'",
    "DESCRIBE '{f}'",
    "SUMMARIZE '{f}'",
    "SUMMARIZE FROM '{f}'",
    "EXPLAIN FROM '{f}'",
    "CREATE TABLE z AS FROM '{f}'; FROM z LIMIT 5",
    "CREATE VIEW z AS FROM '{f}'; FROM z LIMIT 5",
    "CREATE MACRO z() AS TABLE FROM '{f}'; FROM z() LIMIT 5",
    "PREPARE z AS FROM '{f}'; EXECUTE z",
    "FROM query('FROM ''{f}''') LIMIT 5",
    "FROM query_table('{f}') LIMIT 5",
    "FROM query_table(['{f}']) LIMIT 5",
    "CREATE TABLE z(a VARCHAR); COPY z FROM '{f}'; FROM z LIMIT 5",
    "ATTACH '{f}' AS z; SHOW ALL TABLES",
    "ATTACH '{f}' AS z (TYPE sqlite); SHOW ALL TABLES",
    "ATTACH '{f}' AS z (READ_ONLY); FROM z.t",
    "ATTACH 'ducklake:sqlite:{f}' AS z; SHOW ALL TABLES",
    "IMPORT DATABASE '{f}'",
    "PIVOT '{f}' ON a",
    "SELECT (SELECT max(h) FROM '{f}' h)",
    "SELECT * FROM sales.transactions h, LATERAL (FROM '{f}') LIMIT 5",
    "WITH RECURSIVE r AS (FROM '{f}' UNION ALL FROM r LIMIT 3) FROM r",
    "SELECT json_execute_serialized_sql(json_serialize_sql('SELECT * FROM ''{f}'''))",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM ''{f}''')) LIMIT 5",
    "PRAGMA json_execute_serialized_sql(json_serialize_sql('SELECT * FROM ''{f}'''))",
    "SELECT json_serialize_plan('SELECT * FROM ''{f}''')",
    "LOAD '{f}'",
    "INSTALL '{f}'",
    "CREATE TYPE z AS ENUM (SELECT a::VARCHAR FROM '{f}'); SELECT enum_range(NULL::z)",
    "CREATE OR REPLACE TEMP TABLE z AS FROM '{f}'; SELECT * FROM z LIMIT 5",
    "COPY (SELECT 1 AS a) TO '{f}'",
    "COPY (SELECT 1 AS a) TO '{f}' (FORMAT parquet, USE_TMP_FILE false)",
    "COPY (SELECT 1 AS a) TO '{f}' (FORMAT csv, USE_TMP_FILE false)",
    "EXPLAIN ANALYZE COPY (SELECT 1 AS a) TO '{f}' (USE_TMP_FILE false)",
)

AROUND = ("EXPLAIN {}", "DESCRIBE {}", "SUMMARIZE {}", "PIVOT ({}) ON 1 = 1", "WITH w AS ({}) FROM w",
          "WITH w AS ({}) PIVOT w ON 1 = 1", "EXPLAIN WITH w AS ({}) FROM w", "FROM (SUMMARIZE {})")  # fmt: skip
"""Statements around another one."""

STATEMENTS = (
    # Writing, also into what is granted.
    "COPY sales.transactions TO '{out}.parquet'",
    "EXPORT DATABASE '{out}'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "COPY (SELECT 1) TO '/proc/self/fd/1'",
    "COPY (SELECT 1 AS a, 2 AS b) TO '{out}' (FORMAT parquet, PARTITION_BY a)",
    "ATTACH '{out}.db' AS z; CREATE TABLE z.t AS SELECT 1",
    "COPY FROM DATABASE memory TO z",
    "SET temp_directory = '{out}'",
    "SET temp_directory = '{out}'; SET memory_limit = '30MB'; SELECT sum(a) FROM (SELECT range AS a FROM"
    " range(5000000) ORDER BY hash(range))",
    "CREATE PERSISTENT SECRET s (TYPE http, EXTRA_HTTP_HEADERS MAP {{'a': 'b'}})",
    "SET secret_directory = '{out}'; CREATE PERSISTENT SECRET s (TYPE http)",
    "CHECKPOINT",
    "VACUUM ANALYZE",
    # Logging and profiling.
    "CALL enable_logging(storage = 'file', storage_path = '{out}.log'); SELECT 1",
    "CALL enable_logging(); SELECT * FROM duckdb_logs LIMIT 20",
    "FROM enable_logging(storage := 'file', storage_path := '{out}')",
    "FROM enable_logging(storage := 'stdout')",
    "SET log_query_path = '{out}.q'; SELECT 1",
    "SET profiling_output = '{out}.p'; PRAGMA enable_profiling = 'json'; SELECT 1",
    "FROM enable_profiling(format := 'json', save_location := '{out}')",
    # Settings.
    "SET enable_external_access = true; FROM read_text('/etc/passwd')",
    "RESET enable_external_access; FROM read_text('/etc/passwd')",
    "SET lock_configuration = false; FROM read_text('/etc/passwd')",
    "RESET lock_configuration",
    "SET GLOBAL allowed_paths = ['/etc/passwd']; FROM read_text('/etc/passwd')",
    "SET allowed_directories = ['/']; FROM read_text('/etc/passwd')",
    "PRAGMA lock_configuration = false; FROM read_text('/etc/passwd')",
    "SET SESSION enable_external_access = true; FROM read_text('/etc/passwd')",
    "SET python_enable_replacements = true; FROM os",
    "SELECT * FROM duckdb_settings() WHERE value LIKE '%/%'",
    "SELECT current_setting('home_directory'), current_setting('secret_directory')",
    "SELECT current_setting('temp_directory'), current_setting('allowed_paths')",
    "SELECT current_setting('allowed_directories')",
    "PRAGMA user_agent",
    "PRAGMA platform",
    # Extensions.
    "INSTALL httpfs FROM '{bait}'",
    "INSTALL sqlite FROM 'http://127.0.0.1:{port}'",
    "LOAD sqlite_scanner; FROM sqlite_scan('{catalog}', 'ducklake_table')",
    "LOAD '{extension}'; FROM sqlite_scan('{catalog}', 'ducklake_table')",
    "FROM duckdb_extensions() WHERE loaded OR installed",
    # The catalog.
    *(
        f"SELECT * FROM {name}()"
        for name in (
            *("duckdb_tables", "duckdb_views", "duckdb_databases", "duckdb_columns", "duckdb_schemas"),
            *("duckdb_variables", "duckdb_prepared_statements", "duckdb_dependencies", "duckdb_secrets"),
            *("duckdb_temporary_files", "duckdb_external_file_cache", "duckdb_memory", "duckdb_types"),
            *("duckdb_log_contexts", "duckdb_secret_types", "duckdb_profiling_settings", "duckdb_indexes"),
        )
    ),
    "SELECT sql FROM duckdb_views() WHERE NOT internal",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM information_schema.columns",
    "SELECT * FROM pg_catalog.pg_class",
    "SHOW ALL TABLES",
    "SHOW DATABASES",
    "PRAGMA database_list",
    "PRAGMA show_tables_expanded",
    "USE system; SHOW TABLES",
    "EXPLAIN SELECT * FROM sales.transactions",
    "EXPLAIN ANALYZE SELECT * FROM sales.transactions",
    # Secrets.
    "CREATE SECRET s (TYPE http, EXTRA_HTTP_HEADERS MAP {{'a': 'b'}}); FROM 'http://127.0.0.1:{port}/x.csv'",
    "FROM which_secret('s3://b', 's3')",
    # Other products and other versions by name.
    *(
        f"SELECT * FROM {name}"
        for name in (
            *("hr.employees", '"hr/employees"', "hr.payroll", "hr.staffing", "sales.costs"),
            *("hr_restricted.products.employees", "sales.products.costs", "sales.staging.pinned"),
            *("memory.hr.employees", "__ducklake_metadata_sales.ducklake_table", "sales_lake.products.costs"),
            *("hr.employees AT (VERSION => 1)", '"sales@1".transactions', '"@1"."sales/transactions"'),
            *("sales.transactions AT (TIMESTAMP => now() - INTERVAL 1 DAY)", "ducklake_snapshots('sales')"),
            *("ducklake_table_insertions('sales', 'products', 'costs', 0, 99)", "ducklake_scan('x')"),
        )
    ),
    # What an engine's view hides.
    "SELECT filename, file_row_number FROM sales.transactions",
    "DROP VIEW sales.transactions; CREATE VIEW sales.transactions AS FROM '{employees}'; FROM sales.transactions",
    "CREATE OR REPLACE MACRO read_parquet(x) AS TABLE SELECT 1; FROM sales.transactions",
    # Variables of Python, and pointers.
    *(f"FROM {name}" for name in ("os", "sql", "files", "versions", "opened", "channel", "connection")),
    "SELECT * FROM pandas_scan(1::POINTER)",
    "SELECT * FROM pandas_scan(NULL)",
    "SELECT * FROM arrow_scan(1::POINTER, 2::POINTER, 3::POINTER)",
    "SELECT * FROM python_map_function(1)",
    # The environment.
    "SELECT getenv('CANARY')",
    "SELECT getvariable('mesh_mask_x_inner')",
    "SET VARIABLE x = (SELECT content FROM read_text('/etc/passwd')); SELECT getvariable('x')",
    # Functions in functions.
    "SELECT list_transform(['/etc/passwd'], lambda x: (SELECT content FROM read_text(x)))",
    "SELECT * FROM sales.transactions ORDER BY (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM read_csv('cat /etc/passwd |')",
    "SELECT * FROM read_text(['/etc/passwd'])",
    "SELECT * FROM read_text('/etc/pass*')",
    "SELECT * FROM read_csv('/etc/passwd', sep = '@', header = false)",
    "SELECT CAST(content AS INTEGER) FROM read_text('/etc/passwd')",
    "SELECT error(content) FROM read_text('/etc/passwd')",
    # Text that reads otherwise than it looks.
    "SELECT 1; FROM read_text('/etc/passwd')",
    "SELECT 1 /* ; */; FROM read_text('/etc/passwd') -- 'x",
    "SELECT '\\'; FROM read_text('/etc/passwd'); --'",
    "SELECT $$ $$; FROM read_text('/etc/passwd')",
    "\ufeffFROM read_text('/etc/passwd')",
    "FROM\u00a0read_text('/etc/passwd')",
    "FROM \"read_text\"('/etc/passwd')",
    "FROM main.read_text('/etc/passwd')",
    "FROM system.main.read_text('/etc/passwd')",
    "FROM READ_TEXT('/etc/passwd')",
    "CALL read_text('/etc/passwd')",
    "SELECT * FROM read_text(concat('/etc/', 'passwd'))",
    "SELECT x.* FROM (VALUES ('/etc/passwd')) v(p), LATERAL (FROM read_text(v.p)) x",
)
# DuckDB folds a name by ASCII alone; Python would take these letters for the plain ones.
FOLDS = {"the Kelvin sign": ("k", "\u212a"), "the long s": ("s", "\u017f"), "the dotless i": ("i", "\u0131"),
         "the dotted I": ("i", "\u0130")}  # fmt: skip
ARGUMENTS = ("", "'{employees}'", "'hr.employees'", "1")


def queries(box: Sandbox) -> dict[str, str]:
    """The texts by their names."""
    lakes, bait = box.mesh.lakes, box.bait
    employees, costs = _table(box, "hr_restricted", "employees"), _table(box, "sales", "costs")
    files = {
        "a restricted product": employees,
        "a product of the same lake": costs,
        "all files of a lake": lakes.data_folder("sales") / "**" / "*.parquet",
        "the way around by ..": lakes.data_folder("sales")
        / "products"
        / "transactions"
        / ".."
        / "costs"
        / "*.parquet",
        "a restricted catalog": lakes.catalog_file("hr_restricted"),
        "the own lake's catalog": lakes.catalog_file("sales"),
        **{f"bait, {name}": bait / f"s.{name}" for name in ("csv", "json", "sql", "duckdb", "parquet")},
        "passwords": "/etc/passwd",
        "the environment": "/proc/self/environ",
        "the parent's environment": f"/proc/{os.getpid()}/environ",
        "maps of the memory": "/proc/self/maps",
        "passwords by the root of a process": "/proc/self/root/etc/passwd",
        "passwords as file://": "file:///etc/passwd",
        "passwords as file:": "file:/etc/passwd",
        **{f"descriptor {n}": f"/proc/self/fd/{n}" for n in (0, 4, 5)},
        "an address": f"http://127.0.0.1:{box.port}/x.parquet",
        "a bucket": f"s3://127.0.0.1:{box.port}/x.parquet",
        "the folder of work": "../bait/s.csv",
        "the granted file": "mesh://sales/transactions/1/0",
        "a made-up file": "mesh://hr/employees/1/0",
        "a way out of the made-up names": "mesh://../../../../../../../../etc/passwd",
        "a path below the made-up names": f"mesh://{employees}",
        "all made-up names": "mesh://**",
    }
    words: dict[str, object] = {
        "out": box.root / "work" / "out",
        "bait": bait,
        "port": box.port,
        "catalog": lakes.catalog_file("hr_restricted"),
        "employees": employees,
        "extension": _sqlite(),
    }
    found = {
        f"{form.format(f='...')[:70]} of {name}": form.format(f=str(file).replace("'", "''"))
        for (name, file), form in product(files.items(), FORMS)
    }
    found |= {text[:100].strip(): text.format(**words) for text in STATEMENTS}
    wrapped = [text.format(**words) for text in STATEMENTS]
    wrapped += [form.format(f=str(employees).replace("'", "''")) for form in FORMS]
    found |= {around.format(text)[:150]: around.format(text) for text, around in product(wrapped, AROUND)}
    for name, (plain, odd) in FOLDS.items():
        for table in (
            "duckdb_tables",
            "duckdb_settings",
            "sqlite_scan",
            "sqlite_master",
            "information_schema",
        ):
            if plain in table:
                hidden = table.replace(plain, odd)
                found[f"{name} in a CTE named {table}"] = (
                    f'WITH "{hidden}" AS (SELECT 1) SELECT * FROM {table}'
                )
                found[f"{name} in {table}()"] = f"SELECT * FROM \"{hidden}\"('/etc/passwd')"
        for file in (
            str(employees),
            str(bait / "s.parquet"),
            str(bait / "s.csv"),
            str(lakes.catalog_file("sales")),
        ):
            hidden = file.replace(plain, odd)
            found[f"{name} in a CTE named after {Path(file).name[-9:]}"] = (
                f"WITH \"{hidden}\" AS (SELECT 1) SELECT * FROM '{file}'"
            )
    for kind, names in functions().items():
        for name, argument in product(names, ARGUMENTS if kind == "table" else ARGUMENTS[1:2]):
            call = f'"{name}"({argument.format(**words)})'
            text = f"SELECT * FROM {call} LIMIT 50" if kind == "table" else f"SELECT {call}"
            found[f"the {kind} function {name}({argument[:6]})"] = text
    return found


def functions() -> dict[str, list[str]]:
    """Every function of the installed engine."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT function_type, function_name FROM duckdb_functions()"
            " WHERE function_type IN ('table', 'scalar') AND function_name ~ '[a-z_].*' ORDER BY ALL"
        ).fetchall()
    return {kind: [name for of, name in rows if of == kind] for kind in ("table", "scalar")}


@contextmanager
def standing(box: Sandbox, walls: Collection[str]) -> Iterator[None]:
    """Keep only some of the walls, around the real child."""
    versions = published_files(map(box.registry.get, GRANTED), box.mesh.lakes, _Paths(), None)

    def opened(
        asked: Mapping[Any, tuple[DataProduct, str]],
        _: object,
        files: SealedFiles,
        room: object,
    ) -> Any:
        return {key: versions[p.id].opened(files, f"{p.id}/1") for key, (p, _) in asked.items()}

    with pytest.MonkeyPatch.context() as patch:
        # Lakes are opened once, not for each attempt.
        patch.setattr(query, "files_of_versions", opened)
        if "names" not in walls:
            granted = tuple(TableName(*name.split("/")) for name in GRANTED)
            patch.setattr(query_process, "statements_read_at", lambda sql: (granted, (sql,)))
            patch.setattr(query_process, "products_read", lambda connection, sql: None)
        if "engine" not in walls:
            patch.setattr(query_process, "shut", lambda connection, spill: None)
        if "kernel" not in walls:
            patch.setattr(query_process, "wall_off", lambda spill: False)
        yield


class _Paths(SealedFiles):
    """Leaves files unopened."""

    def add(self, path: str, name: str) -> str:
        return path


Ask = Callable[[Sandbox, str], str]


def in_its_own_process(box: Sandbox, sql: str) -> str:
    """The answer to a query as `mesh query` runs it."""
    with granted_query(sql, "analysts", box.registry, box.mesh.lakes, box.mesh.root, seconds=10) as answer:
        return repr((answer.columns, answer.types, answer.rows(200)))


def in_this_process(box: Sandbox, sql: str) -> str:
    """The answer as `platform_core.client` runs it."""
    rows = granted_rows(sql, "analysts", box.registry, box.mesh.lakes, box.mesh.root)
    with rows.faults():
        relation = rows.relation()
        return repr((relation.columns, relation.types, relation.fetchmany(200)))


def came_through(box: Sandbox, sql: str, ask: Ask = in_its_own_process) -> bool:
    """Whether a query of an analyst had an effect that it must not have."""
    secrets: tuple[str, ...] = NAMES
    try:
        told = ask(box, sql)
    except PlatformError as error:
        # Where a contract is, and who is to be asked, is for everybody to know.
        told = "".join(f"{d.message} {d.fix}" for d in error.diagnostics if d.code == "U040")
        secrets = ()
    granted = "|".join(name.replace("/", r"/data/\w+/") for name in GRANTED)
    told = re.sub(rf"{box.mesh.lakes.root}/({granted})/[\w-]+\.parquet", "", told)
    return box.shown(sql, told, secrets) | box.changed() | box.called()


def attempts(
    folder: Path, walls: Collection[str] = WALLS, most: int | None = None, ask: Ask = in_its_own_process
) -> Iterator[tuple[str, bool]]:
    """Each with whether it came through; ``most`` limits their number."""
    with sandbox(folder) as box, standing(box, walls):
        box.changed()  # from now on
        for name, sql in some(queries(box), most):
            yield name, came_through(box, sql, ask)


def _table(box: Sandbox, lake: str, name: str) -> Path:
    return max((box.mesh.lakes.data_folder(lake) / "products" / name).glob("*.parquet"), key=os.path.getmtime)


def _sqlite() -> Path:
    from platform_core.lake.engine import extension_path

    return extension_path("sqlite_scanner")
