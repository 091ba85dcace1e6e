"""Folders that cannot be written, disks that are full, catalogs that are broken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import LakeError, UsageError
from platform_core.lake.connect import connect
from platform_core.lake.engine import extension_path
from platform_core.lake.lakes import current_lakes
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.lock import lake_lock
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp

NOBODY = 65534

FILL = """
import resource, sys
from pathlib import Path
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import LakeError, Place
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.transaction import Stamp
from platform_core.lake.publication.tables import publish_table

product = DataProduct("sales", "baskets", Path("x"), Place(Path("x")), "1", "active", (), ())
location = LocalLakes(Path(sys.argv[1]))
with connect(location, write=["sales"]) as con:
    if sys.argv[2] != "0":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
    try:
        publish_table(con, location, product, "SELECT random() AS x FROM range(8000000)",
                      stamp=Stamp("run-2", "sales/baskets"), audit=lambda relation: None)
    except LakeError as error:
        sys.exit(error.diagnostics[0].code)
"""


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Root may write everywhere, so the test continues as another user."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def published(location: LocalLakes, product: DataProduct) -> None:
    with connect(location, write=["sales"]) as con:
        publish_table(
            con, location, product, "FROM range(5)", stamp=Stamp("r", product.id), audit=lambda _: None
        )


def codes(error: pytest.ExceptionInfo[LakeError]) -> list[str]:
    return [diagnostic.code for diagnostic in error.value.diagnostics]


def read_back(location: LocalLakes) -> int:
    with connect(location, read=["sales"]) as reader:
        return len(reader.execute("FROM sales.products.baskets").fetchall())


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "lakes").write_text("no folder")
    location = LocalLakes(tmp_path / "lakes")
    with pytest.raises(LakeError) as error, connect(location, write=["sales"]):
        pass
    assert codes(error) == ["L002"]
    with pytest.raises(LakeError) as error, lake_lock(location, "sales", holder="test"):
        pass
    assert codes(error) == ["L002"]


def test_a_folder_of_somebody_else(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (tmp_path / "lakes").mkdir(mode=0o555)
    # Its parents are root's alone by default, and this is about the folder itself.
    for folder in tmp_path.parents:
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    tmp_path.chmod(0o755)
    request.getfixturevalue("unprivileged")
    with pytest.raises(LakeError) as error, connect(LocalLakes(tmp_path / "lakes"), write=["sales"]):
        pass
    assert codes(error) == ["L002"]
    assert "MESH_LAKE" in str(error.value)


@pytest.mark.parametrize("limit", ["tmpfs", "file size"])
def test_a_full_disk_leaves_the_published_version(tmp_path: Path, product: DataProduct, limit: str) -> None:
    root = tmp_path / "lakes"
    root.mkdir()
    if limit == "tmpfs" and not mounted(root):
        pytest.skip("mounting a file system needs root")
    try:
        location = LocalLakes(root)
        published(location, product)
        done = subprocess.run(
            [sys.executable, "-c", FILL, str(root), "0" if limit == "tmpfs" else "2000000"],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.stderr.strip() == "L003"
        assert len(list(root.rglob("*.parquet"))) == 1  # nothing half-written is left
        assert read_back(location) == 5
        with lake_lock(location, "sales", holder="test", timeout=0):
            pass
    finally:
        if limit == "tmpfs":
            subprocess.run(["umount", "--lazy", root], check=True)


def mounted(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.parametrize("content", [b"", b"garbage " * 1000])
def test_a_broken_catalog(location: LocalLakes, product: DataProduct, content: bytes) -> None:
    published(location, product)
    location.catalog_file("sales").write_bytes(content)
    for access in ({"read": ["sales"]}, {"write": ["sales"]}):
        with pytest.raises(LakeError) as error, connect(location, **access):
            pass
        assert codes(error) == ["L004"]
        assert str(location.folder("sales")) in str(error.value)
    assert location.catalog_file("sales").read_bytes() == content


def test_a_lake_that_was_moved(location: LocalLakes, product: DataProduct) -> None:
    published(location, product)
    moved = LocalLakes(location.root.with_name("moved"))
    location.root.rename(moved.root)
    assert read_back(moved) == 5
    published(moved, product)
    assert read_back(moved) == 5
    assert not location.root.exists()


def test_too_little_memory_is_not_reported_as_damage(
    location: LocalLakes, product: DataProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person would throw away a lake that is reported as damaged."""
    published(location, product)
    monkeypatch.setenv("MESH_MEMORY_LIMIT", "1KB")
    with pytest.raises(LakeError) as error, connect(location, read=["sales"]):
        pass
    assert codes(error) == ["L011"]
    assert "MESH_MEMORY_LIMIT" in str(error.value)


def test_a_lake_that_does_not_exist_is_not_read(location: LocalLakes) -> None:
    with connect(location, write=["sales"], read=["hr"]) as con:
        lakes = con.execute("SELECT database_name FROM duckdb_databases() WHERE type = 'ducklake'")
        assert lakes.fetchall() == [("sales",)]
    assert not location.folder("hr").exists()


def test_a_lake_that_is_read_cannot_be_written(location: LocalLakes, product: DataProduct) -> None:
    published(location, product)
    with connect(location, read=["sales"]) as con, pytest.raises(duckdb.InvalidInputException):
        con.execute("DELETE FROM sales.products.baskets")


def test_an_extension_that_is_not_installed() -> None:
    with pytest.raises(LakeError, match=r"L005.*|pip install duckdb-extension-no-such-one"):
        extension_path("no_such_one")


def test_the_location_is_one_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MESH_LAKE", "MESH_HOME", "MESH_ROOT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "workspace.yaml").touch()
    assert current_lakes(tmp_path).root == tmp_path / ".mesh" / "lake"
    monkeypatch.setenv("MESH_HOME", str(tmp_path / "state"))
    assert current_lakes(tmp_path).root == tmp_path / "state" / "lake"
    monkeypatch.setenv("MESH_LAKE", str(tmp_path / "elsewhere"))
    assert current_lakes(tmp_path).root == tmp_path / "elsewhere"


def test_the_memory_limit_is_a_setting(monkeypatch: pytest.MonkeyPatch, location: LocalLakes) -> None:
    monkeypatch.setenv("MESH_MEMORY_LIMIT", "512MiB")
    with connect(location) as con:
        assert con.execute("SELECT current_setting('memory_limit')").fetchall() == [("512.0 MiB",)]
    monkeypatch.setenv("MESH_MEMORY_LIMIT", "plenty")
    with pytest.raises(UsageError, match="U034"), connect(location):
        pass
