"""The display of a run on a small terminal, and its summary."""

from __future__ import annotations

import io
import re

from rich.console import Console

from platform_core.cli.operate.run_display import Screen, in_bytes, summary
from platform_core.workspace.check_counts import Checks
from platform_core.workspace.run.result import ProductResult

WIDTH, HEIGHT = 80, 24


def frame(*results: ProductResult) -> list[str]:
    """The lines on a terminal of 80x24 after these results."""
    output = io.StringIO()
    screen = Screen(Console(file=output, width=WIDTH, height=HEIGHT, force_terminal=True))
    for result in results:
        screen.moved(result)
    output.seek(0)
    output.truncate()
    screen.tick()
    shown = output.getvalue()
    screen.close()
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).splitlines()]


def test_total_and_running_products_are_visible_among_many() -> None:
    made = [ProductResult(f"sales/a{number}", "sales", "ok") for number in range(40)]
    waiting = [ProductResult(f"sales/b{number}", "sales") for number in range(40)]
    running = [ProductResult(f"sales/z{number}", "sales", "running") for number in range(4)]
    failed = [ProductResult("sales/y", "sales", "failed")]
    lines = frame(*made, *waiting, *running, *failed)
    assert len(lines) <= HEIGHT
    assert max(map(len, lines)) <= WIDTH
    assert re.fullmatch(r"41 of 85 products, \d+ s: 4 running, 1 failed", lines[0].strip())
    text = "\n".join(lines)
    assert all(f"sales/z{number} " in text for number in range(4))
    assert "sales/y " in text
    assert re.search(r"and \d+ more", lines[-1])


def test_the_summary_counts_warnings() -> None:
    made = [ProductResult("a/a", "a", "ok", checks=Checks(3, warned)) for warned in (0, 2, 1)]
    failed = ProductResult("a/b", "a", "failed", checks=Checks(0, 5))
    assert summary(made, 1.04) == "3 made, 2 with 3 warnings in 1.0 s"
    assert summary([*made, failed], 1.0) == "3 made, 2 with 3 warnings, 1 failed in 1.0 s"
    assert summary([failed], 1.0) == "1 failed in 1.0 s"


def test_sizes() -> None:
    assert [in_bytes(size) for size in (0, 999, 1000, 1_450_000, 2 * 10**12)] == [
        "0 B", "999 B", "1.0 kB", "1.4 MB", "2.0 TB",
    ]  # fmt: skip
