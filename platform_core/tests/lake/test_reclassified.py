"""A column becomes restricted, or is not any more: the product moves, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from small_mesh import SmallMesh, here

from platform_core.cli import main
from platform_core.contracts.model import DataProduct
from platform_core.lake.connect import connect
from platform_core.lake.reclassified import exposed_leftovers, remove_left

WORD = "Xanthippe"
COLUMNS = """\
    properties:
      - {{name: id, logicalType: integer, primaryKey: true, classification: internal}}
      - {{name: name, logicalType: string, classification: {classification}}}
"""
ROWS = f"SELECT range AS id, '{WORD}' || range AS name FROM range(2)"
KILLED = """
import os, signal, sys
from pathlib import Path
from platform_core.registry.lookup import Registry
from platform_core.lake import reclassified, removal
from platform_core.lake.local import lakes
from platform_core.lake.lakes import current_lakes

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

step, root = sys.argv[1], Path(sys.argv[2])
module = {"rmtree": lakes.shutil, "move_folder": lakes}.get(step, removal)
done = getattr(module, step)
setattr(module, step, killed if step != "move_folder" else lambda *names: (done(*names), killed()))
reclassified.remove_left(current_lakes(root), Registry.open(root).get("shop/people"), "test")
"""


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[SmallMesh]:
    """A mesh in which a product with two versions becomes restricted, between those of another."""
    with here(tmp_path, "shop") as mesh:
        mesh.location("shop")
        for product in ("shop/people", "shop/others"):
            mesh.contract(product, COLUMNS.format(classification="internal"))
        for rows in (ROWS, ROWS + " WHERE range = 0"):
            mesh.publish("shop/people", rows)
            mesh.publish("shop/others", rows.replace(WORD, "other"))
        mesh.contract("shop/people", COLUMNS.format(classification="restricted"))
        mesh.code("shop", f"@data_product\ndef people():\n    return {ROWS!r}\n")
        yield mesh


def readable(mesh: SmallMesh, lake: str, name: str) -> list[int]:
    """The snapshots of a lake in which a table can be read."""
    found = []
    with connect(mesh.lakes, read=[lake]) as con:
        for (version,) in con.execute(f"SELECT snapshot_id FROM {lake}.snapshots()").fetchall():
            try:
                con.execute(f"FROM {lake}.products.{name} AT (VERSION => {version})").fetchall()
                found.append(version)
            except duckdb.Error:
                continue
    return found


def left(mesh: SmallMesh, lake: str) -> bytes:
    return b"".join(file.read_bytes() for file in mesh.lakes.folder(lake).rglob("*") if file.is_file())


def people(mesh: SmallMesh) -> DataProduct:
    return mesh.registry.get("shop/people")


def test_its_versions_leave_the_shared_lake_and_those_of_others_stay(
    moved: SmallMesh, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    assert WORD.encode() in left(moved, "shop")
    before = readable(moved, "shop", "others")
    assert main(["status"]) == 1
    assert "error[L050]: shop/people is restricted, but the shared lake still" in capsys.readouterr().err
    assert main(["validate", "--select", "L050"]) == 1
    assert "mesh run shop/people" in capsys.readouterr().out

    assert moved.run("shop", "shop/people", instance).success

    assert readable(moved, "shop", "people") == []
    assert WORD.encode() not in left(moved, "shop")
    assert readable(moved, "shop", "others") == before
    assert len(moved.read("FROM shop_restricted.products.people", "shop_restricted")) == 2
    assert not list(exposed_leftovers(moved.lakes, [people(moved)]))
    moved.publish("shop/others", ROWS.replace(WORD, "other"))
    assert moved.read("SELECT count(*) FROM shop.products.others") == [(2,)]


@pytest.mark.parametrize("step", ["move_folder", "_forget", "rmtree"])
@pytest.mark.full
def test_a_process_that_is_killed_leaves_nothing_readable(
    moved: SmallMesh, instance: dg.DagsterInstance, step: str
) -> None:
    # Beside the table, a file: two folders are moved.
    (moved.lakes.folder("shop") / "files" / "people" / "1").mkdir(parents=True)
    result = subprocess.run([sys.executable, "-c", KILLED, step, str(moved.root)], check=False)
    assert result.returncode == -9

    assert readable(moved, "shop", "people") == []
    assert bool(list(exposed_leftovers(moved.lakes, [people(moved)]))) == (step != "rmtree")
    assert moved.run("shop", "shop/people", instance).success
    assert WORD.encode() not in left(moved, "shop")
    assert not list(exposed_leftovers(moved.lakes, [people(moved)]))
    assert not list(moved.lakes.folder("shop_restricted").glob(".removed-*"))
    assert not (moved.lakes.folder("shop") / "files" / "people").exists()


def test_a_published_view_leaves_with_the_table_behind_it(moved: SmallMesh) -> None:
    moved.contract("shop/people", COLUMNS.format(classification="internal"))
    with connect(moved.lakes, write=["shop"]) as con:
        con.execute("DROP TABLE shop.products.people")
    moved.publish("shop/people", ROWS, pinned=True)
    assert readable(moved, "shop", "people")
    moved.contract("shop/people", COLUMNS.format(classification="restricted"))
    remove_left(moved.lakes, people(moved), "test")
    assert readable(moved, "shop", "people") == []
    assert WORD.encode() not in left(moved, "shop")


def test_a_product_that_is_no_longer_restricted_leaves_no_second_one(
    moved: SmallMesh, instance: dg.DagsterInstance
) -> None:
    assert moved.run("shop", "shop/people", instance).success
    moved.contract("shop/people", COLUMNS.format(classification="internal"))
    assert moved.run("shop", "shop/people", instance).success
    assert readable(moved, "shop_restricted", "people") == []
    assert len(moved.read("FROM shop.products.people")) == 2
