"""Catalogs that are read with SQLite alone: its errors are diagnostics, and writers do not disturb it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import LakeError
from platform_core.lake.connect import connect, read_catalog
from platform_core.lake.local import lakes as catalog
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.location import FORMAT
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.lake.versions import Catalog, published_version


def publish(location: LocalLakes, product: DataProduct) -> int:
    with connect(location, write=["sales"]) as con:
        stamp = Stamp("r", product.id)
        done = publish_table(con, location, product, "FROM range(5)", stamp=stamp, audit=lambda _: None)
        return done.version


def version(location: LocalLakes, product: DataProduct) -> int | None:
    return read_catalog(location, "sales", lambda found: published_version(found, product))


def test_one_state_for_all_statements(location: LocalLakes, product: DataProduct) -> None:
    first = publish(location, product)

    def ask(found: Catalog) -> list[int | None]:
        before = published_version(found, product)
        # A process of its own, as writers have: SQLite's locks belong to a process.
        writer = get_context("fork").Process(target=publish, args=(location, product))
        writer.start()
        writer.join()
        assert writer.exitcode == 0
        return [before, published_version(found, product)]

    assert read_catalog(location, "sales", ask) == [first, first]
    assert version(location, product) == first + 1


def test_a_catalog_that_this_process_has_open_is_read_through_it(
    location: LocalLakes, product: DataProduct
) -> None:
    """SQLite's locks belong to the process: closing the file would remove those of DuckDB."""
    first = publish(location, product)
    with connect(location, write=["sales"]):
        kinds = read_catalog(location, "sales", lambda found: isinstance(found, sqlite3.Connection))
        assert (kinds, version(location, product)) == (False, first)
    assert read_catalog(location, "sales", lambda found: isinstance(found, sqlite3.Connection))


def test_the_format_is_the_one_that_ducklake_writes(location: LocalLakes, product: DataProduct) -> None:
    publish(location, product)
    with closing(sqlite3.connect(location.catalog_file("sales"))) as con:
        assert con.execute("SELECT value FROM ducklake_metadata WHERE key = 'version'").fetchone() == (
            FORMAT,
        )
        con.execute("UPDATE ducklake_metadata SET value = '99.0' WHERE key = 'version'")
        con.commit()
    with pytest.raises(LakeError) as error:  # DuckLake refuses it
        version(location, product)
    assert error.value.diagnostics[0].code == "L004"


@pytest.mark.parametrize("content", [b"", b"no database" * 500, b"SQLite format 3\0" + b"x" * 5000])
def test_a_broken_catalog(location: LocalLakes, product: DataProduct, content: bytes) -> None:
    publish(location, product)
    for path in location.folder("sales").glob("catalog.sqlite-*"):
        path.unlink()
    location.catalog_file("sales").write_bytes(content)
    with pytest.raises(LakeError) as error:
        version(location, product)
    assert [found.code for found in error.value.diagnostics] == ["L004"]


def test_a_database_of_something_else(location: LocalLakes, product: DataProduct) -> None:
    location.folder("sales").mkdir(parents=True)
    with closing(sqlite3.connect(location.catalog_file("sales"))) as con:
        con.execute("CREATE TABLE t (x)")
    with pytest.raises(LakeError) as error:
        version(location, product)
    assert [found.code for found in error.value.diagnostics] == ["L004"]


def test_a_locked_catalog_is_reported_after_a_time(
    location: LocalLakes, product: DataProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(location, product)
    monkeypatch.setattr(catalog, "BUSY_SECONDS", 0)
    with closing(sqlite3.connect(location.catalog_file("sales"), isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode = DELETE")  # in which a writer locks readers out
        con.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LakeError, match="database is locked"):
            version(location, product)


def test_a_lake_that_was_copied_is_read_where_it_is_now(
    tmp_path: Path, location: LocalLakes, product: DataProduct
) -> None:
    first = publish(location, product)
    shutil.copytree(location.root, tmp_path / "copy [1]?#%")
    assert version(LocalLakes(tmp_path / "copy [1]?#%"), product) == first


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_that_may_only_be_read(location: LocalLakes, product: DataProduct, tmp_path: Path) -> None:
    first = publish(location, product)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    location.folder("sales").chmod(0o555)
    os.seteuid(65534)
    try:
        assert version(location, product) == first
    except LakeError as error:
        assert [found.code for found in error.diagnostics] == ["L002"]  # noqa: PT017 - as without SQLite
    finally:
        os.seteuid(0)
