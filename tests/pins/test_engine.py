"""Behaviour of the installed DuckDB and DuckLake that the walls rely on; an upgrade must keep it."""

# ruff: noqa: E501 - a value has its place on a line
from __future__ import annotations

import io
import json
import os
import pickle
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import get_args

import duckdb
import pyarrow.ipc
import pyarrow.parquet
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.transaction import number
from platform_core.sealed.engine import sealed_engine, show_version, shut
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.landlock import wall_off
from platform_core.sealed.query_process import _PlainValues
from platform_core.sealed.shapes import IN_ARROW, Shape, begun, load_arrow
from platform_core.sealed.version import version_files
from platform_core.sql.allowed import REFUSED_FUNCTIONS, REFUSED_PREFIXES, TABLE_FUNCTIONS, NotAllowed
from platform_core.sql.engine import lock_down
from platform_core.sql.plan import sources

Con = duckdb.DuckDBPyConnection
REFUSED = "file system operations are disabled by configuration"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 7731 AS id) TO '{path}'")
    return path


@pytest.fixture
def con(rows: Path) -> Iterator[Con]:
    """A sealed engine that shows one file as ``mesh://a/0``."""
    with closing(SealedFiles()) as files, sealed_engine() as connection:
        files.add(str(rows), "a/0")
        files.show(connection)
        shut(connection, None)
        yield connection


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Con]:
    """A lake with a table that changed, ``sales.products.t``."""
    with connect(LocalLakes(tmp_path / "lake"), write=["sales"]) as connection:
        connection.execute("CREATE TABLE sales.products.t AS SELECT 1 AS id, 'a' AS old")
        connection.execute("ALTER TABLE sales.products.t RENAME old TO new")
        connection.execute("ALTER TABLE sales.products.t ADD COLUMN later INTEGER DEFAULT 7")
        yield connection


# Functions and statements


def test_every_function_is_known_to_be_harmless_or_refused(tmp_path: Path) -> None:
    """The volatile and the describing ones that pass are listed here; a new version has to be looked at."""
    with connect(LocalLakes(tmp_path)) as connection:
        found = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability != 'CONSISTENT' "
            "AND function_type IN ('scalar', 'aggregate') AND function_name ~ '[a-z].*'"
        ).fetchall()
    reaching = {name for (name,) in found if name not in REFUSED_FUNCTIONS}
    assert {name for name in reaching if not name.startswith(REFUSED_PREFIXES)} == {
        "current_date", "error", "gen_random_uuid", "get_current_time", "get_current_timestamp", "now",
        "random", "today", "transaction_timestamp", "uuid", "uuidv4", "uuidv7",
    }  # fmt: skip


def test_table_functions_that_pass_read_nothing() -> None:
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table'"
        ).fetchall()
    known = {name for (name,) in found}
    assert {"range", "generate_series", "unnest", "json_each", "json_tree"} == TABLE_FUNCTIONS & known


@pytest.mark.parametrize(
    ("sql", "kinds"),
    [
        ("SELECT 1", ["SELECT"]),
        ("FROM t", ["SELECT"]),
        ("VALUES (1)", ["SELECT"]),
        ("DESCRIBE t", ["SELECT"]),
        ("SUMMARIZE t", ["SELECT"]),
        ("SHOW TABLES", ["SELECT"]),
        ("PRAGMA database_list", ["SELECT"]),
        ("CALL pragma_version()", ["CALL"]),
        ("FROM enable_logging()", ["SELECT"]),
        ("COPY (SELECT 1) TO 'x'", ["COPY"]),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO 'x'", ["EXPLAIN"]),
        ("PREPARE p AS SELECT 1", ["PREPARE"]),
        ("EXECUTE p", ["EXECUTE"]),
        ("PIVOT t ON a", ["CREATE", "SELECT"]),
        ("WITH x AS (SELECT 1) INSERT INTO t FROM x", ["INSERT"]),
        ("SELECT 1; DROP TABLE t", ["SELECT", "DROP"]),
        ("SET x = 1", ["SET"]),
        ("ATTACH 'x'", ["ATTACH"]),
        ("EXPORT DATABASE 'x'", ["EXPORT"]),
        ("LOAD x", ["LOAD"]),
    ],
)
def test_kinds_of_statements(sql: str, kinds: list[str]) -> None:
    with duckdb.connect() as connection:
        found = [statement.type.name for statement in connection.extract_statements(sql)]
    assert [name.removesuffix("_STATEMENT") for name in found] == kinds


# The engine's own wall


@pytest.mark.parametrize(
    "sql",
    [
        "FROM read_parquet('{rows}')",
        "FROM '{rows}'",
        "FROM read_text('/etc/passwd')",
        "FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '{rows}' (USE_TMP_FILE false)",
        "COPY (SELECT 1) TO '{rows}.new'",
        "ATTACH '{rows}.db' AS z",
        "EXPORT DATABASE '{rows}.export'",
        "IMPORT DATABASE '/etc'",
    ],
)
def test_only_made_up_names_are_opened(con: Con, rows: Path, sql: str) -> None:
    before = rows.read_bytes()
    with pytest.raises(duckdb.Error, match=f"{REFUSED}|does not exist"):
        con.execute(sql.format(rows=rows)).fetchall()
    assert rows.read_bytes() == before
    assert list(rows.parent.iterdir()) == [rows]
    assert con.execute("FROM read_parquet('mesh://a/0')").fetchall() == [(7731,)]


@pytest.mark.parametrize("form", ["parquet", "csv", "json"])
@pytest.mark.parametrize("through", ["true", "false"])
def test_granted_files_are_not_written(con: Con, rows: Path, form: str, through: str) -> None:
    before = rows.read_bytes()
    with pytest.raises((duckdb.Error, PermissionError)):
        con.execute(f"COPY (SELECT 1) TO 'mesh://a/0' (FORMAT {form}, USE_TMP_FILE {through})")
    assert rows.read_bytes() == before


@pytest.mark.parametrize(
    "path", ["mesh://a/1", "mesh://../etc/passwd", "mesh:///etc/passwd", "mesh://*", "memory://a"]
)
def test_a_registered_filesystem_is_the_only_opener(con: Con, path: str) -> None:
    with suppress(duckdb.Error, FileNotFoundError):
        assert con.execute(f"FROM read_text('{path}')").fetchall() == []
    con.register_filesystem(MemoryFileSystem())
    with pytest.raises((duckdb.Error, FileNotFoundError)):
        con.execute("FROM read_text('memory://a')").fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "SET enable_external_access = true",
        "RESET enable_external_access",
        "SET allowed_directories = ['/']",
        "SET allowed_paths = ['/etc/passwd']",
        "SET lock_configuration = false",
        "RESET lock_configuration",
        "SET temp_directory = '/tmp'",
        "SET memory_limit = '1TB'",
        "SET python_enable_replacements = true",
        "PRAGMA lock_configuration = false",
    ],
)
def test_no_setting_is_taken_any_more(con: Con, sql: str) -> None:
    with pytest.raises(duckdb.Error, match=r"configuration|Cannot|cannot"):
        con.execute(sql)


def test_no_extension_is_loaded_by_itself(con: Con) -> None:
    for sql in (
        "FROM sqlite_scan('x', 'y')",
        "FROM 'http://127.0.0.1:1/x.csv'",
        "LOAD httpfs",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            con.execute(sql).fetchall()
    with pytest.raises(duckdb.Error, match=os.devnull):  # the home that it has
        con.execute("FROM duckdb_extensions() WHERE installed AND loaded").fetchall()


def test_settings_name_no_folder_of_the_user(con: Con) -> None:
    found = con.execute("SELECT value FROM duckdb_settings() WHERE value LIKE '%/%'").fetchall()
    assert str(Path.home()) not in str(found)
    assert str(Path.cwd()) not in str(found)


def test_variables_of_python_are_not_read(con: Con) -> None:
    frame = duckdb.connect().sql("SELECT 1 AS a")
    assert frame.fetchall() == [(1,)]
    with pytest.raises(duckdb.CatalogException):
        con.execute("FROM frame")


def test_lock_down_permits_writes_to_allowed_files(rows: Path) -> None:
    """So callers that allow folders check statements too."""
    with duckdb.connect() as connection:
        lock_down(connection, folders=[rows.parent])
        connection.execute(f"COPY (SELECT 1 AS id) TO '{rows}' (USE_TMP_FILE false)")
        assert connection.execute(f"FROM '{rows}'").fetchall() == [(1,)]


# Plans


def test_a_plan_names_tables_of_a_lake_with_their_snapshot(lake: Con) -> None:
    [(name, data)] = sources(lake, "SELECT max(id) FROM sales.products.t")
    assert name == "ducklake_scan"
    told = json.loads(data)
    assert (told["catalog_name"], told["schema_name"], told["table_name"]) == ("sales", "products", "t")
    now = number(lake, "FROM sales.last_committed_snapshot()")
    assert told["snapshot"]["snapshot_id"] == now
    [(_, before)] = sources(lake, f"FROM sales.products.t AT (VERSION => {now - 1})")
    assert json.loads(before)["snapshot"]["snapshot_id"] == now - 1


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("FROM read_parquet('{rows}')", "read_parquet"),
        ("FROM '{rows}'", "parquet_scan"),
        ("FROM v", "parquet_scan"),
        ("SELECT 1 WHERE false AND EXISTS (FROM '{rows}')", "parquet_scan"),
        ("FROM query('FROM v')", "parquet_scan"),
        ("FROM query_table('v')", "parquet_scan"),
        ("FROM m()", "parquet_scan"),
        ("SELECT (SELECT max(id) FROM v)", "parquet_scan"),
        ("FROM local", "seq_scan"),
        ("FROM read_text('{rows}')", "read_text"),
        ("FROM glob('{rows}')", "glob"),
        ("FROM duckdb_tables()", "duckdb_tables"),
    ],
)
def test_a_plan_names_the_scanned_tables(lake: Con, rows: Path, sql: str, name: str) -> None:
    lake.execute("CREATE TABLE memory.local AS SELECT 1 AS id")
    lake.execute(f"CREATE VIEW memory.v AS FROM '{rows}'; CREATE MACRO memory.m() AS TABLE FROM v")
    assert name in {scan for scan, _ in sources(lake, sql.format(rows=rows))}
    if "parquet" in name:
        assert str(rows) in str(sources(lake, sql.format(rows=rows)))


@pytest.mark.parametrize("form", ["csv", "json"])
def test_plans_do_not_name_text_files(lake: Con, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"x.{form}"
    path.write_text('[{"a": 1}]' if form == "json" else "a\n1\n")
    with pytest.raises(NotAllowed):
        sources(lake, f"FROM '{path}'")


# Files of versions


def test_files_and_column_ids_of_a_version(lake: Con, tmp_path: Path) -> None:
    version = number(lake, "FROM sales.last_committed_snapshot()")
    found = version_files(lake, "sales", "products", "t", version, tmp_path)
    assert found.evolved
    assert [(c.id, c.name, c.default) for c in found.columns] == [
        (1, "id", None),
        (2, "new", None),
        (3, "later", "7"),
    ]
    assert "schema = MAP" in found.query
    [listed] = lake.execute(
        "SELECT data_file FROM ducklake_list_files('sales', 't', schema => 'products')"
    ).fetchall()
    assert found.files == listed
    with closing(SealedFiles()) as files, sealed_engine() as engine:
        files.show(engine)
        show_version(engine, "sales/t", found.opened(files, "sales/t"))
        shut(engine, None)
        assert engine.execute("FROM sales.t").fetchall() == [(1, "a", 7)]


# Values of rows, and the process


VALUES = """
    SELECT true, 1::TINYINT, 1::UBIGINT, 1::HUGEINT, 1::UHUGEINT, 1.5::FLOAT, 1.5::DOUBLE, 1.5::DECIMAL(38, 5),
    'x', 'x'::BLOB, '101'::BIT, '12345678901234567890123'::BIGNUM, '12345678-1234-5678-1234-567812345678'::UUID, DATE '2020-01-01', 'infinity'::DATE,
    TIME '01:02:03', '01:02:03+02'::TIMETZ, TIMESTAMP '2020-01-01', 'infinity'::TIMESTAMP, '2020-01-01'::TIMESTAMP_S,
    '2020-01-01'::TIMESTAMP_MS, '2020-01-01'::TIMESTAMP_NS, '2020-01-01 00:00:00+00'::TIMESTAMPTZ, INTERVAL '3 days',
    [1, NULL], [1, 2]::INTEGER[2], {'a': [{'b': 1}]}, MAP {'k': 1}, 'a'::ENUM('a', 'b'), union_value(n := 1), NULL,
    '{"a": 1}'::JSON, TIME_NS '01:02:03.123456', {'a': 1}::VARIANT, 'POINT(0 0)'::GEOMETRY
"""


def test_values_of_all_types_are_read_from_a_child() -> None:
    with sealed_engine() as connection:
        rows = connection.execute(VALUES).fetchmany(2)
        assert _PlainValues(io.BytesIO(pickle.dumps(rows))).load() == rows
        types = {
            kind
            for (kind,) in connection.execute("SELECT DISTINCT logical_type FROM duckdb_types()").fetchall()
        }
    known = """
        BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT FLOAT DOUBLE
        DECIMAL VARCHAR BLOB BIT BIGNUM UUID DATE TIME TIME_NS TIMESTAMP TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS
        INTERVAL LIST STRUCT MAP ENUM UNION NULL ARRAY VARIANT GEOMETRY TYPE
    """
    types -= {"TIMESTAMP WITH TIME ZONE", "TIME WITH TIME ZONE", *known.split()}
    assert not types, "these are not among the values above"


@pytest.mark.parametrize("shape", get_args(Shape))
def test_values_of_all_types_have_every_shape(shape: Shape) -> None:
    with sealed_engine() as connection:
        load_arrow(connection)
        columns, types, rows = begun(connection, VALUES, shape)
        found = rows(9)
        assert len(columns) == len(types) > 30
        if shape not in IN_ARROW:
            return
        table = pyarrow.ipc.open_stream(found).read_all()
        assert "BIGNUM" in types
        assert not [field for field in table.schema if "opaque" in str(field.type)]
        if shape == "parquet":
            pyarrow.parquet.write_table(table.rename_columns(list(map(str, range(len(types))))), io.BytesIO())


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
def test_the_kernels_wall_needs_one_thread() -> None:
    process = os.fork()
    if process == 0:
        stop = threading.Event()
        threading.Thread(target=stop.wait, daemon=True).start()
        try:
            wall_off()
        except RuntimeError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(process, 0)[1] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
def test_a_sealed_engine_has_one_thread_until_it_is_shut() -> None:
    """Threads that are made before the wall are not bound by it."""
    process = os.fork()
    if process == 0:
        with sealed_engine():
            os._exit(len(list(Path("/proc/self/task").iterdir())) - 1)
    assert os.waitpid(process, 0)[1] == 0
