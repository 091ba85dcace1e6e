"""``mesh history``: the published versions of a data product, and how each was made."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from platform_core.cli.grammar import number

if TYPE_CHECKING:
    from platform_core.lake.versions import Version
    from platform_core.workspace.result import Checks


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", help="such as sales/transactions")
    reader = "who reads: analysts or domain:<name>; default: the product's own domain"
    parser.add_argument("--as", dest="principal", metavar="READER", help=reader)
    shown = "versions shown, the newest first; default: 20; 0 shows all"
    parser.add_argument("--limit", type=number("--limit", 0), default=20, metavar="N", help=shown)


def run(options: argparse.Namespace) -> int:
    from platform_core.access.grants import require_grant, require_principal
    from platform_core.cli.output import answer, note
    from platform_core.contracts.named import product_id
    from platform_core.contracts.registry import Registry
    from platform_core.lake.connect import connect
    from platform_core.lake.faults import lake_faults
    from platform_core.lake.location import LakeLocation
    from platform_core.lake.versions import history
    from platform_core.settings import mesh_root

    root = mesh_root()
    registry, location, limit = Registry.open(root), LakeLocation.current(root), options.limit
    product = registry.get(product_id(options.product, registry.names()))
    principal = f"domain:{product.domain}" if options.principal is None else options.principal
    require_principal(principal, registry.domains())
    require_grant(product, principal, root)
    found: tuple[Version, ...] = ()
    if location.exists(product.lake):
        with connect(location, read=[product.lake]) as connection, lake_faults(location, product.lake):
            found = history(connection, product, limit=limit + 1 if limit else None)
    shown = found[: limit or None]
    facts = {
        "product": product.id,
        "versions": [{**asdict(each), "checks": (c := _checks(each)) and asdict(c)} for each in shown],
        "complete": len(found) == len(shown),
    }
    never = f"{product.id} was never published; mesh run {product.id}"
    status = answer(options, root, facts, (lambda: _print(shown)) if shown else never)
    if len(found) > len(shown):
        note(options, f"newest {limit} versions; --limit 0 shows all")
    return status


def _checks(version: Version) -> Checks | None:
    from platform_core.workspace.result import Checks

    return None if version.results is None else Checks.of([each.status for each in version.results])


def _print(versions: Iterable[Version]) -> None:
    from platform_core.workspace.table import print_table

    rows = []
    for each in versions:
        row = (
            f"v{each.version}",
            f"{each.published_at:%Y-%m-%d %H:%M:%S %Z}",
            f"{each.rows:,}",
            f"{each.rows_written:,}",
            each.partition or each.batch,
            each.contract_version,
            each.commit and each.commit[:8],
            _checks(each),
            None if each.seconds is None else f"{each.seconds:.1f}",
            None if each.bytes is None else f"{each.bytes:,}",
            each.run_id,
        )
        rows.append(["" if cell is None else str(cell) for cell in row])
    part = "partition or batch"
    columns = ("version", "when", "rows", "written", part, "contract", "commit", "checks", "seconds", "bytes")
    right = ("version", "rows", "written", "seconds", "bytes")
    print_table((*columns, "run"), rows, right=[column in right for column in (*columns, "run")])
