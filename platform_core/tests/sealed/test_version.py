"""A sealed engine shows the same rows and types of a version as its lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from platform_core.lake import connect as catalog
from platform_core.lake.connect import connect, read_catalog
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.location import LakeLocation
from platform_core.lake.transaction import number
from platform_core.sealed.engine import sealed_engine, show_version, shut
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.version import VersionFiles, version_files

TABLE = "sales.products.t"
EVOLUTIONS = {
    "plain": [
        'CREATE TABLE {t} AS SELECT range AS id, \'x\' || range AS "it\'s ""quoted""" FROM range(1000)'
    ],
    "empty": ["CREATE TABLE {t} AS SELECT range AS id, NULL::DECIMAL(9, 2) AS n FROM range(10) LIMIT 0"],
    "emptied": ["CREATE TABLE {t} AS SELECT 1 AS id", "DELETE FROM {t}"],
    "deletions and updates": [
        "CREATE TABLE {t} AS SELECT range AS id, range % 7 AS n FROM range(5000)",
        "DELETE FROM {t} WHERE n = 3",
        "UPDATE {t} SET n = 9 WHERE id < 20",
        "INSERT INTO {t} VALUES (9000, 1)",
    ],
    "columns renamed, added with a default, dropped, added under an old name": [
        "CREATE TABLE {t} AS SELECT range AS a, range * 2 AS b, 'c' AS c FROM range(100)",
        "ALTER TABLE {t} RENAME a TO d",
        "ALTER TABLE {t} ADD COLUMN e INTEGER DEFAULT 7",
        "INSERT INTO {t} VALUES (1, 2, 'new', 3)",
        "ALTER TABLE {t} DROP COLUMN b",
        "ALTER TABLE {t} ADD COLUMN b VARCHAR",
        "INSERT INTO {t} VALUES (5, 'six', 7, 'eight')",
        "ALTER TABLE {t} ADD COLUMN \"o'\"\"x\" VARCHAR DEFAULT 'it''s'",
    ],
    "a type that grew": [
        "CREATE TABLE {t} AS SELECT range::INTEGER AS id, 1.5::FLOAT AS f FROM range(100)",
        "ALTER TABLE {t} ALTER id TYPE BIGINT",
        "ALTER TABLE {t} ALTER f TYPE DOUBLE",
        "INSERT INTO {t} VALUES (5000000000, 2.25)",
    ],
    "partitions": [
        "CREATE TABLE {t} AS SELECT range AS id, range % 4 AS part FROM range(100) LIMIT 0",
        "ALTER TABLE {t} SET PARTITIONED BY (part)",
        "INSERT INTO {t} SELECT range, range % 4 FROM range(1000)",
    ],
    "fields of a struct that grew": [
        "CREATE TABLE {t} AS SELECT {{'a': range}} AS s FROM range(10)",
        "ALTER TABLE {t} ADD COLUMN s.b INTEGER",
        "INSERT INTO {t} VALUES ({{'a': 1, 'b': 2}})",
    ],
    "many types": [
        "CREATE TABLE {t} AS SELECT 1::TINYINT a, 2::UBIGINT b, '1e30'::DOUBLE c, 1.25::DECIMAL(38, 10) d,"
        " true e, DATE '2020-02-29' f, TIMESTAMP '2020-01-01 01:02:03.456789' g,"
        " TIMESTAMPTZ '2020-01-01 01:02:03+02' h, TIME '01:02:03' i, INTERVAL '3 days' j,"
        " '\\xAA'::BLOB k, uuid() l, '{{\"a\": 1}}'::JSON m, [1, NULL] n, {{'x': [{{'y': 1}}]}} o,"
        " MAP {{'k': 1}} p, 170141183460469231731687303715884105727::HUGEINT q, 'NaN'::FLOAT r,"
        " TIMESTAMP_S '2020-01-01' s, TIMESTAMP_NS '2020-01-01 00:00:00.123456789' t, 2::USMALLINT u",
    ],
    "made anew": [
        "CREATE TABLE {t} AS SELECT 1 AS a",
        "CREATE OR REPLACE TABLE {t} AS SELECT 'b' AS b, 2 AS c",
    ],
}


@dataclass
class Lake:
    location: LakeLocation
    folder: Path

    def versions(self, statements: list[str]) -> Iterator[tuple[VersionFiles, list[object], list[object]]]:
        """Each version that the statements make: its files, and its types and rows by its lake."""
        for statement in statements:
            with connect(self.location, write=["sales"]) as con:
                con.execute(statement.format(t=TABLE))
                version = number(con, "FROM sales.last_committed_snapshot()")
            with connect(self.location, read=["sales"]) as con:
                relation = f"{TABLE} AT (VERSION => {version})"
                types = [row[:2] for row in con.execute(f"DESCRIBE FROM {relation}").fetchall()]
                rows = con.execute(f"SELECT t::VARCHAR FROM (FROM {relation}) t ORDER BY ALL").fetchall()
                yield version_files(con, "sales", "products", "t", version, self.folder), types, rows
            yield self.by_catalog(version), types, rows

    def by_catalog(self, version: int) -> VersionFiles:
        """As a reader of a catalog without DuckLake gets it."""
        return read_catalog(
            self.location,
            "sales",
            lambda catalog: version_files(catalog, "sales", "products", "t", version, self.folder),
        )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    copies = tmp_path / "copies"
    copies.mkdir()
    return Lake(LocalLakes(tmp_path / "lake"), copies)


@pytest.mark.parametrize("statements", EVOLUTIONS.values(), ids=EVOLUTIONS)
def test_the_same_rows_and_types_as_the_lake(lake: Lake, statements: list[str]) -> None:
    for version, types, rows in lake.versions(statements):
        with closing(SealedFiles()) as files, sealed_engine() as con:
            files.show(con)
            show_version(con, "sales/t", version.opened(files, "sales/t"))
            shut(con, None)
            assert [row[:2] for row in con.execute("DESCRIBE FROM sales.t").fetchall()] == types
            assert con.execute("SELECT t::VARCHAR FROM sales.t t ORDER BY ALL").fetchall() == rows


def test_columns_are_mapped_by_their_ids_only_where_one_changed(lake: Lake) -> None:
    """To map them makes scans slower."""
    for plain, _, _ in lake.versions(EVOLUTIONS["plain"]):
        assert "schema =" not in plain.query
    *_, (replaced, _, _) = lake.versions(["CREATE OR REPLACE TABLE {t} AS SELECT 1 AS other"])
    assert "schema =" not in replaced.query


def test_files_that_hold_deleted_rows_are_not_shown(lake: Lake) -> None:
    *_, (version, _, _) = lake.versions(EVOLUTIONS["deletions and updates"])
    assert version.files
    assert all(Path(file).parent == lake.folder for file in version.files)
    with duckdb.connect() as con:
        assert con.execute(
            f"SELECT count(*) FROM read_parquet({list(version.files)}) WHERE n = 3"
        ).fetchone() == (0,)


def test_a_version_before_files_were_merged_keeps_its_rows(lake: Lake) -> None:
    """A merged file also holds the rows of later versions."""
    versions = []
    for statement in ("CREATE TABLE {t} AS SELECT 1 AS id", "INSERT INTO {t} VALUES (2)"):
        with connect(lake.location, write=["sales"]) as con:
            con.execute(statement.format(t=TABLE))
            versions.append(number(con, "FROM sales.last_committed_snapshot()"))
    with connect(lake.location, write=["sales"]) as con:
        con.execute("CALL ducklake_merge_adjacent_files('sales', 't', schema => 'products')")
        versions.append(number(con, "FROM sales.last_committed_snapshot()"))
    with duckdb.connect() as con:
        counts = [number(con, f"SELECT count(*) FROM ({lake.by_catalog(v).query})") for v in versions]
    assert counts == [1, 2, 2]


@pytest.mark.parametrize("name", ["plain", "many types", "a type that grew", "partitions", "made anew"])
def test_most_versions_are_read_without_ducklake(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    *_, (version, _, _) = lake.versions(EVOLUTIONS[name])
    with connect(lake.location, read=["sales"]) as con:
        newest = number(con, "SELECT max(snapshot_id) FROM sales.snapshots()")
    monkeypatch.setattr(catalog, "connect", None)
    assert lake.by_catalog(newest) == version
