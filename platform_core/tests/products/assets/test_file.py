"""File products: an extract of each version, under one stable name that always leads to the published one."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from small_mesh import SmallMesh

from platform_core.cli import main
from platform_core.diagnostics import ContractError, DefinitionError, LakeError
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.publication.product_files import FileDraft, ProductFiles
from platform_core.lake.transaction import Stamp
from platform_core.lake.versions import history
from platform_core.odcs.reader import load_contract
from platform_core.products.assets import file
from platform_core.products.assets.dbt import dbt_asset
from platform_core.products.catalog.text import described
from platform_core.products.dbt.project import DbtProject
from platform_core.registry.lookup import Registry

KEY = dg.AssetKey(["shop", "extract"])
MINIMUM = "logicalTypeOptions: {minimum: 0}"
TABLE = """\
    physicalName: {file}
    physicalType: file
    properties:
      - {{name: id, logicalType: integer, primaryKey: true, classification: {classification}}}
      - {{name: words, logicalType: string}}
      - {{name: price, physicalType: "DECIMAL(10,2)", logicalType: number, {minimum}}}
      - {{name: day, logicalType: date}}
      - {{name: moment, logicalType: timestamp}}
"""
AWKWARD = """
    SELECT * FROM (VALUES
        (2, '', 1.50::DECIMAL(10, 2), DATE '2024-02-29', TIMESTAMP '2024-02-29 12:00:00.123456'),
        (1, NULL, NULL, NULL, NULL),
        (3, E'a "b", c\\nd', 0.10, DATE '0001-01-01', TIMESTAMP '2024-01-01'),
        (4, 'NULL', 100000.00, DATE '2024-01-01', TIMESTAMP '2024-01-01')
    ) AS t(id, words, price, day, moment)
"""
CSV = (
    "id,words,price,day,moment\n"
    "1,,,,\n"
    '2,"",1.50,2024-02-29,2024-02-29 12:00:00.123456\n'
    '3,"a ""b"", c\nd",0.10,0001-01-01,2024-01-01 00:00:00\n'
    "4,NULL,100000.00,2024-01-01,2024-01-01 00:00:00\n"
)


def returning(
    mesh: SmallMesh, select: str = AWKWARD, file: str = "extract.csv", classification: str = "internal"
) -> None:
    mesh.contract("shop/extract", TABLE.format(file=file, classification=classification, minimum=MINIMUM))
    mesh.code("shop", f'@data_product\ndef extract():\n    return r"""{select}"""\n')


def folder(lake: str = "shop") -> Path:
    return current_lakes().folder(lake) / "files" / "extract"


def names(path: Path) -> list[str]:
    return sorted(str(each.relative_to(path)) for each in path.rglob("*") if each.is_file())


def said(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data
    assert data.user_failure_data is not None, data.error
    return str(data.user_failure_data.description)


def test_a_csv_holds_the_version_and_the_catalog_has_its_path(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    returning(mesh)
    assert mesh.run("shop", "shop/extract", instance).success
    stable = folder() / "extract.csv"
    assert stable.read_text() == CSV
    event = instance.get_latest_materialization_event(KEY)
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["mesh/file"].value == str(stable)
    assert metadata["mesh/file_format"].value == "csv"
    assert metadata["mesh/file_bytes"].value == len(CSV.encode())
    assert metadata["mesh/file_sha256"].value == hashlib.sha256(CSV.encode()).hexdigest()
    version = metadata["mesh/version"].value
    kept = ("card.json", "extract.csv", "extract.odcs.yaml", "statistics.json")
    assert names(folder()) == [*(f"{version}/{name}" for name in kept), "extract.csv"]
    card = json.loads((folder() / str(version) / "card.json").read_text())
    assert (card["version"], card["rows"], card["sha256"]) == (version, 4, metadata["mesh/file_sha256"].value)
    assert {"name": "price", "type": "DECIMAL(10,2)"} in card["columns"]
    check = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(KEY, "file_equals_version")]
    )
    assert [record.status.value for record in check.values()] == ["SUCCEEDED"]
    # And it is a table as any other product.
    assert mesh.read("SELECT count(*) FROM shop.products.extract") == [(4,)]


def test_parquet_is_the_same_bytes_for_the_same_rows(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    returning(mesh, file="rows.parquet")
    assert mesh.run("shop", "shop/extract", instance).success
    first = (folder() / "rows.parquet").read_bytes()
    returning(mesh, f"SELECT * FROM ({AWKWARD}) ORDER BY id DESC", file="rows.parquet")
    assert mesh.run("shop", "shop/extract", instance).success
    assert (folder() / "rows.parquet").read_bytes() == first
    assert duckdb.sql(f"SELECT count(*) FROM '{folder() / 'rows.parquet'}'").fetchall() == [(4,)]
    assert len(names(folder())) == 9, "both versions are kept"


def test_a_refused_version_leaves_the_old_file(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    returning(mesh)
    assert mesh.run("shop", "shop/extract", instance).success
    before = names(folder())
    returning(mesh, AWKWARD.replace("1.50", "-1.50"))
    assert "Q005" in said(mesh.run("shop", "shop/extract", instance))
    assert names(folder()) == before
    assert (folder() / "extract.csv").read_text() == CSV


def test_a_file_that_differs_is_refused(
    mesh: SmallMesh, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    returning(mesh)
    assert mesh.run("shop", "shop/extract", instance).success
    before = names(folder())

    def short(con: duckdb.DuckDBPyConnection, product: object, relation: str, path: Path) -> None:
        path.write_text("id,words,price,day,moment\n1,,,,\n2,x,1.50,2024-02-29,2024-02-29 12:00:00\n")

    monkeypatch.setattr(file, "write_extract", short)
    words = said(mesh.run("shop", "shop/extract", instance))
    assert "Q030" in words
    assert "it has 2 rows instead of 4" in words
    assert names(folder()) == before


def test_a_crash_after_the_commit_is_healed_by_the_next_run(
    mesh: SmallMesh,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    returning(mesh)
    assert mesh.run("shop", "shop/extract", instance).success
    returning(mesh, AWKWARD.replace("100000", "200000"))

    with monkeypatch.context() as patch:
        patch.setattr(ProductFiles, "point", lambda self, version: (_ for _ in ()).throw(KeyboardInterrupt))
        assert not mesh.run("shop", "shop/extract", instance).success
    assert mesh.read("SELECT max(price) FROM shop.products.extract")[0][0] == 200000, "it was committed"
    assert (folder() / "extract.csv").read_text() == CSV, "and the stable name still leads to the old one"
    capsys.readouterr()
    assert main(["show", "shop/extract"]) == 0
    assert "`mesh run shop/extract` repairs the stable name" in capsys.readouterr().out
    (folder() / ".draft-of-the-dead").mkdir()
    (folder() / "999").mkdir()
    (folder() / "999" / "extract.csv").write_text("half")
    returning(mesh, AWKWARD.replace("1.50", "-1.50"))
    assert "Q005" in said(mesh.run("shop", "shop/extract", instance)), "healed even by a refused run"
    assert "200000" in (folder() / "extract.csv").read_text()
    assert not (folder() / "999").exists()
    assert not (folder() / ".draft-of-the-dead").exists()


def test_a_failed_commit_leaves_nothing(
    mesh: SmallMesh, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    returning(mesh)
    from platform_core.lake.transaction import Transaction

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Transaction, "sign", full)
    assert "L003" in said(mesh.run("shop", "shop/extract", instance))
    assert names(folder()) == []


def test_a_missing_folder(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    """Reading fails with one diagnostic; publishing creates it again."""
    returning(mesh)
    assert mesh.run("shop", "shop/extract", instance).success
    shutil.rmtree(folder())

    product = Registry.open(mesh.root).get("shop/extract")
    shelf = ProductFiles(current_lakes(), product)
    with connect(current_lakes(), read=["shop"]) as con:
        (version,) = history(con, product)
        with pytest.raises(LakeError) as caught:
            shelf.read(version)
    (fault,) = caught.value.diagnostics
    assert fault.code == "L030"
    assert "mesh run shop/extract" in (fault.fix or "")
    assert mesh.run("shop", "shop/extract", instance).success
    assert (folder() / "extract.csv").read_text() == CSV
    with connect(current_lakes(), read=["shop"]) as con:
        newest = history(con, product)[0]
        assert shelf.read(newest).path.read_text() == CSV
        shelf.path(newest.version).chmod(0o644)
        shelf.path(newest.version).write_text(CSV.replace("1.50", "9.50"))
        with pytest.raises(LakeError, match="L031"):
            shelf.read(newest)
        with pytest.raises(LakeError, match="L030"):
            shelf.read(version)


def test_a_folder_that_cannot_be_written(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    returning(mesh)
    folder().parent.mkdir(parents=True)
    folder().parent.joinpath("extract").write_text("a file where the folder should be")
    words = said(mesh.run("shop", "shop/extract", instance))
    assert "L002" in words
    assert words.count("error[") == 1
    assert mesh.read("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'products'") == [(0,)]


def test_files_of_a_restricted_product_are_in_its_lake(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    returning(mesh, classification="restricted")
    assert mesh.run("shop", "shop/extract", instance).success
    assert (folder("shop_restricted") / "extract.csv").is_file()
    assert not folder("shop").exists()


def test_a_version_of_another_number_than_expected_is_found(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    """A catalog of another kind may count differently; the folder follows the committed version."""
    returning(mesh)
    assert mesh.run("shop", "shop/extract", instance).success

    shelf = ProductFiles(current_lakes(), Registry.open(mesh.root).get("shop/extract"))
    with connect(current_lakes(), write=["shop"]) as con:
        keeping = FileDraft(con, shelf)
        with keeping.draft() as path:
            path.write_text("new")
            keeping.keep(path, {}, Stamp(run_id="r", asset="shop/extract"))
        keeping.committed(77)
    assert shelf.path(77).read_text() == shelf.stable.read_text() == "new"


@pytest.mark.parametrize(
    ("table", "code", "words"),
    [
        ("physicalType: fiel", "C100", 'did you mean "file"?'),
        ("physicalType: view", "C100", "Remove physicalType"),
        ("physicalType: file", "C101", "physicalName: extract.csv"),
        ("{physicalType: file, physicalName: ../x.csv}", "C102", "physicalName: extract.csv"),
        ("{physicalType: file, physicalName: extract.xlsx}", "C103", "physicalName: extract.csv"),
        ("{physicalType: file, physicalName: extract.CSV}", "C103", 'did you mean ".csv"?'),
        ("{physicalType: model, physicalName: model.pickle}", "C103", "physicalName: extract.skops"),
        ("physicalType: model", "C104", "property: model"),
        ("physicalName: extract.csv", "C020", "Remove physicalName"),
    ],
)
def test_a_wrong_contract_of_a_file(mesh: SmallMesh, table: str, code: str, words: str) -> None:
    lines = [line.strip(" {}") for line in table.split(",")]
    text = "".join(f"    {line}\n" for line in lines)
    signature = "{target: t, metric: m, features: [{name: a, type: BIGINT}]}"
    model = f"    customProperties: [{{property: model, value: {signature}}}]\n"
    if "pickle" in table:
        text += model
    path = mesh.contract("shop/extract", text + "    properties: [{name: id, logicalType: integer}]\n")
    with pytest.raises(ContractError) as caught:
        load_contract(path, "shop")
    (fault,) = caught.value.diagnostics
    assert fault.code == code
    assert words in (fault.fix or "")
    assert fault.place is not None
    assert fault.place.line > 14


def test_an_interrupt_right_after_the_commit_leaves_the_file_of_the_version(
    mesh: SmallMesh, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(keeping: FileDraft, version: int) -> None:
        raise KeyboardInterrupt

    returning(mesh)
    with monkeypatch.context() as patch:
        patch.setattr(FileDraft, "committed", interrupted)
        assert not mesh.run("shop", "shop/extract", instance).success
    product = mesh.registry.get("shop/extract")
    with connect(current_lakes(), read=["shop"]) as con:
        [version] = history(con, product)
        assert ProductFiles(current_lakes(), product).read(version).path.read_text() == CSV
    made = instance.get_latest_materialization_event(KEY)
    assert made is not None
    assert made.asset_materialization is not None
    assert made.asset_materialization.metadata["mesh/version"].value == version.version


def test_show_prints_the_path_of_the_file_and_works_without_it(
    mesh: SmallMesh, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    returning(mesh)
    assert main(["show", "shop/extract"]) == 0
    assert mesh.run("shop", "shop/extract", instance).success
    capsys.readouterr()
    assert main(["show", "shop/extract", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["kind"] == "file"
    assert shown["file"]["path"] == str(folder() / "extract.csv")
    assert shown["file"]["sha256"] == hashlib.sha256(CSV.encode()).hexdigest()
    assert "File: shop/files/extract/extract.csv" in shown["read"]
    assert main(["show", "shop/extract"]) == 0
    assert shown["file"]["sha256"] in capsys.readouterr().out
    shutil.rmtree(folder())
    assert main(["show", "shop/extract"]) == 1
    told = capsys.readouterr()
    assert "Columns" in told.out, "the table is there all the same"
    assert told.err.count("error[L030]") == 1


@pytest.mark.parametrize(("kind", "file"), [("table", ""), ("file", "extract.csv"), ("stream", "")])
def test_the_catalog_shows_how_to_read_every_kind(mesh: SmallMesh, kind: str, file: str) -> None:
    table = TABLE.format(file=file or "extract", classification="internal", minimum=MINIMUM)
    table = table.replace("physicalType: file", f"physicalType: {kind}")
    if kind == "stream":
        table = table.replace("logicalType: timestamp", "logicalType: timestamp, required: true")
        table += "    customProperties: [{property: eventTime, value: moment, vendor: platform-core}]\n"
    product = load_contract(mesh.contract("shop/extract", table), "shop")
    words = described(product)
    for how in (
        '```sh\n.venv/bin/mesh query "SELECT * FROM shop.extract LIMIT 10"\n```',
        '```python\nimport platform_core.client as mesh\nmesh.read("shop/extract").duckdb()\n```',
        '- **Function**: `@data_product(inputs={"extract": "shop/extract"})`',
        '- **dbt**: `{{ source("shop", "extract") }}`',
        "**Owner**: team:shop-team",
    ):
        assert how in words
    assert ("- **File**" in words) == (kind == "file")
    assert ("- **New rows**" in words) == (kind == "stream")


def test_a_dbt_model_makes_no_model_and_no_stream(mesh: SmallMesh) -> None:
    models = mesh.root / "dbt_projects" / "shop" / "models"
    models.mkdir(parents=True)
    (models / "extract.sql").write_text("SELECT 1 AS id")
    table = TABLE.format(file="extract", classification="internal", minimum=MINIMUM)
    table = table.replace("physicalType: file", "physicalType: stream")
    table = table.replace("logicalType: timestamp", "logicalType: timestamp, required: true")
    table += "    customProperties: [{property: eventTime, value: moment, vendor: platform-core}]\n"
    mesh.contract("shop/extract", table)
    registry = Registry.open(mesh.root)
    with pytest.raises(DefinitionError, match="D048"):
        dbt_asset(registry.get("shop/extract"), DbtProject.of("shop", mesh.root), registry, frozenset())
