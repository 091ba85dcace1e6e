"""`mesh run --dry-run`: what a run would make, from the records of earlier versions."""

from __future__ import annotations

import pytest
from small_mesh import AT_SIX, DAYS, GOVERNED, KEPT, SmallMesh

from platform_core.diagnostics import UsageError
from platform_core.source.workspace import read_locations
from platform_core.workspace.home import Home
from platform_core.workspace.run.forecast import Forecast, forecast
from platform_core.workspace.run.selection import parse_selection

CODE = """
from pathlib import Path

@data_product
def days():
    Path("CALLED").touch()
    for day in (30, 31):
        for number in range(2):
            yield {"sold": dt.datetime(2024, 3, day, 12), "amount": number}

@data_product(inputs={"days": "shop/days"})
def ids(days: Table):
    Path("CALLED").touch()
    return f"SELECT DISTINCT amount AS id, 1.0::DOUBLE AS amount FROM {days}"
"""


@pytest.fixture
def shop(mesh: SmallMesh) -> SmallMesh:
    more = 'primaryKey: true, classification: internal, description: "As it is.", primaryKeyPosition: '
    days = DAYS.replace("required: true}", f"required: true, {more}1}}")
    days = days.replace("100}}", f"100}}, {more}2}}")
    mesh.contract("shop/days", days, promise=AT_SIX + KEPT)
    mesh.contract("shop/ids", GOVERNED, promise=AT_SIX + KEPT)
    called = str(mesh.root / "called")
    mesh.code("shop", "import datetime as dt\n" + CODE.replace("CALLED", called))
    mesh.location("shop")
    return mesh


def expected(mesh: SmallMesh, *words: str, partitions: str | None = None) -> Forecast:
    selection = parse_selection(words, mesh.registry.names())
    home = Home.of(mesh.root)
    return forecast(mesh.root, home, read_locations(mesh.root), selection, partitions)


def test_a_first_run_has_no_figures_and_starts_nothing(shop: SmallMesh) -> None:
    found = expected(shop)
    assert [(each.product, each.rows, each.seconds) for each in found.products] == [
        ("shop/days", None, None),
        ("shop/ids", None, None),
    ]
    assert not (shop.root / "called").exists()
    assert not shop.lakes.root.exists()
    with pytest.raises(UsageError, match="U024"):
        expected(shop, "shop/days", partitions="2020-01-01")


@pytest.mark.full
def test_figures_are_those_of_earlier_versions(shop: SmallMesh) -> None:
    assert shop.coordinate().ok
    (shop.root / "called").unlink()
    days, ids = expected(shop).products
    assert (days.product, days.rows, ids.rows) == ("shop/days", 4, 2)
    assert days.seconds
    assert days.bytes
    [one] = expected(shop, "shop/days", partitions="2024-03-30").products
    assert one.partitions == "2024-03-30"
    assert one.rows == 1  # a third of the rows
    assert 0 < (one.bytes or 0) < days.bytes
    after = expected(shop, "shop/days+", partitions="2024-03-30").products
    assert [each.product for each in after] == ["shop/days", "shop/ids"]
