"""``mesh history``: the stamp of each version, under the grants of a query, without Dagster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from small_mesh import AMOUNTS, DAYS, ROWS, SmallMesh, here, published_mesh

from platform_core.cli import main
from platform_core.lake.connect import connect
from platform_core.lake.publication.streams import open_stream
from platform_core.lake.transaction import Stamp
from platform_core.lake.versions import history, stamps, table_behind

Captured = pytest.CaptureFixture[str]
CLICKS = """\
    physicalType: stream
    customProperties: [{property: eventTime, value: clicked, vendor: platform-core}]
    properties:
      - {name: id, logicalType: integer}
      - {name: clicked, logicalType: timestamp, required: true}
"""


def listed(con: duckdb.DuckDBPyConnection, schema: str, table: str, version: int) -> int | None:
    """DuckLake's own list of one version's files; None without a table."""
    which = f"'sales', '{table}', schema => '{schema}', snapshot_version => {version}"
    sizes = "data_file_size_bytes + coalesce(delete_file_size_bytes, 0)"
    row = con.execute(f"SELECT coalesce(sum({sizes}), 0) FROM ducklake_list_files({which})").fetchone()
    return int(row[0]) if row else None


def asked(capsys: Captured, *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["history", *words, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallMesh:
    mesh = published_mesh(tmp_path)
    monkeypatch.setenv("MESH_ROOT", str(tmp_path))
    return mesh


def test_each_version_has_the_facts_of_its_materialization(tmp_path: Path, capsys: Captured) -> None:
    with here(tmp_path, "shop") as mesh, dg.DagsterInstance.ephemeral() as instance:
        mesh.contract("shop/days", DAYS)
        sold = mesh.write("lines.csv", "sold,amount\n2024-03-30 12:00,1\n2024-04-01 12:00,2\n")
        mesh.code(
            "shop",
            f"""
            @data_product(inputs={{"raw": Source("till/lines", path={str(sold)!r}, time_column="sold")}})
            def days(raw: Table) -> str:
                return "SELECT sold, amount FROM raw"
            """,
        )
        for key in ("2024-03-30", "2024-04-01", "2024-03-30"):
            assert mesh.run("shop", "shop/days", instance, key).success
        key = dg.AssetKey(["shop", "days"])
        records = instance.fetch_materializations(key, limit=10).records
        versions = asked(capsys, "shop/days")["versions"]
        assert len(versions) == len(records) == 3
        for version, record in zip(versions, records, strict=True):
            assert record.asset_materialization is not None
            made = record.asset_materialization
            told = {name.removeprefix("mesh/"): entry.value for name, entry in made.metadata.items()}
            for name in ("version", "bytes", "rows_written", "partition"):
                assert version[name] == told[name], name
            assert version["rows"] == told["dagster/row_count"]
            assert version["run_id"] == record.run_id
            assert 0 < version["seconds"] <= told["seconds"]
            assert version["code"] == (made.tags or {})["dagster/code_version"]
            assert version["contract_version"] == "1.2.0"
            assert version["checks"] == {"passed": told["checks_passed"], "warned": 0, "failed": 0}
            assert len(version["results"]) == told["checks_passed"]

        assert main(["history", "shop/days", "--limit", "1"]) == 0
        said = capsys.readouterr()
        head, line = (text.split() for text in said.out.splitlines())
        assert head[:4] == ["version", "when", "rows", "written"]
        newest = versions[0]
        for words in (
            f"v{newest['version']}",
            "2",
            "2024-03-30",
            "1.2.0",
            f"{newest['bytes']:,}",
            newest["run_id"],
        ):
            assert words in line
        assert "newest 1 versions; --limit 0 shows all" in said.err
        assert asked(capsys, "shop/days", "--limit", "2")["complete"] is False
        assert asked(capsys, "shop/days", "--limit", "3")["complete"] is True
        assert asked(capsys, "shop/days", "--limit", "0")["versions"] == versions


def test_a_version_without_a_stamp_has_blanks(published: SmallMesh, capsys: Captured) -> None:
    (version,) = asked(capsys, "sales/pinned")["versions"]
    assert (version["rows"], version["run_id"]) == (3, "run-1")
    assert version["bytes"] > 0
    for name in ("seconds", "contract_version", "commit", "checks", "results", "inputs", "batch"):
        assert version.get(name) is None
    assert main(["history", "sales/pinned"]) == 0
    assert "None" not in capsys.readouterr().out
    assert asked(capsys, "sales/later")["versions"] == []
    assert main(["history", "sales/later"]) == 0
    assert capsys.readouterr().out == "sales/later was never published; `mesh run sales/later`\n"


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["hr/employees"], 0, ""),
        (["hr/employees", "--as", "domain:hr"], 0, ""),
        (["hr/employees", "--as", "analysts"], 1, "A002"),
        (["sales/transactions", "--as", "analysts"], 0, ""),
        (["sales/costs", "--as", "analysts"], 1, "A001"),
        (["sales/costs", "--as", "domain:hr"], 1, "A001"),
        (["sales/costs", "--as", "domain:nobody"], 2, "U042"),
        (["sales/costs", "--as", ""], 2, "U041"),
    ],
)
def test_history_needs_a_grant(
    published: SmallMesh, capsys: Captured, words: list[str], status: int, code: str
) -> None:
    assert main(["history", *words]) == status
    said = capsys.readouterr()
    assert (f"error[{code}]" in said.err) is bool(code)
    assert ("run-1" in said.out) is not bool(code)


def test_only_the_history_names_a_batch(published: SmallMesh, capsys: Captured) -> None:
    published.contract("sales/clicks", CLICKS)
    product = published.registry.get("sales/clicks")
    with (
        connect(published.lakes, write=["sales"]) as con,
        open_stream(con, published.lakes, product, stamp=Stamp("run", product.id)) as stream,
    ):
        stream.append("Ada's", "SELECT 1 AS id, TIMESTAMP '2024-05-01' AS clicked", audit=lambda *_: None)
    assert [version["batch"] for version in asked(capsys, "sales/clicks")["versions"]] == ["Ada's"]
    for verb in (["show", "sales/clicks"], ["products"]):
        for form in ("json", "table"):
            assert main([*verb, "--format", form]) == 0
            assert "Ada" not in capsys.readouterr().out


def test_each_version_has_the_bytes_of_its_files(published: SmallMesh) -> None:
    """For tables, pinned views, streams with merged files, and tables with deletions."""
    published.contract("sales/clicks", CLICKS)
    clicks = published.registry.get("sales/clicks")
    published.publish("sales/transactions", f"{ROWS} WHERE range > 0")
    published.contract("sales/again", AMOUNTS)
    published.publish("sales/again")
    with connect(published.lakes, write=["sales"]) as con:
        con.execute("DELETE FROM sales.products.again WHERE id = 1")
        con.execute("CREATE TABLE sales.internal.again AS FROM range(99)")
    published.publish("sales/again", "SELECT 1 AS id, 1.5::DOUBLE AS amount WHERE false")
    with connect(published.lakes, write=["sales"]) as con:
        with open_stream(con, published.lakes, clicks, stamp=Stamp("run", clicks.id)) as stream:
            for number in range(4):
                rows = f"SELECT {number} AS id, TIMESTAMP '2024-05-01' AS clicked"
                stream.append(str(number), rows, audit=lambda *_: None)
            stream.compact()
        for name in ("transactions", "pinned", "again", "clicks", "later"):
            product = published.registry.get(f"sales/{name}")
            found = history(con, product)
            expected = [
                (version, listed(con, *table_behind(product.name, version, facts)))
                for version, _, facts in stamps(con, "sales", product.id)
            ]
            assert [(each.version, each.bytes) for each in found] == expected
            assert (len(found) > 0) is (name != "later")


def test_dagster_is_not_imported(published: SmallMesh) -> None:
    code = (
        "import sys; from platform_core.cli import main; main(sys.argv[1:]); print('dagster' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "history", "sales/transactions"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False"
