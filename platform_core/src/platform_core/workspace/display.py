"""A run of the mesh as people watch it: a live table on a terminal, a line per product elsewhere."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

from rich.console import Console, RenderableType
from rich.live import Live

from platform_core.workspace.result import ProductResult
from platform_core.workspace.table import figures, table


class Silent:
    """Watches and says nothing."""

    def moved(self, result: ProductResult) -> None:
        return

    def tick(self) -> None:
        return

    def close(self) -> None:
        return


class Lines:
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

    def tick(self) -> None:
        return

    def close(self) -> None:
        return


class Screen:
    """A table on the terminal's standard error that is redrawn in place and gone at the end."""

    def __init__(self) -> None:
        self._products: dict[str, ProductResult] = {}
        self._since: dict[str, float] = {}
        self._live = Live(
            console=Console(stderr=True), get_renderable=self._table, auto_refresh=False, transient=True
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
        now = time.monotonic()
        return table(
            replace(product, seconds=now - self._since[name]) if product.status == "running" else product
            for name, product in sorted(self._products.items())
        )
