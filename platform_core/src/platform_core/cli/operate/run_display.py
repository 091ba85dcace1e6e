"""The display of a run: a live table on a terminal, a line per product elsewhere, and the summary."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from platform_core.cli.table import table
from platform_core.workspace.run.result import Observer, ProductResult

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

    def __init__(self) -> None:
        self._products: dict[str, ProductResult] = {}
        self._since: dict[str, float] = {}
        console = Console(stderr=True)
        self._live = Live(console=console, get_renderable=self._table, auto_refresh=False, transient=True)
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
        now = time.monotonic()
        products = [
            replace(product, seconds=now - self._since[name]) if product.status == "running" else product
            for name, product in sorted(self._products.items())
        ]
        return table(*run_table(products))


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
    words = {"ok": "made", "failed": "failed", "skipped": "skipped", "canceled": "not made"}
    counts = {state: sum(product.status == state for product in products) for state in words}
    parts = [f"{count} {words[state]}" for state, count in counts.items() if count]
    return f"{', '.join(parts) or 'nothing to make'} in {seconds:.1f} s"
