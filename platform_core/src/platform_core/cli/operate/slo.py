"""``mesh slo``: how well products keep their promises."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from platform_core.cli.exit_status import FAILED, OK
from platform_core.cli.grammar import domain_option
from platform_core.cli.output import answer
from platform_core.cli.table import print_table, print_text
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import UsageError
from platform_core.operations.ledger.levels import ROLLING, Level, service_levels
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import domain_name, product_id
from platform_core.settings import mesh_root
from platform_core.words import listed


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "product", nargs="?", metavar="PRODUCT", help="all its periods; default: all products"
    )
    domain_option(parser)
    period = f"a month such as 2026-11; default: {ROLLING}"
    parser.add_argument("--period", metavar="PERIOD", help=period)


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    registry = Registry.open(root)
    product = product_id(options.product, registry.names()) if options.product is not None else None
    domain = domain_name(options.domain, registry.domains()) if options.domain is not None else None
    found = service_levels(root)
    periods = sorted({level.period for level in found})
    period = options.period or (None if product is not None else ROLLING)
    if found and period not in (None, ROLLING, *periods):
        raise UsageError.of(
            "O009", f'the ledger has no period "{period}"', None, listed(periods) or "a month"
        )
    shown = [
        level
        for level in found
        if product in (None, level.product_id)
        and domain in (None, ProductId(level.product_id).domain)
        and period in (None, level.period)
    ]
    status = answer(options, root, {"levels": [asdict(level) for level in shown]}, lambda: _print(shown))
    below = any(level.attained < level.target for level in shown if level.period == ROLLING)
    return FAILED if below else status or OK


def _print(shown: list[Level]) -> None:
    if not shown:
        print_text("the ledger has no entry yet: it enters every night what was promised on the day before")
        return
    columns = ("product", "period", "kept", "attained", "own", "target", "error budget left")
    rows = [
        [
            level.product_id,
            level.period,
            f"{level.kept} of {level.promised}",
            f"{level.attained:.1f} %",
            f"{level.own:.1f} %",
            f"{level.target:g} %",
            "none allowed" if level.error_budget is None else f"{level.error_budget:.0%}",
        ]
        for level in shown
    ]
    print_table(columns, rows, [False, False, True, True, True, True, True])
