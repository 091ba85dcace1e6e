"""Delta and Iceberg tables, which their own libraries write: deletes, versions, schemas, lost files."""

from __future__ import annotations

import json
import shutil
import string
import struct
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from platform_core.diagnostics import Diagnostic, SourceError
from platform_core.sources.order import Range, Staged
from platform_core.sources.source import Source
from platform_core.sources.stage_process import stage
from platform_core.sources.staging import order_of

pytestmark = pytest.mark.full

deltalake = pytest.importorskip("deltalake")
pyiceberg = pytest.importorskip("pyiceberg.catalog.sql")
COLUMNS = {"id": "BIGINT", "name": "VARCHAR"}


def some(*ids: int, **more: list[object]) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.int64()), "name": [f"n{i}" for i in ids], **more})


def read(
    tmp_path: Path, source: Source, columns: Mapping[str, str] = COLUMNS, part: Range | None = None
) -> Staged:
    (tmp_path / "out").mkdir(exist_ok=True)
    order = order_of("rows", source, columns, part, tmp_path / "out")
    return Staged(**stage([order], "mesh/test", 60)["rows"])


def refused(tmp_path: Path, source: Source) -> Diagnostic:
    with pytest.raises(SourceError) as error:
        read(tmp_path, source)
    [fault] = error.value.diagnostics
    return fault


def ids(tmp_path: Path) -> list[object]:
    with duckdb.connect() as connection:
        return [
            row
            for (row,) in connection.execute(
                f"SELECT id FROM '{tmp_path}/out/rows.parquet' ORDER BY id"
            ).fetchall()
        ]


@pytest.fixture
def delta(tmp_path: Path) -> Path:
    """Versions: 0 has 1 to 3; 1 adds 4; 2 is without 1; 3 adds 5 with a new column."""
    folder = tmp_path / "it's delta"
    deltalake.write_deltalake(folder, some(1, 2, 3))
    deltalake.write_deltalake(folder, some(4), mode="append")
    deltalake.DeltaTable(folder).delete("id = 1")
    deltalake.write_deltalake(folder, some(5, x=[1.5]), mode="append", schema_mode="merge")
    return folder


@pytest.mark.parametrize(
    ("version", "pinned", "found"),
    [(0, 0, [1, 2, 3]), (1, 1, [1, 2, 3, 4]), (2, 2, [2, 3, 4]), (None, 3, [2, 3, 4, 5])],
)
def test_delta_at_a_version(
    tmp_path: Path, delta: Path, version: int | None, pinned: int, found: list[int]
) -> None:
    staged = read(tmp_path, Source.delta("shop/d", path=str(delta), version=version))
    assert (staged.version, staged.rows, ids(tmp_path)) == (pinned, len(found), found)


def test_delta_with_a_changed_schema(tmp_path: Path, delta: Path) -> None:
    assert read(tmp_path, Source.delta("shop/d", path=str(delta)), {**COLUMNS, "x": "DOUBLE"}).rows == 4
    with pytest.raises(SourceError, match="has no column x"):
        read(tmp_path, Source.delta("shop/d", path=str(delta), version=2), {**COLUMNS, "x": "DOUBLE"})
    with pytest.raises(SourceError, match="was INTEGER and is BIGINT now"):
        read(tmp_path, Source.delta("shop/d", path=str(delta)), {"id": "INTEGER"})


def test_delta_after_its_vacuum(tmp_path: Path, delta: Path) -> None:
    table = deltalake.DeltaTable(delta)
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert read(tmp_path, Source.delta("shop/d", path=str(delta))).rows == 4
    fault = refused(tmp_path, Source.delta("shop/d", path=str(delta), version=0))
    assert (fault.code, "Cannot open file" in fault.message) == ("S025", True)


def test_delta_faults(tmp_path: Path, delta: Path) -> None:
    fault = refused(tmp_path, Source.delta("shop/d", path=str(delta), version=9))
    assert (fault.code, "has no version 9" in fault.message) == ("S023", True)
    (tmp_path / "empty").mkdir()
    fault = refused(tmp_path, Source.delta("shop/d", path=str(tmp_path / "empty")))
    assert (fault.code, "is not a Delta table" in fault.message) == ("S023", True)
    (delta / "_delta_log" / f"{3:020}.json").write_text("{")
    assert refused(tmp_path, Source.delta("shop/d", path=str(delta))).code == "S025"


def test_delta_with_a_window_and_a_checkpoint(tmp_path: Path, delta: Path) -> None:
    deltalake.DeltaTable(delta).create_checkpoint()
    part = Range("id", "3", "5")
    assert read(tmp_path, Source.delta("shop/d", path=str(delta)), COLUMNS, part).rows == 2
    assert ids(tmp_path) == [3, 4]


def vector(*rows: int) -> str:
    """An inline deletion vector of Delta's protocol: one bitmap of one array, in Z85."""
    values = struct.pack(f"<{len(rows)}H", *rows)
    bitmap = struct.pack("<IIHHI", 12346, 1, 0, len(rows) - 1, 16) + values
    content = struct.pack("<iqi", 1681511377, 1, 0) + bitmap
    content += bytes(-len(content) % 4)
    letters = f"{string.digits}{string.ascii_lowercase}{string.ascii_uppercase}.-:+=^!/*?&<>()[]{{}}@%$#"
    words = struct.unpack(f">{len(content) // 4}I", content)
    return "".join(letters[word // 85**power % 85] for word in words for power in (4, 3, 2, 1, 0))


def test_delta_with_deletion_vectors(tmp_path: Path) -> None:
    """As Spark writes them: a row is marked as deleted, its file stays."""
    folder = tmp_path / "dv"
    deltalake.write_deltalake(folder, some(*range(100)))
    log = folder / "_delta_log"
    added = next(
        json.loads(line)["add"]
        for line in (log / f"{0:020}.json").read_text().splitlines()
        if '"add"' in line
    )
    deletion = {"storageType": "i", "pathOrInlineDv": vector(3, 4, 29), "sizeInBytes": 38, "cardinality": 3}
    again = added | {"deletionVector": deletion, "dataChange": True}
    features = {"minReaderVersion": 3, "minWriterVersion": 7}
    features |= {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    gone = {"path": added["path"], "dataChange": True, "deletionTimestamp": 1}
    actions = [{"protocol": features}, {"remove": gone}, {"add": again}]
    (log / f"{1:020}.json").write_text("".join(json.dumps(each) + "\n" for each in actions))
    staged = read(tmp_path, Source.delta("shop/d", path=str(folder)))
    assert (staged.version, staged.rows) == (1, 97)
    assert not {3, 4, 29} & set(ids(tmp_path))


@pytest.fixture
def iceberg(tmp_path: Path) -> tuple[Path, list[int]]:
    """The metadata file and the snapshots: ids 1 to 3; without 1; with 7, and another column."""
    warehouse = tmp_path / "it's iceberg"
    warehouse.mkdir()
    catalog = pyiceberg.SqlCatalog("c", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{warehouse}")
    catalog.create_namespace("n")
    table = catalog.create_table("n.t", some(1).schema)
    table.append(some(1, 2, 3))
    table.delete("id = 1")
    with table.update_schema() as update:
        update.rename_column("name", "label")
    table.append(pa.table({"id": pa.array([7], pa.int64()), "label": ["z"]}))
    snapshots = [entry.snapshot_id for entry in table.history()]
    return Path(table.metadata_location.removeprefix("file://")), snapshots


def test_iceberg_at_its_current_snapshot(tmp_path: Path, iceberg: tuple[Path, list[int]]) -> None:
    file, snapshots = iceberg
    staged = read(tmp_path, Source.iceberg("shop/i", path=str(file)), {"id": "BIGINT", "label": "VARCHAR"})
    assert (staged.version, ids(tmp_path)) == (snapshots[-1], [2, 3, 7])


def test_iceberg_at_an_earlier_snapshot(tmp_path: Path, iceberg: tuple[Path, list[int]]) -> None:
    file, snapshots = iceberg
    staged = read(tmp_path, Source.iceberg("shop/i", path=str(file), snapshot=snapshots[0]))
    assert (staged.version, ids(tmp_path)) == (snapshots[0], [1, 2, 3])


def test_iceberg_by_its_folder(tmp_path: Path, iceberg: tuple[Path, list[int]]) -> None:
    file, _ = iceberg
    source = Source.iceberg("shop/i", path=str(file.parent.parent))
    fault = refused(tmp_path, source)
    assert (fault.code, "version-hint.text" in (fault.expected or "")) == ("S023", True)
    (file.parent / "version-hint.text").write_text(file.name.removesuffix(".metadata.json") + "\n")
    assert read(tmp_path, source, {"id": "BIGINT"}).rows == 3


def test_iceberg_faults(tmp_path: Path, iceberg: tuple[Path, list[int]]) -> None:
    file, _ = iceberg
    fault = refused(tmp_path, Source.iceberg("shop/i", path=str(file), snapshot=5))
    assert (fault.code, "has no snapshot 5" in fault.message) == ("S023", True)
    fault = refused(tmp_path, Source.iceberg("shop/i", path=str(file)))
    assert (fault.code, "has no column name" in fault.message) == ("S023", True)
    other = file.with_name("other.metadata.json")
    other.write_text("[]")
    assert refused(tmp_path, Source.iceberg("shop/i", path=str(other))).code == "S023"
    shutil.rmtree(file.parent.parent / "data")
    with pytest.raises(SourceError, match="Cannot open file"):
        read(tmp_path, Source.iceberg("shop/i", path=str(file)), {"id": "BIGINT"})


def test_iceberg_reads_no_file_outside_of_its_table(tmp_path: Path, iceberg: tuple[Path, list[int]]) -> None:
    file, _ = iceberg
    elsewhere = tmp_path / "elsewhere" / "metadata"
    elsewhere.mkdir(parents=True)
    shutil.copy(file, elsewhere)
    source = Source.iceberg("shop/i", path=str(elsewhere / file.name))
    with pytest.raises(SourceError, match="file system operations are disabled"):
        read(tmp_path, source, {"id": "BIGINT"})


def test_an_empty_iceberg_table(tmp_path: Path) -> None:
    catalog = pyiceberg.SqlCatalog("c", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{tmp_path}")
    catalog.create_namespace("n")
    table = catalog.create_table("n.t", some(1).schema)
    path = table.metadata_location.removeprefix("file://")
    staged = read(tmp_path, Source.iceberg("shop/i", path=path))
    assert (staged.version, staged.rows) == (None, 0)
