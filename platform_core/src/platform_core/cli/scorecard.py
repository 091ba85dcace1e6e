"""``mesh scorecard``: how every product stands with its policies, judged now."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from platform_core.cli import OK

if TYPE_CHECKING:
    from platform_core.contracts.model import DataProduct
    from platform_core.workspace.scorecard import Standing
    from platform_core.workspace.validate import Examination

COLUMNS = (
    ("product", False),
    ("kept", True),
    ("errors", True),
    ("warnings", True),
    ("waived", True),
    ("documented", True),
    ("owned", True),
    ("SLA", True),
    ("quality", True),
    ("open", False),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--domain", metavar="DOMAIN", help="only the products of this domain")
    parser.add_argument("--json", action="store_true", help="one JSON document, each policy's state")


def run(options: argparse.Namespace) -> int:
    from datetime import date

    from platform_core.cli.products import require_domain
    from platform_core.settings import mesh_root
    from platform_core.workspace.scorecard import standings
    from platform_core.workspace.validate import examine

    today = date.today()
    found = examine(mesh_root(), today)
    domains = sorted({location.domain for location in found.mesh.locations})
    if options.domain is not None:
        require_domain(options.domain, tuple(domains))
        domains = [options.domain]
    rows = [row for row in standings(found, today) if options.domain in (None, row.domain)]
    if options.json:
        import json
        from dataclasses import asdict

        print(json.dumps([asdict(row) for row in rows], indent=2, default=str))
    else:
        _print(found, domains, rows)
    unloaded = [location.name for location in found.mesh.locations if not location.loads]
    if unloaded:
        import sys

        print(f"not loaded, and so not fully judged: {', '.join(unloaded)}", file=sys.stderr)
    return OK


def _print(found: Examination, domains: Sequence[str], rows: Sequence[Standing]) -> None:
    from platform_core.cli.table import print_table

    lines = []
    for domain in domains:
        products = [product for product in found.mesh.products.values() if product.domain == domain]
        of_domain = [row for row in rows if row.domain == domain]
        lines.append(_line(domain, found, products, of_domain))
        for product in sorted(products, key=lambda product: product.name):
            own = [row for row in of_domain if row.subject == product.id]
            lines.append(_line(f"  {product.name}", found, [product], own))
    print_table([name for name, _ in COLUMNS], lines, right=[right for _, right in COLUMNS])


def _line(
    label: str, found: Examination, products: Sequence[DataProduct], rows: Sequence[Standing]
) -> list[str]:
    from platform_core.workspace.scorecard import coverage, score

    scored, covered = score(rows), coverage(found, products)
    shares = (covered.documentation, covered.ownership, covered.sla, covered.quality)
    counts = (scored.failed, scored.warned, scored.waived)
    return [
        label,
        _percent(scored.kept),
        *(str(count) if count else "-" for count in counts),
        *(_percent(share) for share in shares),
        _open(rows) if label.startswith(" ") else "",
    ]


def _open(rows: Sequence[Standing]) -> str:
    """The codes that are broken, and those waived with the days left."""
    words = [row.code for row in rows if row.state in ("fail", "warn")]
    words += [f"{row.code} waived, {row.days_left} days left" for row in rows if row.state == "waived"]
    return ", ".join(words)


def _percent(share: float) -> str:
    # Rounded down: 100% is said only where nothing is missing.
    return f"{int(share * 100)}%"
