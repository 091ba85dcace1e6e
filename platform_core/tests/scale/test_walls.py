"""Walls of a deployment: roles of Postgres and keys of the object store, attacked by programs that know them.

Every attack is on what the contracts do not grant. Next to it stands a control that must succeed, so that an
attack does not fail for another reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import duckdb
import obstore
import psycopg2
import pytest
from obstore.store import S3Store
from on_servers import Deployed

from platform_core.lake.engine import open_engine
from platform_core.lake.remote.lakes import RemoteLakes

pytestmark = [pytest.mark.full, pytest.mark.scale]

Attach = Callable[[str, str], duckdb.DuckDBPyConnection]
SQL = {
    "sales": "hr",  # whoever attacks, and the lake that is attacked
    "hr": "sales",
    "analysts": "sales",
}
WRITES = [
    "UPDATE {s}.ducklake_table SET table_name = 'x'",
    "INSERT INTO {s}.ducklake_snapshot SELECT 99, now(), 1, 1, 1",
    "DELETE FROM {s}.ducklake_data_file",
    "TRUNCATE {s}.ducklake_data_file",
    "DROP TABLE {s}.ducklake_table CASCADE",
    "DROP SCHEMA {s} CASCADE",
    "CREATE TABLE {s}.mine (a int)",
    "CREATE TABLE public.mine (a int)",
    "CREATE SCHEMA mine",
    "CREATE TEMP TABLE mine (a int)",
    "CREATE DATABASE mine",
    "CREATE ROLE mine",
    "SET ROLE {s}",
    "SET SESSION AUTHORIZATION {s}",
    "ALTER ROLE current_user SUPERUSER",
    "ALTER ROLE {s} PASSWORD 'x'",
    "GRANT {s} TO current_user",
    "GRANT ALL ON SCHEMA {s} TO current_user",
    "LOCK TABLE {s}.mesh_lock IN ACCESS SHARE MODE",
    "LOCK TABLE {s}.ducklake_table IN ROW EXCLUSIVE MODE",
    "SELECT * FROM {s}.mesh_writing",
    "INSERT INTO {s}.mesh_grants VALUES (current_user, '{s}/costs', 'costs')",
    "UPDATE {s}.mesh_grants SET relation = 'costs'",
    "ALTER TABLE {s}.ducklake_table DISABLE ROW LEVEL SECURITY",
    "DROP POLICY mesh_read ON {s}.ducklake_table",
    "CREATE POLICY mine ON {s}.ducklake_table USING (true)",
    "COPY {s}.ducklake_table TO '/tmp/stolen'",
    "COPY {s}.ducklake_table TO PROGRAM 'cat'",
    "SELECT * FROM pg_shadow",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "DO $$ BEGIN EXECUTE 'SET ROLE {s}'; END $$",
    "CREATE FUNCTION {s}.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EXTENSION dblink",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user",
    "VACUUM {s}.ducklake_table",
]
_OTHERS = "SELECT count(*) FROM {{s}}.ducklake_{} WHERE table_id NOT IN ({{granted}})"
SEEN = {
    "names": "SELECT count(*) FROM {s}.ducklake_table WHERE table_name NOT LIKE 'orders%'",
    "columns": _OTHERS.format("column"),
    "files": _OTHERS.format("data_file"),
    "limits of columns": _OTHERS.format("file_column_stats"),
    "limits of tables": _OTHERS.format("table_column_stats"),
    "rows": _OTHERS.format("table_stats"),
    "stamps": "SELECT count(*) FROM {s}.ducklake_snapshot_changes WHERE commit_extra_info LIKE '%costs%'",
    "grants": "SELECT count(*) FROM {s}.mesh_grants WHERE reader <> current_user",
    "deletions": "SELECT count(*) FROM {s}.ducklake_files_scheduled_for_deletion",
}


def stopped(servers: Deployed, role: str, statement: str) -> bool:
    """Whether Postgres refuses a statement, or warns that it does nothing."""
    with closing(servers.psql(role)) as session:
        session.autocommit = True
        cursor = session.cursor()
        try:
            cursor.execute(statement)
        except psycopg2.Error:
            return True
        changed = cursor.rowcount > 0 and (cursor.description is None or any(map(any, cursor.fetchall())))
        warned = any("WARNING" in notice for notice in session.notices)
        return warned or (not changed and statement.startswith(("UPDATE", "DELETE", "SELECT pg_terminate")))


@pytest.mark.parametrize("role", SQL)
def test_a_role_changes_nothing_of_another_lake(servers: Deployed, role: str) -> None:
    with closing(servers.psql("admin")):  # somebody to end
        assert [s for s in WRITES if not stopped(servers, role, s.format(s=SQL[role]))] == []
    with closing(servers.psql("admin")) as session:
        cursor = session.cursor()
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolsuper")
        assert cursor.fetchall() == [("owner",)]
    checked = servers.mesh("admin", "grant", "check")
    assert checked.returncode == 0, checked.stdout


OWN = [
    "CREATE TABLE sales.mine (a int)",
    "CREATE FUNCTION sales.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER t BEFORE INSERT ON sales.mesh_grants FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE TRIGGER t BEFORE INSERT ON sales.ducklake_table FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE POLICY p ON sales.ducklake_table USING (true)",
    "ALTER POLICY mesh_read ON sales.ducklake_table USING (true)",
    "ALTER TABLE sales.ducklake_table DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE sales.ducklake_table ADD COLUMN x int",
    "CREATE RULE r AS ON SELECT TO sales.ducklake_table DO INSTEAD SELECT 1",
    "CREATE VIEW sales.v AS SELECT 1",
    "GRANT SELECT ON sales.ducklake_table TO analysts",
    "GRANT USAGE ON SCHEMA sales TO PUBLIC",
    "INSERT INTO sales.mesh_grants VALUES ('analysts', 'sales/costs', 'costs')",
    "DELETE FROM sales.mesh_grants WHERE true RETURNING 1",
    "ALTER SCHEMA sales RENAME TO mine",
    "DROP TABLE sales.mesh_lock",
]


@pytest.mark.parametrize("statement", OWN)
def test_a_domain_changes_rows_of_its_lake_and_nothing_else(servers: Deployed, statement: str) -> None:
    """An owner could let others, the administrator too, execute its code with their rights."""
    assert stopped(servers, "sales", statement)
    with closing(servers.psql("sales")) as session, session.cursor() as cursor:
        cursor.execute("UPDATE sales.ducklake_snapshot SET next_file_id = next_file_id")  # the control
        assert cursor.rowcount > 0


def test_plans_do_not_show_values_of_hidden_rows(servers: Deployed) -> None:
    with closing(servers.psql("admin")) as session:
        session.autocommit = True
        cursor = session.cursor()
        cursor.execute("ANALYZE")
        cursor.execute("SELECT max_value FROM sales.ducklake_table_column_stats")
        hidden = [value for (value,) in cursor.fetchall() if value and value.startswith("15555")]
        assert hidden
        cursor.execute("SELECT count(*) FROM pg_stats WHERE schemaname IN ('sales', 'hr', 'hr_restricted')")
        assert cursor.fetchall() == [(0,)]
    plans = []
    with closing(servers.psql("analysts")) as session, session.cursor() as cursor:
        for value in (hidden[0], "15555.1", "z"):
            cursor.execute(
                "EXPLAIN SELECT FROM sales.ducklake_file_column_stats WHERE max_value = %s", [value]
            )
            plans.append([line.replace(value, "") for (line,) in cursor.fetchall()])
    assert plans[0] == plans[1] == plans[2]


DRIFT = [
    "CREATE POLICY other ON sales.ducklake_table USING (true)",
    "ALTER POLICY mesh_read ON sales.ducklake_table USING (true)",
    "ALTER POLICY mesh_own ON sales.ducklake_table TO PUBLIC",
    "DROP POLICY mesh_read ON sales.ducklake_column",
    "GRANT SELECT (table_name) ON hr.ducklake_table TO analysts",
    "GRANT SELECT ON sales.mesh_writing TO analysts",
    "GRANT USAGE ON SCHEMA hr TO PUBLIC",
    "GRANT sales TO analysts",
    "ALTER ROLE analysts CREATEDB",
    "ALTER ROLE analysts BYPASSRLS",
    "ALTER ROLE analysts PASSWORD 'another'",
    "ALTER ROLE analysts CONNECTION LIMIT -1",
    "ALTER TABLE sales.ducklake_column DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE sales.ducklake_column OWNER TO sales",
    "ALTER TABLE sales.ducklake_column ALTER COLUMN column_name SET STATISTICS 100",
    "CREATE TRIGGER t BEFORE UPDATE ON sales.ducklake_table FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "INSERT INTO sales.mesh_grants VALUES ('analysts', 'sales/costs', 'costs')",
    "DELETE FROM sales.mesh_grants",
    "GRANT CREATE ON SCHEMA public TO PUBLIC",
    "GRANT TEMPORARY ON DATABASE shop TO PUBLIC",
    "GRANT CONNECT ON DATABASE postgres TO PUBLIC",
]


@pytest.mark.parametrize("statement", DRIFT)
def test_an_opening_by_an_administrator_is_closed_again(servers: Deployed, statement: str) -> None:
    with closing(servers.psql("admin")) as session:
        session.autocommit = True
        session.cursor().execute(statement)
    assert servers.mesh("admin", "grant", "check").returncode == 1
    applied = servers.mesh("admin", "grant", "apply")
    assert applied.returncode == 0, applied.stderr
    assert servers.mesh("admin", "grant", "check").returncode == 0


def test_an_open_transaction_of_a_reader_stops_nobody_for_long(servers: Deployed) -> None:
    with closing(servers.psql("admin")) as admin, closing(servers.psql("analysts")) as reader:
        admin.autocommit = True
        admin.cursor().execute("COMMENT ON POLICY mesh_read ON sales.ducklake_table IS 'another'")
        reader.cursor().execute("LOCK TABLE sales.ducklake_table IN ACCESS SHARE MODE")
        refused = servers.mesh("admin", "grant", "apply")
        assert refused.returncode == 1
        assert refused.stderr.startswith("error[E018]"), refused.stderr
    assert servers.mesh("admin", "grant", "apply").returncode == 0


@pytest.mark.parametrize("role", ["hr", "analysts"])
@pytest.mark.parametrize("what", SEEN)
def test_a_product_that_is_not_granted_is_not_seen_next_to_one_that_is(
    servers: Deployed, role: str, what: str
) -> None:
    granted = "SELECT table_id FROM sales.ducklake_table"
    with closing(servers.psql(role)) as session:
        cursor = session.cursor()
        cursor.execute(granted)
        assert len(cursor.fetchall()) == 1
        with suppress(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(SEEN[what].format(s="sales", granted=granted))
            assert cursor.fetchall() == [(0,)]


@pytest.mark.parametrize("role", ["sales", "analysts"])
def test_a_lake_without_a_grant_is_closed(servers: Deployed, role: str) -> None:
    for lake in ("hr", "hr_restricted"):
        for table in ("ducklake_table", "ducklake_snapshot", "ducklake_metadata", "mesh_grants"):
            assert stopped(servers, role, f"SELECT count(*) FROM {lake}.{table}"), (lake, table)


@pytest.fixture
def engine(servers: Deployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Attach]:
    """An engine of DuckDB with a lake attached to write, as a principal."""
    opened: list[duckdb.DuckDBPyConnection] = []

    def attached(principal: str, lake: str) -> duckdb.DuckDBPyConnection:
        monkeypatch.setenv("MESH_PRINCIPAL", principal)
        location = RemoteLakes(servers.root / ".mesh" / "lake", servers.lakes)
        opened.append(open_engine(location.extensions))
        location.attach(opened[-1], lake, read_only=False)
        return opened[-1]

    yield attached
    for connection in opened:
        connection.close()


BY_DUCKDB = [
    "CREATE TABLE sales.products.mine AS SELECT 1",
    "CREATE OR REPLACE TABLE sales.products.orders AS SELECT 1",
    "INSERT INTO sales.products.orders SELECT 1, 2",
    "DELETE FROM sales.products.orders",
    "UPDATE sales.products.orders SET amount = 0",
    "DROP TABLE sales.products.orders",
    "ALTER TABLE sales.products.orders ADD COLUMN x INTEGER",
    "CREATE SCHEMA sales.mine",
    "CREATE VIEW sales.products.v AS SELECT 1",
    "CALL sales.set_option('data_inlining_row_limit', 10)",
    "CALL ducklake_expire_snapshots('sales', older_than => now())",
    "FROM sales.products.costs",
    "FROM sales.products.costs AT (VERSION => 4)",
    "DESCRIBE sales.products.costs",
    "SELECT * FROM ducklake_list_files('sales', 'costs', schema => 'products')",
    "FROM ducklake_table_insertions('sales', 'products', 'costs', 0, 5)",
    "FROM read_parquet('s3://mesh-sales/data/products/costs/*.parquet')",
    "FROM glob('s3://mesh-sales/**')",
    "FROM glob('s3://mesh-sales/data/products/costs/*')",
    "FROM glob('s3://mesh-sales-restricted/**')",
    "COPY (SELECT 1) TO 's3://mesh-sales/data/products/orders/mine.parquet'",
    "FROM read_blob('s3://mesh-hr-restricted/data/products/pay/*')",
    "CALL ducklake_delete_orphaned_files('sales', cleanup_all => true)",
]


@pytest.mark.parametrize("principal", ["analysts", "hr"])
def test_an_engine_reads_what_is_granted_and_nothing_else(
    engine: Attach, servers: Deployed, principal: str
) -> None:
    connection = engine(principal, "sales")
    assert connection.execute("SELECT count(*) FROM sales.products.orders").fetchall() == [(50_000,)]
    known = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'products'"
    assert connection.execute(known).fetchall() == [("orders",)]
    through = []
    for statement in BY_DUCKDB:
        if principal == "hr" and "mesh-hr" in statement:
            continue  # its own
        try:
            rows = connection.execute(statement).fetchall()
        except duckdb.Error:
            continue
        through += [(statement, rows)] if rows and rows != [(0,)] else []
    assert through == []
    assert connection.execute("SELECT count(*) FROM sales.products.orders").fetchall() == [(50_000,)]


@pytest.mark.parametrize("lake", ["hr", "hr_restricted"])
@pytest.mark.parametrize("principal", ["analysts", "sales"])
def test_a_lake_without_a_grant_cannot_be_attached(engine: Attach, principal: str, lake: str) -> None:
    with pytest.raises(duckdb.Error, match=r"permission denied for schema|does not exist"):
        engine(principal, lake)


def client(servers: Deployed, key: str, bucket: str, secret: str | None = None) -> S3Store:
    return S3Store(
        bucket,
        endpoint=servers.store.endpoint,
        access_key_id=f"{key}-key",
        secret_access_key=secret or f"{key}-s3cret-key",
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


def s3_attacks(servers: Deployed, key: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Calls at objects of sales that are not granted, and of the restricted lake of hr."""
    objects = [each["path"] for part in obstore.list(client_of_owner(servers, "mesh-sales")) for each in part]
    costs = next(path for path in objects if "/costs/" in path)
    orders = next(path for path in objects if "/orders/" in path)
    store, pay = client(servers, key, "mesh-sales"), client(servers, key, "mesh-hr-restricted")
    kept = client_of_owner(servers, "mesh-hr-restricted")
    [secret] = [each["path"] for part in obstore.list(kept) for each in part if "/pay/" in each["path"]][:1]
    assert obstore.get(store, orders).bytes()  # the control
    yield "get another product", lambda: obstore.get(store, costs)
    yield "a range of another product", lambda: obstore.get_range(store, costs, start=0, length=4)
    yield "head another product", lambda: obstore.head(store, costs)
    yield "copy another product", lambda: obstore.copy(store, costs, orders + ".copy")
    yield "rename another product", lambda: obstore.rename(store, costs, orders + ".copy")
    yield "put into another product", lambda: obstore.put(store, costs, b"x")
    yield "put a new object", lambda: obstore.put(store, "data/products/mine/x", b"x")
    yield "put into the granted product", lambda: obstore.put(store, orders, b"x")
    yield "delete the granted product", lambda: obstore.delete(store, orders)
    yield "delete another product", lambda: obstore.delete(store, costs)
    yield "delete several", lambda: obstore.delete(store, [orders, costs])
    yield "list the bucket", lambda: list(obstore.list(store))
    yield "list another product", lambda: list(obstore.list(store, prefix="data/products/costs"))
    yield "a look-alike prefix", lambda: obstore.get(store, "data/products/orders2/x")
    yield "dots", lambda: obstore.get(store, costs.replace("products/costs", "products/orders/..%2Fcosts"))
    yield (
        "many parts",
        lambda: obstore.put(store, "data/big", b"x" * 6_000_000, chunk_size=5_300_000, use_multipart=True),
    )
    yield "a signed address", lambda: _opened(obstore.sign(store, "GET", costs, _minute()))
    yield "list the restricted bucket", lambda: list(obstore.list(pay))
    yield "get a restricted object", lambda: obstore.get(pay, secret)
    yield "put a restricted object", lambda: obstore.put(pay, "data/x", b"x")
    yield "a wrong secret", lambda: obstore.get(client(servers, key, "mesh-sales", "wrong"), orders)
    yield "an unknown key", lambda: obstore.get(client(servers, "nobody", "mesh-sales"), orders)
    yield "no key", lambda: _opened(f"{servers.store.endpoint}/mesh-sales/{orders}")


def _minute() -> object:
    from datetime import timedelta

    return timedelta(minutes=1)


def _opened(address: str) -> bytes:
    from urllib.request import urlopen

    with urlopen(address) as answer:
        return bytes(answer.read())


def client_of_owner(servers: Deployed, bucket: str) -> S3Store:
    from servers import OWNER

    return S3Store(
        bucket,
        endpoint=servers.store.endpoint,
        access_key_id=OWNER["access_key"],
        secret_access_key=OWNER["secret_key"],
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )


@pytest.mark.parametrize("key", ["analysts", "hr"])
def test_a_key_opens_the_granted_product_and_nothing_else(servers: Deployed, key: str) -> None:
    owner = client_of_owner(servers, "mesh-sales")
    before = {(each["path"], each["e_tag"]) for part in obstore.list(owner) for each in part}
    through = []
    for name, attack in s3_attacks(servers, key):
        if key == "hr" and "restricted" in name:
            continue  # its own
        try:
            found = attack()
        except Exception:  # noqa: BLE001 - any refusal
            continue
        through.append((name, found))
    # A list that is refused may be an empty one.
    assert [each for each in through if each[1] != []] == []
    assert {(each["path"], each["e_tag"]) for part in obstore.list(owner) for each in part} == before
