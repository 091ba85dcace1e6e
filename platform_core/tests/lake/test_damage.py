"""Damaged catalogs and files: every command names the right lake and a fix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from small_mesh import AMOUNTS, KEPT, TWO_DAYS, SmallMesh

from platform_core.cli import main
from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.workspace.home import Home
from platform_core.workspace.reconcile import reconcile
from platform_core.workspace.status import mesh_status

ROWS = "SELECT i::BIGINT AS id, i / 7 AS amount FROM range(5000) t(i)"


def catalog(lakes: LocalLakes) -> Path:
    """The catalog of the lake ``shop``, with all of it in one file."""
    with connect(lakes, write=["shop"]):
        pass  # the last connection that closes writes the log into the file
    for log in lakes.folder("shop").glob("catalog.sqlite-*"):
        log.unlink()
    return lakes.catalog_file("shop")


def rows(lakes: LocalLakes) -> Path:
    [file] = lakes.data_folder("shop").rglob("sales/*.parquet")
    return file


def flipped(path: Path, part: slice) -> None:
    content = bytearray(path.read_bytes())
    content[part] = bytes(each ^ 0xFF for each in content[part])
    path.write_bytes(content)


CATALOGS: dict[str, Callable[[LocalLakes], object]] = {
    "truncated": lambda lakes: catalog(lakes).write_bytes(catalog(lakes).read_bytes()[:20_000]),
    "empty": lambda lakes: catalog(lakes).write_bytes(b""),
    "deleted": lambda lakes: catalog(lakes).unlink(),
    "text": lambda lakes: catalog(lakes).write_text("hello\n" * 999),
    "flipped": lambda lakes: flipped(catalog(lakes), slice(3 * 4096, 20 * 4096)),
}
FILES: dict[str, Callable[[LocalLakes], object]] = {
    "truncated": lambda lakes: rows(lakes).write_bytes(rows(lakes).read_bytes()[:100]),
    "deleted": lambda lakes: rows(lakes).unlink(),
    "replaced": lambda lakes: rows(lakes).write_bytes(
        next(lakes.data_folder("other").rglob("*.parquet")).read_bytes()
    ),
    "flipped": lambda lakes: flipped(rows(lakes), slice(4, 60)),
}
SEEN_WITHOUT_ROWS = ("truncated", "deleted", "replaced")
"""A changed bit is seen by who reads it: everybody else compares sizes."""


@pytest.fixture
def shop(mesh: SmallMesh) -> SmallMesh:
    for product in ("shop/sales", "other/copy"):
        mesh.contract(product, AMOUNTS, promise=TWO_DAYS + KEPT)
    mesh.publish("shop/sales", ROWS)
    mesh.publish("other/copy", "SELECT 1::BIGINT AS id, 1.0::DOUBLE AS amount")
    mesh.code(
        "other", '@data_product(inputs={"s": "shop/sales"})\ndef copy(s: Table):\n    return f"FROM {s}"\n'
    )
    return mesh


def output_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 1, words
    return capsys.readouterr().err


def failure(mesh: SmallMesh, instance: dg.DagsterInstance) -> str:
    result = mesh.run("other", "other/copy", instance)
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert event.step_failure_data.user_failure_data is not None
    return str(event.step_failure_data.user_failure_data.description)


ROWS_READ = (
    ("query", "SELECT sum(id), sum(amount) FROM shop.sales"),
    ("infer", "shop/sales", "--as", "other/mine"),
)
ALL = (*ROWS_READ, ("show", "shop/sales"), ("history", "shop/sales"), ("products",))


@pytest.mark.parametrize("damage", CATALOGS)
def test_a_damaged_catalog(
    shop: SmallMesh, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    CATALOGS[damage](shop.lakes)
    before = {path: path.stat().st_size for path in shop.lakes.folder("shop").rglob("*.parquet")}
    said = [output_of(capsys, *words) for words in ALL]
    assert main(["query", "FROM other.copy"]) == 0
    said.append(failure(shop, instance))
    for each in said:
        assert each.startswith('error[L004]: the catalog or a file of the lake "shop" is damaged'), each
        assert "make its products again: `mesh run shop`" in each
    # It is not made anew, and it keeps nothing else back.
    reconcile(instance, shop.root, ["shop", "other"])
    assert "L004" in capsys.readouterr().err
    Home.of(shop.root).prepare(shop.root)
    status = mesh_status(shop.root)
    assert [fault.code for fault in status.faults if fault.code != "D070"] == ["L004"]
    assert [(t.product, t.state) for t in status.troubles if "damaged" in t.why] == [
        ("shop/sales", "failing")
    ]
    assert before == {path: path.stat().st_size for path in shop.lakes.folder("shop").rglob("*.parquet")}
    assert shop.lakes.catalog_file("shop").exists() == (damage != "deleted")


@pytest.mark.parametrize("damage", FILES)
def test_a_damaged_file_of_rows(
    shop: SmallMesh, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    file = rows(shop.lakes)
    FILES[damage](shop.lakes)
    said = [output_of(capsys, *words) for words in (ALL if damage in SEEN_WITHOUT_ROWS else ROWS_READ)]
    said.append(failure(shop, instance))
    for each in said:
        assert each.startswith('error[L004]: a file of shop/sales in the lake "shop" is damaged'), each
        assert file.name in each
        assert "mesh run shop/sales" in each
    if damage in SEEN_WITHOUT_ROWS:
        assert [t.product for t in mesh_status(shop.root).troubles if "damaged" in t.why] == ["shop/sales"]
    shop.publish("shop/sales", ROWS)
    assert main(["query", "SELECT sum(id), sum(amount) FROM shop.sales"]) == 0


def test_a_fault_of_the_query_is_not_reported_as_damage(
    shop: SmallMesh, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", "SELECT regexp_matches('a', '(' || id) FROM shop.sales"]) == 2
    assert "U040" in capsys.readouterr().err
