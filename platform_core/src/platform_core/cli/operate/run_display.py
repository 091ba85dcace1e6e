"""The display of a run: a live table on a terminal, a line per product elsewhere, and the summary."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from platform_core.cli.table import table_lines
from platform_core.words import counted, shortened
from platform_core.workspace.run.result import Observer, ProductResult


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
    """The counts, the time, the running products and the last ended ones on the terminal's standard error,
    redrawn in place, never higher than the terminal, and removed at the end."""

    def __init__(self) -> None:
        self._products: dict[str, ProductResult] = {}
        self._since: dict[str, float] = {}
        self._started = time.monotonic()
        self._console = Console(stderr=True)
        self._live = Live(
            console=self._console, get_renderable=self.shown, auto_refresh=False, transient=True
        )
        self._live.start()

    def moved(self, result: ProductResult) -> None:
        self._products.pop(result.product, None)
        self._products[result.product] = result  # the last one that moved is the last one
        if result.status == "running":
            self._since[result.product] = time.monotonic()

    def tick(self) -> None:
        self._live.refresh()

    def close(self) -> None:
        self._live.stop()

    def shown(self) -> RenderableType:
        """The content of the terminal now."""
        now, products = time.monotonic(), list(self._products.values())
        running = [each for each in products if each.status == "running"]
        ended = [each for each in products if each.status not in (None, "running")]
        # Without the line of the counts, the header, and the line of the cursor.
        rows = [*running, *reversed(ended)][: max(1, self._console.height - 3)]
        columns = ["product", "status", "rows", "seconds"]
        right = [column in ("rows", "seconds") for column in columns]
        cells = []
        for each in rows:
            count, seconds, _ = figures(each)
            if each.status == "running":
                seconds = f"{now - self._since[each.product]:.1f}"
            # Else a long name would leave no room for the figures.
            name = shortened(each.product, max(10, self._console.width - 36))
            cells.append([name, each.status or "waiting", count, seconds])
        waiting = len(products) - len(running) - len(ended)
        counts = f"{len(ended)} of {len(products)} ended, {len(running)} running, {waiting} waiting"
        line = Text(f"{counts}; {now - self._started:.0f} s", style="bold", no_wrap=True, overflow="ellipsis")
        shown = table_lines([columns, *cells], right, coloured=True)
        return Group(line, Text.from_ansi("\n".join(shown), no_wrap=True, overflow="ellipsis"))


def run_table(products: Sequence[ProductResult]) -> tuple[list[str], list[list[str]], list[bool]]:
    """Columns, rows and whether each column is aligned right. Partitions appear only if some are made
    alone."""
    partitions = ["partitions"] * any(product.partitions for product in products)
    columns = ["product", "location", *partitions, "status", "rows", "seconds", "checks"]
    cells = []
    for each in products:
        part = [each.partitions] * len(partitions)
        cells.append([each.product, each.location, *part, each.status or "waiting", *figures(each)])
    return columns, cells, [column in ("rows", "seconds") for column in columns]


def figures(product: ProductResult) -> tuple[str, str, str]:
    """Rows, seconds and checks as text; empty if unknown."""
    return (
        "" if product.rows is None else f"{product.rows:,}",
        "" if product.seconds is None else f"{product.seconds:.1f}",
        str(product.checks),
    )


def summary(products: Sequence[ProductResult], seconds: float) -> str:
    words = {"ok": "made", "unchanged": "unchanged", "failed": "failed", "skipped": "skipped"}
    words["canceled"] = "not made"
    counts = {state: sum(product.status == state for product in products) for state in words}
    parts = [f"{count} {words[state]}" for state, count in counts.items() if count]
    if warned := [product.checks.warned for product in products if product.checks.warned]:
        parts.append(f"{len(warned)} with {counted(sum(warned), 'warning')}")
    return f"{', '.join(parts) or 'nothing to make'} in {seconds:.1f} s"
