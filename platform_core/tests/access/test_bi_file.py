"""BI files: views over granted versions that any DuckDB from 1.0 on reads, replaced under open readers."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread

import dagster as dg
import duckdb
import pytest
from small_mesh import AMOUNTS, ANALYSTS, ROWS, SmallMesh, published_mesh

from platform_core.access.bi_file import attach, refresh_attached
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import LakeError, UsageError
from platform_core.lake.connect import connect
from platform_core.lake.publication import reader_files
from platform_core.lake.publication.reader_files import held, links_of
from platform_core.lake.transaction import Stamp, number, transaction
from platform_core.registry.lookup import Registry
from platform_core.workspace.removal.state import of_products

OFFLINE = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
CHANGES = {
    "deletions": ["DELETE FROM {t} WHERE id = 1", "INSERT INTO {t} VALUES (7, 1.5)"],
    "columns": [
        'ALTER TABLE {t} RENAME amount TO "it is"',
        "ALTER TABLE {t} ADD COLUMN added INTEGER DEFAULT 7",
        "INSERT INTO {t} VALUES (8, 2.5, 9)",
    ],
    "nested": [
        "ALTER TABLE {t} ADD COLUMN s STRUCT(a INTEGER)",
        "INSERT INTO {t} VALUES (1, 2, {{'a': 1}})",
        "ALTER TABLE {t} ADD COLUMN s.b INTEGER",
        "INSERT INTO {t} VALUES (2, 3, {{'a': 1, 'b': 2}})",
    ],
    "types": [
        "ALTER TABLE {t} ADD COLUMN d DECIMAL(38, 10)",
        "ALTER TABLE {t} ADD COLUMN l VARCHAR[]",
        "ALTER TABLE {t} ADD COLUMN b BLOB",
        "ALTER TABLE {t} ADD COLUMN z TIMESTAMPTZ",
        "INSERT INTO {t} VALUES (1, 'inf', 1.0000000001, ['a', NULL], '\\xAA', '2020-01-01 00:00:00+00')",
    ],
    "emptied": ["DELETE FROM {t}"],
    "empty": ["CREATE OR REPLACE TABLE {t} AS SELECT 1 AS id, 'x' AS note LIMIT 0"],
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published_mesh(tmp_path_factory.mktemp("published")).root


@pytest.fixture
def mesh(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallMesh:
    shutil.copytree(published, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("MESH_ROOT", str(tmp_path))
    return SmallMesh(tmp_path)


def change(mesh: SmallMesh, product: str, statements: list[str]) -> None:
    found = mesh.registry.get(product)
    relation = f'{found.lake}.products."{found.name}"'
    with connect(mesh.lakes, write=[found.lake]) as con:
        for statement in statements:
            with transaction(con, mesh.lakes, found.lake, holder="test") as commit:
                con.execute(statement.format(t=relation))
                rows = number(con, f"SELECT count(*) FROM {relation}")
                facts = {"kind": "table", "rows": rows, "rows_written": rows, "partition": None}
                commit.sign(Stamp(run_id="run-2", asset=product), facts)


def evolved(mesh: SmallMesh, *names: str) -> list[str]:
    """A product of analysts for each of some CHANGES."""
    for name in names:
        mesh.contract(f"sales/{name}", AMOUNTS, roles=f"[{ANALYSTS}]")
        mesh.publish(f"sales/{name}")
        change(mesh, f"sales/{name}", CHANGES[name])
    return ["sales/transactions", "sales/pinned", *(f"sales/{name}" for name in names)]


def lake_rows(mesh: SmallMesh, product: str) -> list[str]:
    name = product.partition("/")[2]
    rows = mesh.read(f'SELECT t::VARCHAR FROM (FROM sales.products."{name}") t ORDER BY ALL', "sales")
    return [str(row) for (row,) in rows]


def bi_rows(file: Path, product: str) -> list[str]:
    name = product.partition("/")[2]
    with duckdb.connect(str(file), read_only=True, config=OFFLINE) as con:
        con.execute("SET TimeZone = 'UTC'")
        rows = con.execute(f'SELECT t::VARCHAR FROM (FROM sales."{name}") t ORDER BY ALL').fetchall()
    return [str(row) for (row,) in rows]


def test_every_kind_of_version_has_the_rows_of_its_lake(mesh: SmallMesh, tmp_path: Path) -> None:
    products = evolved(mesh, "deletions")
    file = tmp_path / "mesh.duckdb"
    views, left_out, _ = attach(file, "analysts", tmp_path, after_runs=False)
    assert sorted(views) == sorted(products)
    assert left_out == 5  # never published, not granted, restricted
    assert {product: bi_rows(file, product) for product in products} == {
        product: lake_rows(mesh, product) for product in products
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    with duckdb.connect(str(file), read_only=True) as con:
        [(text,)] = con.execute(
            "SELECT comment FROM duckdb_views() WHERE view_name = 'transactions'"
        ).fetchall()
        [(column,)] = con.execute(
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'transactions' AND column_name = 'id'"
        ).fetchall()
        listed = con.execute("SELECT product, version FROM mesh_products").fetchall()
    assert text.startswith(f"sales/transactions, version {views['sales/transactions']}, published 20")
    assert column == "Number."
    assert dict(listed) == views


@pytest.mark.full
@pytest.mark.parametrize("version", ["1.0.0", "1.1.3", "1.4.4"])
def test_old_engines_read_it_without_an_extension(mesh: SmallMesh, tmp_path: Path, version: str) -> None:
    products = evolved(mesh, *CHANGES)
    file, python = tmp_path / "mesh.duckdb", tmp_path / "venv" / "bin" / "python"
    attach(file, "analysts", tmp_path, after_runs=False)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", f"duckdb=={version}"], check=True)
    code = (
        "import duckdb, json, sys\n"
        f"con = duckdb.connect({str(file)!r}, read_only=True, config={OFFLINE!r})\n"
        "print(json.dumps({p: [str(r) for (r,) in con.execute("
        "'SELECT t::VARCHAR FROM (FROM sales.\"' + p.split('/')[1] + '\") t ORDER BY ALL').fetchall()]"
        " for p in sys.argv[1:]}))"
    )
    # TIMESTAMPTZ as text needs the extension icu, which old wheels have not linked.
    assert {product: bi_rows(file, product) for product in products} == {
        product: lake_rows(mesh, product) for product in products
    }
    shown = [product for product in products if product != "sales/types"]
    read = subprocess.run([python, "-c", code, *shown], check=True, capture_output=True, text=True)
    assert json.loads(read.stdout) == {product: lake_rows(mesh, product) for product in shown}


def test_an_open_reader_keeps_its_version_until_it_reconnects(mesh: SmallMesh, tmp_path: Path) -> None:
    file = tmp_path / "mesh.duckdb"
    attach(file, "analysts", tmp_path, after_runs=False)
    with duckdb.connect(str(file), read_only=True) as before:
        mesh.publish("sales/transactions", "SELECT 9 AS id, 1.5::DOUBLE AS amount")
        attach(file, "analysts", tmp_path, after_runs=False)
        assert before.execute("SELECT count(*) FROM sales.transactions").fetchall() == [(3,)]
    with duckdb.connect(str(file), read_only=True) as after:
        assert after.execute("SELECT id FROM sales.transactions").fetchall() == [(9,)]


def test_a_refresh_waits_for_no_client_and_takes_none_of_its_log(mesh: SmallMesh, tmp_path: Path) -> None:
    file = tmp_path / "mesh.duckdb"
    attach(file, "analysts", tmp_path, after_runs=False)
    code = (
        "import duckdb, os\n"
        f"con = duckdb.connect({str(file)!r})\n"
        "con.execute('CREATE TABLE mine AS SELECT 42 AS x')\n"
        "os._exit(1)"
    )
    file.chmod(0o644)  # as root is not held back by 0444
    subprocess.run([sys.executable, "-c", code], check=False)
    file.chmod(0o444)
    assert file.with_name("mesh.duckdb.wal").exists()
    attach(file, "analysts", tmp_path, after_runs=False)
    with duckdb.connect(str(file), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'mine'").fetchall() == [
            (0,)
        ]


def test_a_lost_grant_takes_the_view_and_the_links(mesh: SmallMesh, tmp_path: Path) -> None:
    file = tmp_path / "mesh.duckdb"
    attach(file, "analysts", tmp_path, after_runs=False)
    mesh.contract("sales/transactions", AMOUNTS, roles="[]")
    views, *_ = attach(file, "analysts", tmp_path, after_runs=False)
    assert sorted(views) == ["sales/pinned"]
    assert [record["product"] for record in held(tmp_path / ".mesh")] == ["sales/pinned"]


def test_a_second_refresh_and_a_broken_contract_keep_the_links_of_others(
    mesh: SmallMesh, tmp_path: Path
) -> None:
    file = tmp_path / "mesh.duckdb"
    mesh.contract("sales/second", roles=f"[{ANALYSTS}]")
    mesh.publish("sales/second", ROWS)
    attach(file, "analysts", tmp_path, after_runs=False)
    links = tmp_path / ".mesh" / "bi" / "analysts" / "sales"
    assert (links / "second").is_dir()
    # A contract that cannot be read takes no grant away.
    contract = mesh.contract("sales/second", roles=f"[{ANALYSTS}]")
    good = contract.read_text()
    contract.write_text(": [broken")
    views, _, faults = attach(file, "analysts", tmp_path, after_runs=False)
    assert "sales/second" not in views
    assert len(faults) == 1
    assert (links / "second").is_dir()
    contract.write_text(good.replace("role: analysts", "role: others"))
    for _ in range(2):
        views, _, faults = attach(file, "analysts", tmp_path, after_runs=False)
        assert (faults, (links / "second").exists()) == ((), False)
        assert (links / "transactions").is_dir()


def test_links_of_a_replaced_version_stay_for_a_while(
    mesh: SmallMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mesh.duckdb"
    first = attach(file, "analysts", tmp_path, after_runs=False)[0]["sales/transactions"]
    mesh.publish("sales/transactions")
    second = attach(file, "analysts", tmp_path, after_runs=False)[0]["sales/transactions"]

    def versions() -> set[int]:
        found = held(tmp_path / ".mesh")
        return {record["version"] for record in found if record["product"] == "sales/transactions"}

    assert versions() == {first, second}
    monkeypatch.setattr(reader_files, "GRACE", -1)
    attach(file, "analysts", tmp_path, after_runs=False)
    assert versions() == {second}


def test_the_record_names_what_is_held(mesh: SmallMesh, tmp_path: Path) -> None:
    views, *_ = attach(tmp_path / "people.duckdb", "domain:hr", tmp_path, after_runs=False)
    records = {record["product"]: record for record in held(tmp_path / ".mesh")}
    assert {name: record["version"] for name, record in records.items()} == views
    record = records["hr/employees"]
    assert record["reader"] == "domain:hr"
    assert all((record["folder"] / name).stat().st_nlink == 2 for name in record["files"])
    # Restricted: for the domain's own user alone.
    assert stat.S_IMODE(record["folder"].parents[1].stat().st_mode) == 0o700
    assert stat.S_IMODE(links_of(tmp_path / ".mesh", "domain:hr").folder.stat().st_mode) == 0o750


def test_the_file_outlives_the_files_of_the_lake(mesh: SmallMesh, tmp_path: Path) -> None:
    file = tmp_path / "mesh.duckdb"
    attach(file, "analysts", tmp_path, after_runs=False)
    expected = lake_rows(mesh, "sales/transactions")
    shutil.rmtree(tmp_path / ".mesh" / "lake" / "sales" / "data")
    assert bi_rows(file, "sales/transactions") == expected


def test_a_lake_that_was_made_again_is_linked_again(mesh: SmallMesh, tmp_path: Path) -> None:
    file = tmp_path / "mesh.duckdb"
    attach(file, "analysts", tmp_path, after_runs=False)
    shutil.rmtree(tmp_path / ".mesh" / "lake" / "sales")
    mesh.publish("sales/transactions", "SELECT 9 AS id, 1.5::DOUBLE AS amount")
    attach(file, "analysts", tmp_path, after_runs=False)
    assert bi_rows(file, "sales/transactions") == lake_rows(mesh, "sales/transactions")


def test_files_that_cannot_be_linked_are_copied(
    mesh: SmallMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> bool:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(reader_files, "link_new", refuse)
    attach(tmp_path / "mesh.duckdb", "analysts", tmp_path, after_runs=False)
    assert bi_rows(tmp_path / "mesh.duckdb", "sales/transactions") == lake_rows(mesh, "sales/transactions")


def test_a_product_that_is_removed_or_becomes_restricted_leaves_no_links(
    mesh: SmallMesh, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    mesh.location("sales")
    mesh.code("sales", f"@data_product\ndef transactions():\n    return {ROWS!r}\n")
    attach(tmp_path / "mesh.duckdb", "analysts", tmp_path, after_runs=False)
    restricted = AMOUNTS.replace("internal, tags", "restricted, tags")
    mesh.contract("sales/transactions", restricted, roles=f"[{ANALYSTS}]")
    assert mesh.run("sales", "sales/transactions", instance).success
    assert {record["product"] for record in held(tmp_path / ".mesh")} == {"sales/pinned"}
    for step in of_products(tmp_path, [ProductId("sales/pinned")], []):
        step.apply()
    assert list(held(tmp_path / ".mesh")) == []


def test_a_run_outside_of_mesh_run_refreshes_the_file(
    mesh: SmallMesh, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    mesh.location("sales")
    mesh.code(
        "sales", "@data_product\ndef transactions():\n    return 'SELECT 9 AS id, 1.5::DOUBLE AS amount'\n"
    )
    attach(tmp_path / "mesh.duckdb", "analysts", tmp_path, after_runs=True)
    assert mesh.run("sales", "sales/transactions", instance).success
    assert len(bi_rows(tmp_path / "mesh.duckdb", "sales/transactions")) == 1


def test_brackets_in_a_path_are_letters(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shutil.copytree(published, tmp_path / "mesh [1] *")
    monkeypatch.setenv("MESH_ROOT", str(root))
    attach(root / "mesh.duckdb", "analysts", root, after_runs=False)
    assert bi_rows(root / "mesh.duckdb", "sales/transactions") == lake_rows(
        SmallMesh(root), "sales/transactions"
    )


@pytest.mark.parametrize("reader", ["../../x", ".hidden", "a/b", "Ünï"])
def test_a_reader_of_any_name_has_its_own_folder(mesh: SmallMesh, tmp_path: Path, reader: str) -> None:
    views, *_ = attach(tmp_path / "mesh.duckdb", reader, tmp_path, after_runs=True)
    assert views == {}
    assert links_of(tmp_path / ".mesh", reader).folder.parent == tmp_path / ".mesh" / "bi"
    assert [each.reader for each in reader_files.readers(tmp_path / ".mesh")] == [reader]


def test_another_file_is_not_replaced(mesh: SmallMesh, tmp_path: Path) -> None:
    file = tmp_path / "mine.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute("CREATE TABLE mine AS SELECT 1 AS x")
    content = file.read_bytes()
    # DuckDB calls a file by its name, which may not be that of a schema.
    domain = tmp_path / f"{Registry.open(tmp_path).domains()[0]}.duckdb"
    missing = tmp_path / "no" / "mesh.duckdb"
    for target, code in ((file, "U066"), (tmp_path, "U066"), (domain, "U066"), (missing, "U068")):
        with pytest.raises(UsageError) as refused:
            attach(target, "analysts", tmp_path, after_runs=False)
        assert [each.code for each in refused.value.diagnostics] == [code]
    assert file.read_bytes() == content
    # A file of this name that the reader attached, and that somebody replaced.
    file.unlink()
    attach(file, "analysts", tmp_path, after_runs=False)
    file.unlink()
    file.write_bytes(content)
    with pytest.raises(UsageError, match="U066"):
        attach(file, "analysts", tmp_path, after_runs=False)


def test_a_damaged_lake_leaves_the_file_and_warns(mesh: SmallMesh, tmp_path: Path) -> None:
    file = tmp_path / "mesh.duckdb"
    attach(file, "analysts", tmp_path, after_runs=True)
    expected = bi_rows(file, "sales/transactions")
    (tmp_path / ".mesh" / "lake" / "sales" / "catalog.sqlite").write_bytes(b"")
    with pytest.raises(LakeError, match="L004"):
        attach(file, "analysts", tmp_path, after_runs=True)
    assert [(each.code, each.severity) for each in refresh_attached(tmp_path)] == [("L004", "warning")]
    assert bi_rows(file, "sales/transactions") == expected


def test_runs_refresh_the_files_that_ask_for_it(mesh: SmallMesh, tmp_path: Path) -> None:
    files = {refreshed: tmp_path / f"{refreshed}.duckdb" for refreshed in (True, False)}
    for refreshed, file in files.items():
        attach(file, "analysts", tmp_path, after_runs=refreshed)
    gone = tmp_path / "gone.duckdb"
    attach(gone, "analysts", tmp_path, after_runs=True)
    gone.unlink()
    mesh.publish("sales/transactions", "SELECT 9 AS id, 1.5::DOUBLE AS amount")
    assert refresh_attached(tmp_path) == ()
    assert [len(bi_rows(files[refreshed], "sales/transactions")) for refreshed in (True, False)] == [1, 3]
    assert not gone.exists()


def test_two_refreshes_at_once_and_a_killed_one(mesh: SmallMesh, tmp_path: Path) -> None:
    left = links_of(tmp_path / ".mesh", "analysts").folder / "sales" / "transactions" / ".v1.killed"
    left.mkdir(parents=True)
    threads = [
        Thread(
            target=attach, args=(tmp_path / f"{n}.duckdb", "analysts", tmp_path), kwargs={"after_runs": True}
        )
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not left.exists()
    expected = lake_rows(mesh, "sales/transactions")
    assert [bi_rows(tmp_path / f"{n}.duckdb", "sales/transactions") for n in range(3)] == [expected] * 3
    assert len(links_of(tmp_path / ".mesh", "analysts").attached()) == 3


def test_an_unwritable_state_is_a_diagnostic(mesh: SmallMesh, tmp_path: Path) -> None:
    (tmp_path / ".mesh" / "bi").write_text("not a folder")
    with pytest.raises(UsageError, match="U068"):
        attach(tmp_path / "mesh.duckdb", "analysts", tmp_path, after_runs=False)
    assert not (tmp_path / "mesh.duckdb").exists()
