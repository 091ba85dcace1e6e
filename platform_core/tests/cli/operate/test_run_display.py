"""The display of a run on a terminal of 80 columns and 24 lines."""

from __future__ import annotations

import pytest
from rich.console import Console

from platform_core.cli.operate.run_display import Screen, summary
from platform_core.workspace.records.check_counts import Checks
from platform_core.workspace.run.result import ProductResult

NAMES = [f"central_data_platform/a_product_with_a_long_name_{n:02}" for n in range(40)]


def test_counts_and_running_products_are_always_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    screen = Screen()
    try:
        for name in NAMES:
            screen.moved(ProductResult(name, "x"))
        for name in NAMES[:30]:
            screen.moved(ProductResult(name, "x", "running"))
        for name in NAMES[:28]:
            screen.moved(ProductResult(name, "x", "ok", 20_940_529, 1234.5, Checks(29, 2, 1)))
        console = Console(width=80, height=24)
        lines = ["".join(each.text for each in line) for line in console.render_lines(screen.shown())]
    finally:
        screen.close()
    assert len(lines) <= 23
    assert lines[0].startswith("28 of 40 ended, 2 running, 10 waiting; 0 s")
    assert ["running" in line for line in lines[2:5]] == [True, True, False]
    assert lines[4].split()[1:] == ["ok", "20,940,529", "1,234.5"] or lines[4].split()[1:] == [
        "ok",
        "20,940,529",
        "1234.5",
    ]


def test_the_summary_counts_warnings() -> None:
    made = [ProductResult(name, "x", "ok", 1, 1.0, Checks(1, n % 2)) for n, name in enumerate(NAMES[:4])]
    assert summary(made, 12.34) == "4 made, 2 with 2 warnings in 12.3 s"
    assert summary([*made[:1], ProductResult("a", "x", "failed")], 1) == "1 made, 1 failed in 1.0 s"
