"""A product out of a Postgres table: what is read, what is refused, and what a fault leaves behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from servers import PASSWORD, Postgres, free_port
from small_mesh import SmallMesh

from platform_core.diagnostics import SourceError
from platform_core.sources.order import Range
from platform_core.sources.source import Source
from platform_core.sources.staging import Staging, order_of, stage

COLUMNS = {"id": "BIGINT", "day": "DATE", "amount": "DECIMAL(12,2)", "note": "VARCHAR"}


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert event.step_failure_data.user_failure_data is not None, event.step_failure_data.error
    return str(event.step_failure_data.user_failure_data.description)


def test_a_table_becomes_a_product(till: SmallMesh, instance: dg.DagsterInstance) -> None:
    assert till.run("shop", "shop/takings", instance).success
    assert till.read("SELECT count(*), sum(amount) FROM shop.products.takings") == [(600, 225375)]


def test_only_used_columns_and_the_window_travel(tmp_path: Path, shop: Postgres) -> None:
    shop.run("ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf();")
    source = Source.postgres("till/orders", table="orders", secret="SHOP_DB")
    part = Range("day", "2024-01-05", "2024-01-06")
    staged = stage([order_of("orders", source, {"id": "BIGINT"}, part, tmp_path)], "mesh/test", None)
    assert staged["orders"].rows == 10
    log = (shop.folder / "log").read_text()
    [copy] = [line for line in log.splitlines() if "COPY" in line and "SELECT" in line][-1:]
    assert "2024-01-05" in copy
    assert "amount" not in copy
    shop.run("ALTER SYSTEM RESET ALL; SELECT pg_reload_conf();")


@pytest.mark.full
@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ("ALTER TABLE orders ALTER COLUMN amount TYPE text", "S023", "was DECIMAL(12,2) and is VARCHAR now"),
        ("ALTER TABLE orders DROP COLUMN amount", "S023", "has no column amount"),
        ("DROP TABLE orders", "S023", "has no table orders"),
        ("UPDATE orders SET amount = 'NaN' WHERE id = 7", "S024", "the column amount"),
    ],
)
def test_a_changed_source_is_refused(
    tmp_path: Path, shop: Postgres, change: str, code: str, words: str
) -> None:
    shop.run(change)
    with pytest.raises(SourceError) as refused:
        read(tmp_path, COLUMNS)
    assert refused.value.diagnostics[0].code == code
    assert words in refused.value.diagnostics[0].message


def test_a_fault_of_the_source_keeps_the_last_version(
    till: SmallMesh, instance: dg.DagsterInstance, shop: Postgres
) -> None:
    assert till.run("shop", "shop/takings", instance).success
    shop.run("ALTER TABLE orders DROP COLUMN amount")
    text = failure(till.run("shop", "shop/takings", instance))
    assert "error[S023]" in text
    assert f"{till.root / 'domains/shop/src/shop'}" in text
    assert "readers keep version" in text
    assert till.read("SELECT count(*) FROM shop.products.takings") == [(600,)]
    assert not list(till.lakes.root.glob(".spill-*/*"))


EXACT = [
    ("numeric", "'12345678901234567890.123456789'", "DECIMAL(38,10)", "12345678901234567890.1234567890"),
    ("numeric", "'1.123456789012345678901234567890'", "VARCHAR", "1.123456789012345678901234567890"),
    ("numeric(38, 4)", "'-0.0001'", "DECIMAL(38,4)", "-0.0001"),
    ("timestamptz", "'infinity'", "TIMESTAMP WITH TIME ZONE", "infinity"),
    ("timestamptz", "'2024-05-01 12:00+02'", "TIMESTAMP WITH TIME ZONE", "2024-05-01 10:00:00+00"),
    ("double precision", "'NaN'", "DOUBLE", "nan"),
    ("uuid", "'7d444840-9dc0-11d1-b245-5ffdce74fad2'", "UUID", "7d444840-9dc0-11d1-b245-5ffdce74fad2"),
    ("integer[]", "'{1,NULL,3}'", "INTEGER[]", "[1, NULL, 3]"),
    ("mood", "'ok'", "VARCHAR", "ok"),
    ("bytea", r"'\x00ff'", "BLOB", r"\x00\xFF"),
    ("jsonb", """'{"a": 1}'""", "VARCHAR", '{"a": 1}'),
]
REFUSED = [
    ("numeric", "'1.12345678901'", "DECIMAL(38,10)"),
    ("numeric", "'1e30'", "DECIMAL(38,10)"),
    ("numeric", "'Infinity'", "DECIMAL(38,10)"),
    ("numeric", "'NaN'", "DECIMAL(38,10)"),
    ("numeric(10, 2)", "'NaN'", "DECIMAL(10,2)"),
    ("timestamptz", "'294276-12-31'", "TIMESTAMP WITH TIME ZONE"),
    ("timestamp", "'294276-12-31'", "TIMESTAMP"),
]


@pytest.mark.full
@pytest.mark.parametrize(("kind", "value", "declared", "kept"), EXACT)
def test_a_value_is_kept(
    tmp_path: Path, shop: Postgres, kind: str, value: str, declared: str, kept: str
) -> None:
    shop.run(
        "DROP TYPE IF EXISTS mood; CREATE TYPE mood AS ENUM ('ok', 'sad');"
        f"CREATE TABLE odd (v {kind}); INSERT INTO odd VALUES ({value}), (NULL)"
    )
    read(tmp_path, {"v": declared}, "odd")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(f"SELECT v::VARCHAR, typeof(v) FROM '{tmp_path}/orders.parquet'").fetchall()
    assert rows == [(kept, declared), (None, declared)]


@pytest.mark.full
@pytest.mark.parametrize(("kind", "value", "declared"), REFUSED)
def test_a_value_that_would_change_is_refused(
    tmp_path: Path, shop: Postgres, kind: str, value: str, declared: str
) -> None:
    shop.run(f"CREATE TABLE odd (v {kind}); INSERT INTO odd VALUES ({value}), (NULL)")
    with pytest.raises(SourceError, match=r"column v of the source till/orders has values"):
        read(tmp_path, {"v": declared}, "odd")


@pytest.mark.full
def test_tables_of_one_database_are_read_in_one_snapshot(tmp_path: Path, shop: Postgres) -> None:
    shop.run(
        "CREATE TABLE a (n int); CREATE TABLE b (n int); INSERT INTO a VALUES (0); INSERT INTO b VALUES (0)"
    )
    stopped = threading.Event()

    def count() -> None:
        while not stopped.is_set():
            shop.run("BEGIN; UPDATE a SET n = n + 1; UPDATE b SET n = n + 1; COMMIT;" * 50)

    writer = threading.Thread(target=count)
    writer.start()
    try:
        for _ in range(4):
            orders = [
                order_of(
                    table,
                    Source.postgres(f"till/{table}", table=table, secret="SHOP_DB"),
                    None,
                    None,
                    tmp_path,
                )
                for table in ("a", "b")
            ]
            stage(orders, "mesh/test", None)
            with duckdb.connect() as connection:
                query = f"SELECT a.n, b.n FROM '{tmp_path}/a.parquet' a, '{tmp_path}/b.parquet' b"
                [(a, b)] = connection.execute(query).fetchall()
            assert a == b
    finally:
        stopped.set()
        writer.join()


@pytest.mark.full
@pytest.mark.parametrize(
    ("trouble", "code", "words"),
    [
        ("down", "S022", "cannot be reached"),
        ("locked", "S025", "lock timeout"),
        ("slow", "S025", "statement timeout"),
        ("killed", "S025", "terminating connection"),
        ("password", "S022", "password authentication failed"),
    ],
)
def test_a_server_in_trouble(
    tmp_path: Path,
    shop: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
    code: str,
    words: str,
) -> None:
    table = "orders"
    others: list[threading.Thread] = []
    if trouble == "down":
        monkeypatch.setenv("MESH_SECRET_SHOP_DB", shop.url.replace(str(shop.port), str(free_port())))
    if trouble == "password":
        monkeypatch.setenv("MESH_SECRET_SHOP_DB", shop.url.replace("s3cret", "wr0ng-and-long"))
    if trouble in ("slow", "killed"):
        shop.run("CREATE VIEW slow AS SELECT id, pg_sleep(0.1)::text AS note FROM orders")
        table = "slow"
    if trouble in ("slow", "locked"):
        monkeypatch.setenv("MESH_SOURCE_TIMEOUT", "1")
    if trouble == "locked":
        hold = "BEGIN; LOCK TABLE orders; SELECT pg_sleep(30) FROM pg_sleep(0); COMMIT"
        others.append(threading.Thread(target=lambda: _quietly(shop, hold)))
    if trouble == "killed":
        others.append(threading.Thread(target=lambda: _kill_reader(shop)))
    for other in others:
        other.start()
    if trouble == "locked":
        _until(lambda: shop.run("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'") != "0")
    with pytest.raises(SourceError) as refused:
        read(tmp_path, {"id": "BIGINT", "note": "VARCHAR"}, table)
    shop.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()"
    )
    for other in others:
        other.join()
    text = str(refused.value)
    assert f"error[{code}]" in text
    assert words in text
    assert "wr0ng" not in text
    assert PASSWORD not in text


@pytest.mark.full
def test_ctrl_c_ends_the_read_and_the_server_stops_too(tmp_path: Path, shop: Postgres) -> None:
    shop.run("CREATE VIEW slow AS SELECT id, pg_sleep(0.5)::text AS note FROM orders")
    code = (
        "from pathlib import Path; from platform_core.sources.source import Source\n"
        "from platform_core.sources.staging import order_of, stage\n"
        "source = Source.postgres('till/slow', table='slow', secret='SHOP_DB')\n"
        f"stage([order_of('orders', source, None, None, Path({str(tmp_path)!r}))], 'mesh/test', None)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    _until(lambda: _readers(shop) != "0")
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=60)[1]
    _until(lambda: _readers(shop) == "0")


@pytest.mark.full
def test_a_killed_run_ends_its_reader(tmp_path: Path, shop: Postgres) -> None:
    shop.run("CREATE VIEW slow AS SELECT id, pg_sleep(0.5)::text AS note FROM orders")
    code = (
        "from pathlib import Path; from platform_core.sources.source import Source\n"
        "from platform_core.sources.staging import order_of, stage\n"
        "source = Source.postgres('till/slow', table='slow', secret='SHOP_DB')\n"
        f"stage([order_of('orders', source, None, None, Path({str(tmp_path)!r}))], 'mesh/test', None)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    _until(lambda: _readers(shop) != "0")
    process.kill()
    process.wait()
    _until(lambda: _readers(shop) == "0")


def read(folder: Path, columns: Mapping[str, str], table: str = "orders") -> None:
    source = Source.postgres("till/orders", table=table, secret="SHOP_DB")
    stage([order_of("orders", source, columns, None, folder)], "mesh/test", None)


def _readers(shop: Postgres) -> str:
    return shop.run("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'mesh/%'")


def _kill_reader(shop: Postgres) -> None:
    reading = "application_name LIKE 'mesh/%' AND state = 'active' AND query LIKE '%slow%'"
    _until(lambda: shop.run(f"SELECT count(*) FROM pg_stat_activity WHERE {reading}") != "0")
    shop.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {reading}")


def _quietly(shop: Postgres, statements: str) -> None:
    with suppress(RuntimeError):  # it is terminated
        shop.run(statements)


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise TimeoutError("the server does not reach the state")


@pytest.mark.parametrize(
    ("kind", "value", "declared"),
    [
        ("interval", "'-1 month 2 days 00:00:00.000003'", "INTERVAL"),
        ("timetz", "'12:30:00+05:30'", "TIME WITH TIME ZONE"),
    ],
)
def test_a_type_that_parquet_has_not_is_kept(
    tmp_path: Path, shop: Postgres, kind: str, value: str, declared: str
) -> None:
    shop.run(f"CREATE TABLE odd (v {kind}); INSERT INTO odd VALUES ({value})")
    source = Source.postgres("till/odd", table="odd", secret="SHOP_DB")
    staged = Staging({"v": order_of("v", source, {"v": declared}, None, tmp_path)}, "mesh/test", None)
    staged.read()
    with duckdb.connect() as connection:
        query = f"SELECT v = {value}::{declared} FROM ({staged.query('v')})"
        assert connection.execute(query).fetchall() == [(True,)]


@pytest.mark.full
@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("sslmode=require", "S022"),
        ("sslmode=disable", ""),
        ("options=-csearch_path", "unknown part"),
        ("a", "S020"),
    ],
)
def test_an_option_of_the_url_is_obeyed_or_refused(
    tmp_path: Path, shop: Postgres, monkeypatch: pytest.MonkeyPatch, option: str, words: str
) -> None:
    monkeypatch.setenv("MESH_SECRET_SHOP_DB", f"{shop.url}?{option}")
    if not words:
        read(tmp_path, {"id": "BIGINT"})
        return
    with pytest.raises(SourceError, match=words):
        read(tmp_path, {"id": "BIGINT"})


def test_a_database_needs_a_secret(tmp_path: Path) -> None:
    source = Source("till/orders", kind="postgres", table="orders")
    with pytest.raises(SourceError, match="S020"):
        stage([order_of("orders", source, None, None, tmp_path)], "mesh/test", None)
