"""The display of a run: a live table on a terminal, a line per product elsewhere, and the summary."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeVar

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from platform_core.cli.table import table
from platform_core.words import counted
from platform_core.workspace.run.forecast import Forecast
from platform_core.workspace.run.result import Observer, ProductResult

T = TypeVar("T")
_RANK: Final = {"running": 0, "failed": 1, "skipped": 2, "canceled": 2, "ok": 4}
"""The order on the screen; waiting products come before those that are made."""
_COUNTED: Final = {"running": "running", "failed": "failed", "skipped": "skipped"}
STYLES: Final = {"ok": "green", "failed": "bold red", "skipped": "yellow", "canceled": "yellow"}


class Lines(Observer):
    """One line on standard error when a product starts and when it has ended."""

    def moved(self, result: ProductResult) -> None:
        if result.status is None:
            return
        rows, seconds, checks = figures(result)
        parts = [f"{result.product:<40} {result.status:<8}"]
        parts += [f"{rows} rows"] * bool(rows) + [f"{seconds} s"] * bool(seconds)
        parts += [f"checks {checks}"] * bool(checks)
        sys.stderr.write("  ".join(parts).rstrip() + "\n")
        sys.stderr.flush()


class Screen(Observer):
    """A table on the terminal's standard error, redrawn in place and removed at the end."""

    def __init__(self, console: Console | None = None) -> None:
        self._products: dict[str, ProductResult] = {}
        self._since: dict[str, float] = {}
        self._begun = time.monotonic()
        self._console = console or Console(stderr=True)
        self._live = Live(
            console=self._console, get_renderable=self._table, auto_refresh=False, transient=True
        )
        self._live.start()

    def moved(self, result: ProductResult) -> None:
        self._products[result.product] = result
        if result.status == "running":
            self._since[result.product] = time.monotonic()

    def tick(self) -> None:
        self._live.refresh()

    def close(self) -> None:
        self._live.stop()

    def _table(self) -> RenderableType:
        """A line with the total and the time, then the products that matter most, as many as there are lines
        on the terminal."""
        now = time.monotonic()
        products = sorted(
            self._products.values(), key=lambda each: (_RANK.get(each.status or "", 3), each.product)
        )
        shown = [
            replace(each, seconds=now - self._since[each.product]) if each.status == "running" else each
            for each in products[: max(1, self._console.size.height - 4)]
        ]
        columns, rows, right = run_table(shown)
        states = [each.status for each in products]
        counts = [f"{states.count(s)} {word}" for s, word in _COUNTED.items() if s in states]
        total = f"{sum(s in STYLES for s in states)} of {len(states)} products, {now - self._begun:.0f} s"
        left = len(products) - len(shown)
        return Group(
            Text(": ".join([total, ", ".join(counts)]) if counts else total, style="bold"),
            table(
                _without_location(columns), [_without_location(row) for row in rows], _without_location(right)
            ),
            Text(f"and {left} more" if left else "", style="dim"),
        )


def _without_location(cells: Sequence[T]) -> list[T]:
    """A narrow terminal has no room for it; a product's name begins with it."""
    return [*cells[:1], *cells[2:]]


def run_table(products: Sequence[ProductResult]) -> tuple[list[str], list[list[str | Text]], list[bool]]:
    """Columns, rows and whether each column is aligned right. Partitions appear only if some are made
    alone."""
    partitions = ["partitions"] * any(product.partitions for product in products)
    columns = ["product", "location", *partitions, "status", "rows", "seconds", "checks"]
    cells: list[list[str | Text]] = []
    for each in products:
        status = each.status or "waiting"
        styled = Text(status, style=STYLES.get(status, "cyan" if status == "running" else "dim"))
        part = [each.partitions] * len(partitions)
        cells.append([each.product, each.location, *part, styled, *figures(each)])
    return columns, cells, [column in ("rows", "seconds") for column in columns]


def figures(product: ProductResult) -> tuple[str, str, str]:
    """Rows, seconds and checks as text; empty if unknown."""
    return (
        "" if product.rows is None else f"{product.rows:,}",
        "" if product.seconds is None else f"{product.seconds:.1f}",
        str(product.checks),
    )


def summary(products: Sequence[ProductResult], seconds: float) -> str:
    """The numbers of products by result: ``28 made, 4 with 6 warnings in 32.5 s``."""
    words = {"ok": "made", "failed": "failed", "skipped": "skipped", "canceled": "not made"}
    counts = {state: sum(product.status == state for product in products) for state in words}
    parts = [f"{count} {words[state]}" for state, count in counts.items() if count]
    warned = [
        product.checks.warned for product in products if product.status == "ok" and product.checks.warned
    ]
    if warned:
        parts[0] += f", {len(warned)} with {counted(sum(warned), 'warning')}"
    return f"{', '.join(parts) or 'nothing to make'} in {seconds:.1f} s"


def forecast_table(products: Sequence[Forecast]) -> tuple[list[str], list[list[str | Text]], list[bool]]:
    """Columns, rows and whether each column is aligned right."""
    rows: list[list[str | Text]] = [
        [
            each.product,
            each.partitions or "all",
            "" if each.rows is None else f"{each.rows:,}",
            "never made" if each.seconds is None else f"{each.seconds:.1f}",
            "" if each.bytes_read is None else in_bytes(each.bytes_read),
        ]
        for each in products
    ]
    return ["product", "partitions", "rows", "seconds", "reads"], rows, [False, False, True, True, True]


def in_bytes(count: int) -> str:
    """A size in the largest decimal unit: ``1.4 GB``."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size >= 1000:
            size, unit = size / 1000, larger
    return f"{size:.1f} {unit}" if unit != "B" else f"{count} B"
