"""Reading in Python: the same grants, judgement, versions and record as `mesh query`, as objects."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from small_mesh import ANALYSTS, DAYS, SmallMesh, published_mesh

import platform_core.client as mesh
from platform_core.access.query_log import queries
from platform_core.diagnostics import PlatformError
from platform_core.lake.connect import connect
from platform_core.lake.publication.streams import open_stream
from platform_core.lake.transaction import Stamp
from platform_core.lake.versions import published_version

TEN = "SELECT range AS id, range * 1.5::DOUBLE AS amount FROM range(10)"
STREAM = """\
    physicalType: stream
    customProperties: [{property: eventTime, value: clicked, vendor: platform-core}]
    properties:
      - {name: id, logicalType: integer}
      - {name: clicked, logicalType: timestamp, required: true}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallMesh:
    """With two versions of ``sales/transactions``, by day ``sales/sold``, and ``sales/gone``."""
    made = published_mesh(tmp_path_factory.mktemp("mesh"))
    made.publish("sales/transactions", TEN)
    made.contract("sales/sold", DAYS, roles=f"[{ANALYSTS}]")
    days = "SELECT TIMESTAMP '2024-03-30 12:00' + to_days(d) AS sold, d AS amount FROM range(3) t(d)"
    made.publish("sales/sold", days)
    made.contract("sales/many", roles=f"[{ANALYSTS}]")
    made.publish("sales/many", "SELECT range AS id, 1.0::DOUBLE AS amount FROM range(300000)")
    return made


@pytest.fixture(autouse=True)
def in_it(small: SmallMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small.root)
    for name in ("MESH_ROOT", "MESH_HOME", "MESH_LAKE", "MESH_CONTRACTS"):
        monkeypatch.delenv(name, raising=False)


def codes(action: Callable[[], Any]) -> list[str]:
    with pytest.raises(PlatformError) as error:
        action()
    return [found.code for found in error.value.diagnostics]


def ids(rows: mesh.Rows) -> list[int]:
    return sorted(row[0] for row in rows.duckdb().fetchall())


def test_rows_as_a_relation_and_as_arrow() -> None:
    rows = mesh.read("sales.transactions")
    assert rows.arrow().to_pydict() == {"id": list(range(10)), "amount": [n * 1.5 for n in range(10)]}
    assert rows.duckdb().aggregate("sum(amount)").fetchall() == [(67.5,)]
    assert rows.duckdb().filter("id > 7").fetchall() == [(8, 12.0), (9, 13.5)]
    assert repr(rows) == "<rows of sales/transactions: id, amount>"
    assert mesh.read("sales/many").arrow().num_rows == 300_000
    assert mesh.read("sales/pinned").duckdb().columns == ["id", "amount"]


def test_frames_have_text_for_types_that_arrow_does_not_have() -> None:
    rows = mesh.query(
        "SELECT 340282366920938463463374607431768211455::UHUGEINT big, TIMETZ '10:00:00+01' AS at,"
        " BIT '101' AS bits, 12::HUGEINT AS huge, 1 AS d, 2 AS D"
    )
    [found] = rows.arrow().to_pylist()
    assert found == {
        "big": "340282366920938463463374607431768211455",
        "at": "10:00:00+01",
        "bits": "101",
        "huge": 12,
        "d": 1,
        "D_2": 2,
    }
    assert mesh.query("SELECT row(1, 'a') AS unnamed").arrow().num_rows == 1
    with pytest.raises(PlatformError) as error:
        mesh.query("SELECT 10::HUGEINT * 12345678901234567890123456789012345678::HUGEINT").arrow()
    assert "123456789012345678901234567890123456780" not in str(error.value)


def test_threads_wait_for_each_other() -> None:
    rows = mesh.read("sales/many")
    with ThreadPoolExecutor(4) as pool:
        assert {table.num_rows for table in pool.map(lambda _: rows.arrow(), range(8))} == {300_000}


def test_columns_and_partitions(small: SmallMesh) -> None:
    for columns in ("amount", ["amount"]):
        assert mesh.read("sales/transactions", columns=columns).duckdb().columns == ["amount"]

    def amounts(partitions: Any) -> list[Any]:
        return ids(mesh.read("sales/sold", columns=["amount"], partitions=partitions))

    assert amounts("2024-03-31") == [1]
    assert amounts("2024-03-30..2024-03-31") == [0, 1]
    assert amounts(["2024-03-30", "2024-04-01"]) == [0, 2]  # not adjacent
    assert amounts([]) == []
    assert codes(lambda: mesh.read("sales/transactions", columns=["amuont"])) == ["U011"]
    assert codes(lambda: mesh.read("sales/sold", partitions="2023-01-01")) == ["U024"]
    assert codes(lambda: mesh.read("sales/sold", partitions="2024-03-31..2024-03-30")) == ["U024"]
    assert codes(lambda: mesh.read("sales/transactions", partitions="2024-03-31")) == ["U025"]


def test_versions_and_times(small: SmallMesh) -> None:
    newest = mesh.read("sales/transactions").version
    with connect(small.lakes, read=["sales"]) as con:
        [(first, at)] = con.execute(
            "SELECT snapshot_id, snapshot_time FROM sales.snapshots() WHERE"
            " json_extract_string(commit_extra_info, '$.asset') = 'sales/transactions' ORDER BY 1 LIMIT 1"
        ).fetchall()
    for past in ({"version": first}, {"as_of": first}, {"as_of": at}, {"as_of": at.isoformat()}):
        rows = mesh.read("sales/transactions", **past)
        assert (rows.version, ids(rows)) == (first, [0, 1, 2]), past
    assert ids(mesh.query("FROM sales.transactions", as_of=at)) == [0, 1, 2]
    both = f"SELECT count(*) FROM sales.transactions, sales.transactions AT (VERSION => {first})"
    assert mesh.query(both).duckdb().fetchall() == [(30,)]
    assert ids(mesh.read("sales/transactions", as_of=datetime.now(UTC))) == list(range(10))
    assert codes(lambda: mesh.read("sales/transactions", version=newest + 1000)) == ["R023"]
    assert codes(lambda: mesh.read("sales/transactions", version=0)) == ["R023"]
    assert codes(lambda: mesh.read("sales/transactions", as_of="yesterday")) == ["U094"]


@pytest.mark.parametrize(
    ("product", "reader", "code"),
    [
        ("sales/transactoins", "analysts", "D001"),
        ("sales", "analysts", "D001"),
        ("sales/costs", "analysts", "A001"),
        ("hr/payroll", "analysts", "A002"),
        ("sales/later", "analysts", "R020"),
        ("sales/transactions", "nobody:x", "U041"),
        ("sales/transactions", "domain:salse", "U042"),
    ],
)
def test_a_product_that_cannot_be_read_is_a_diagnostic(product: str, reader: str, code: str) -> None:
    assert codes(lambda: mesh.read(product, reader=reader)) == [code]
    if code != "D001":
        by_query = code if code[0] in "AUR" else "U043"
        assert codes(lambda: mesh.query(f'FROM "{product}"', reader=reader)) == [by_query]


def test_a_domain_reads_its_own_restricted_product() -> None:
    assert ids(mesh.read("hr/payroll", reader="domain:hr")) == [0, 1, 2]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELEC 1", "U040"),
        ("SELECT nothing FROM sales.transactions", "U040"),
        ("COPY sales.transactions TO 'x.csv'", "A010"),
        ("FROM read_csv('/etc/passwd')", "A012"),
        ("FROM '/etc/passwd'", "U043"),
        ("FROM sales.costs", "A001"),
    ],
)
def test_a_query_is_judged(sql: str, code: str) -> None:
    assert codes(lambda: mesh.query(sql)) == [code]


def test_a_value_that_cannot_be_computed_is_not_quoted() -> None:
    rows = mesh.query("SELECT CAST(chr(115) || 'ecret' || id AS INTEGER) FROM sales.transactions")
    with pytest.raises(PlatformError) as error:
        rows.arrow()
    assert error.value.diagnostics[0].code == "U040"
    assert "secret" not in str(error.value)


def test_the_engine_sees_only_what_was_granted(small: SmallMesh) -> None:
    relation = mesh.read("sales/transactions").duckdb()
    file = next(small.lakes.data_folder("sales").rglob("*.parquet"))
    for sql in (
        f"FROM read_parquet('{file}')", "FROM read_csv('/etc/passwd')", "FROM sales.costs",
        f"ATTACH '{small.lakes.catalog_file('sales')}' (TYPE sqlite)", "SET enable_external_access = true",
        "COPY (SELECT 1) TO 'mesh://sales/transactions/1/0'", "FROM read_parquet('mesh://sales/costs/1/0')",
    ):  # fmt: skip
        with pytest.raises(duckdb.Error):
            relation.query("rows", sql).fetchall()


def test_one_object_keeps_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the files are gone from the lake, and when only a relation of it is left."""
    made = published_mesh(tmp_path)
    rows = mesh.read("sales/transactions", root=tmp_path)
    joined = mesh.query("SELECT count(*) FROM sales.transactions JOIN sales.pinned USING (id)", root=tmp_path)
    relation = mesh.read("sales/transactions", root=tmp_path).duckdb()
    made.publish("sales/transactions", TEN)
    shutil.rmtree(made.lakes.data_folder("sales"))
    assert ids(rows) == ids(rows) == [0, 1, 2]
    assert joined.duckdb().fetchall() == [(3,)]
    assert relation.filter("id > 1").fetchall() == [(2, 3.0)]
    assert codes(lambda: mesh.read("sales/transactions", root=tmp_path)) == ["L004"]


def test_a_product_that_was_unpublished_since(tmp_path: Path) -> None:
    from platform_core.contracts.product_id import ProductId
    from platform_core.lake.removal import remove_product

    made = published_mesh(tmp_path)
    remove_product(made.lakes, "sales", ProductId("sales/transactions"), "test", "sales")
    assert codes(lambda: mesh.read("sales/transactions", root=tmp_path)) == ["R020"]


def test_reads_are_recorded(small: SmallMesh) -> None:
    before = len(list(queries(small.root / ".mesh")))
    mesh.read("sales/pinned")
    mesh.query("SELECT count(*) FROM sales.transactions", reader="domain:hr")
    assert [(read.principal, read.products) for read in list(queries(small.root / ".mesh"))[before:]] == [
        ("analysts", ("sales/pinned",)),
        ("domain:hr", ("sales/transactions",)),
    ]


def test_a_reader_that_cannot_write_the_record_still_reads(
    small: SmallMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mesh, "record_query", lambda *_: False)
    with pytest.warns(UserWarning, match="not recorded"):
        assert ids(mesh.read("sales/pinned")) == [0, 1, 2]


def test_the_granted_products_are_listed(small: SmallMesh) -> None:
    assert [product.id for product in mesh.products()] == [
        "sales/later", "sales/many", "sales/pinned", "sales/sold", "sales/transactions",
    ]  # fmt: skip
    assert "hr/payroll" in [product.id for product in mesh.products(reader="domain:hr")]
    broken = small.write("domains/sales/contracts/broken.odcs.yaml", "id: [")
    with pytest.warns(UserWarning, match=r"broken\.odcs\.yaml"):
        assert len(mesh.products()) == 5
    broken.unlink()


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    assert codes(mesh.read("sales/pinned").polars) == ["U110"]


def test_outside_of_a_mesh(tmp_path: Path) -> None:
    assert codes(lambda: mesh.read("sales/pinned", root=tmp_path)) == ["U001"]


def test_changes_of_a_stream(tmp_path: Path) -> None:
    made = SmallMesh.make(tmp_path, "shop")
    made.contract("shop/clicks", STREAM, roles=f"[{ANALYSTS}]")
    product, versions = made.registry.get("shop/clicks"), []
    with (
        connect(made.lakes, write=["shop"]) as con,
        open_stream(con, made.lakes, product, stamp=Stamp("run", product.id)) as stream,
    ):
        for n in range(3):
            rows = f"SELECT {n} AS id, TIMESTAMP '2024-05-01' AS clicked"
            stream.append(str(n), rows, audit=str.join)
            versions.append(published_version(con, product) or 0)
    now = mesh.read("shop/clicks", root=tmp_path)
    assert ids(now) == [0, 1, 2]
    assert [ids(now.changes(since=version)) for version in versions] == [[1, 2], [2], []]
    past = mesh.read("shop/clicks", version=versions[1], root=tmp_path)
    assert ids(past.changes(since=versions[0])) == [1]
    assert codes(lambda: past.changes(since=versions[2])) == ["R023"]
    assert codes(lambda: now.changes(since=0)) == ["R023"]
    with connect(made.lakes, write=["shop"]) as con:
        con.execute("DELETE FROM shop.products.clicks WHERE id = 0")
        stamp = Stamp("run", product.id)
        with open_stream(con, made.lakes, product, stamp=stamp) as stream:
            stream.append("3", "SELECT 3 AS id, TIMESTAMP '2024-05-01' AS clicked", audit=str.join)
    assert codes(lambda: mesh.read("shop/clicks", root=tmp_path).changes(since=versions[0])) == ["L043"]


def test_only_some_kinds_have_a_file_a_model_and_changes() -> None:
    rows = mesh.read("sales/pinned")
    assert codes(rows.path) == codes(rows.model) == codes(lambda: rows.changes(since=1)) == ["U111"]


@pytest.mark.full
def test_a_file_product_has_the_file_of_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = SmallMesh.make(tmp_path, "shop")
    table = "    physicalName: extract.csv\n    physicalType: file\n    properties:\n"
    made.contract(
        "shop/extract", f"{table}      - {{name: id, logicalType: integer}}\n", roles=f"[{ANALYSTS}]"
    )
    for number in (1, 2):
        made.code("shop", f'@data_product\ndef extract():\n    return "SELECT {number} AS id"\n')
        with dg.instance_for_test() as instance:
            assert made.run("shop", "shop/extract", instance).success
        if number == 1:
            first = mesh.read("shop/extract")
    assert (first.path().read_text(), mesh.read("shop/extract").path().read_text()) == ("id\n1\n", "id\n2\n")
    assert first.path() != mesh.read("shop/extract").path()


HEAVY = {"dagster", "dagster_duckdb", "dbt", "numpy", "pandas", "polars", "pyarrow", "rich", "sqlalchemy"}


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import platform_core.client as mesh; mesh.read('sales/pinned').duckdb().fetchall()", HEAVY),
        ("import platform_core.cli.read.query", HEAVY - {"rich"}),
    ],
)
def test_reading_loads_nothing_heavy(small: SmallMesh, code: str, heavy: set[str]) -> None:
    code = f"import sys; {code}; print(sorted({heavy!r} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=small.root, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
