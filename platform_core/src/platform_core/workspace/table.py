"""A run's products as a table for a terminal, and as the document of ``--json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from platform_core.workspace.result import MeshResult, ProductResult

STYLES: Final = {"ok": "green", "failed": "bold red", "skipped": "yellow", "canceled": "yellow"}


def document(result: MeshResult) -> str:
    """The JSON of a run: one entry per product, in the order of their names."""
    products = [
        {
            "product": product.product,
            "location": product.location,
            "status": product.status,
            "rows": product.rows,
            "seconds": product.seconds,
            "checks": {"passed": product.passed, "failed": product.failed},
            "error": product.error,
        }
        for product in result.products
    ]
    return json.dumps({"products": products}, indent=2)


def table(products: Iterable[ProductResult]) -> Table:
    """Product, location, partitions (where only some are made), status, rows, seconds, checks."""
    listed = list(products)
    parts = any(product.partitions for product in listed)
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("product", no_wrap=True)
    shown.add_column("location", no_wrap=True)
    if parts:
        shown.add_column("partitions", no_wrap=True)
    shown.add_column("status", no_wrap=True)
    for name in ("rows", "seconds", "checks"):
        shown.add_column(name, justify="right", no_wrap=True)
    for product in listed:
        status = product.status or "waiting"
        shown.add_row(
            product.product,
            product.location,
            *([product.partitions] if parts else []),
            Text(status, style=STYLES.get(status, "cyan" if status == "running" else "dim")),
            *figures(product),
        )
    return shown


def figures(product: ProductResult) -> tuple[str, str, str]:
    """Rows, seconds and checks as text; empty where there are none."""
    total = product.passed + product.failed
    checks = f"{product.passed}/{total}" if total else ""
    return (
        "" if product.rows is None else f"{product.rows:,}",
        "" if product.seconds is None else f"{product.seconds:.1f}",
        checks,
    )


def summary(products: Sequence[ProductResult], seconds: float) -> str:
    """One sentence: how many products fared how."""
    words = {"ok": "made", "failed": "failed", "skipped": "skipped", "canceled": "not made"}
    counts = {state: sum(product.status == state for product in products) for state in words}
    parts = [f"{count} {words[state]}" for state, count in counts.items() if count]
    return f"{', '.join(parts) or 'nothing to make'} in {seconds:.1f} s"
