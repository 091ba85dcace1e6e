"""The window of a run as a function gets it, and functions that cannot have one."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from small_mesh import AMOUNTS, DAYS, SmallMesh

from platform_core import Window
from platform_core.cli.author.dry_run import dry_run
from platform_core.diagnostics import DefinitionError, PlatformError, UsageError
from platform_core.testing import evaluate

READS_AN_API = """
    SEEN = []

    @data_product
    def sales(window: Window) -> str:
        SEEN.append(window)
        days = ", ".join(f"(TIMESTAMPTZ '{key} 12:00:00+02')" for key in window.keys)
        rows = f"(VALUES {days})" if days else "(SELECT NULL::TIMESTAMPTZ LIMIT 0)"
        return f"SELECT col0 AS sold, 1::BIGINT AS amount FROM {rows} AS days(col0)"
"""
BERLIN = ZoneInfo("Europe/Berlin")
GRID = ("2024-03-30", "2024-03-31", "2024-04-01")


@pytest.fixture
def sales(mesh: SmallMesh) -> SmallMesh:
    mesh.contract("shop/sales", DAYS)
    mesh.code("shop", READS_AN_API)
    return mesh


def seen() -> list[Window]:
    found: list[Window] = sys.modules["shop.products"].SEEN
    return found


@pytest.mark.parametrize("kind", ["table", "file"])
@pytest.mark.parametrize("keys", [GRID[1:2], GRID[:2], GRID], ids=len)
def test_a_run_of_one_key_of_several_and_of_all(
    keys: tuple[str, ...], kind: str, sales: SmallMesh, instance: dg.DagsterInstance
) -> None:
    if kind == "file":
        file = "    physicalType: file\n    physicalName: sales.csv\n"
        sales.contract("shop/sales", file + DAYS)
    assert sales.run("shop", "shop/sales", instance, (keys[0], keys[-1])).success
    [window] = seen()
    assert window.keys == keys
    # The clock changes on 31 March: a day of 23 hours.
    assert window.start == datetime.fromisoformat(keys[0]).replace(tzinfo=BERLIN)
    assert window.end.astimezone(UTC).hour == (23 if keys[-1] == GRID[0] else 22)
    assert {str(time.tzinfo) for time in (window.start, window.end)} == {"Europe/Berlin"}
    assert sales.read("SELECT count(*) FROM shop.products.sales") == [(len(keys),)]


def test_a_function_that_is_called_without_a_run_gets_an_empty_window(
    sales: SmallMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(sales.root / "domains" / "shop" / "src")
    dry_run("shop/sales", sales.registry, sales.root)
    [window] = seen()
    assert (window.keys, window.start) == ((), window.end)
    function = sys.modules["shop.products"].sales
    assert [row["amount"] for row in evaluate(function, window=list(GRID[:2])).rows] == [1, 1]
    assert evaluate(function, window="2024-04-01").rows[0]["sold"].day == 1
    assert evaluate(function).rows == []
    with pytest.raises(UsageError, match="U020"):
        evaluate(function, window="2024-05-01")


TILL = 'Source("tills/lines", path="lines{suffix}", time_column="{column}")'
REFUSED = {
    "a window without a grid": (AMOUNTS, "window: Window", "", "D009", "takes the window of its run"),
    "time without a grid": (AMOUNTS, "raw: Table", TILL.format(suffix=".csv", column="at"), "D009", '"at"'),
    "time of no table": (
        DAYS,
        "raw",
        TILL.format(suffix=".zip", column="at"),
        "D009",
        "which is not supported",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_window_without_partitions_is_refused_at_its_place(
    case: str, mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, taken, source, code, words = REFUSED[case]
    mesh.contract("shop/sales", table)
    inputs = f'(inputs={{"raw": {source}}})' if source else ""
    mesh.code("shop", f"\n@data_product{inputs}\ndef sales({taken}) -> str:\n    return 'SELECT 1'\n")
    with pytest.raises(DefinitionError) as loaded:
        mesh.definitions("shop")
    monkeypatch.syspath_prepend(mesh.root / "domains" / "shop" / "src")
    with pytest.raises(PlatformError) as checked:
        dry_run("shop/sales", mesh.registry, mesh.root)
    for fault in (*loaded.value.diagnostics, *checked.value.diagnostics):
        assert fault.code == code
        assert words in fault.message
        assert fault.place is not None
        assert fault.place.source_line() == f"def sales({taken}) -> str:"


def test_a_time_column_that_the_file_lacks_is_named(mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    mesh.contract("shop/sales", DAYS)
    mesh.write("lines.csv", "sold,amount\n2024-03-30,1\n")
    source = TILL.format(suffix=".csv", column="sodl")
    taken = "def sales(raw: Table) -> str:\n    return f'FROM {raw}'\n"
    mesh.code("shop", f'\n@data_product(inputs={{"raw": {source}}})\n{taken}')
    monkeypatch.syspath_prepend(mesh.root / "domains" / "shop" / "src")
    monkeypatch.chdir(mesh.root)
    with pytest.raises(PlatformError, match=r'D012.*tills/lines has no column "sodl"'):
        dry_run("shop/sales", mesh.registry, mesh.root)
