"""``mesh history``: the published versions of a data product, with the facts of their runs."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import datetime
from typing import Any

from platform_core.access.grants import reader_of, require_grant
from platform_core.cli.grammar import number
from platform_core.cli.output import answer, note
from platform_core.cli.table import print_table
from platform_core.lake.connect import connect
from platform_core.lake.damage import newest_versions
from platform_core.lake.lakes import current_lakes
from platform_core.lake.versions import bytes_of, own_bytes, stamps, table_behind
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import product_id
from platform_core.settings import mesh_root
from platform_core.workspace.records.check_counts import Checks


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", help="such as sales/transactions")
    reader = "the principal: analysts or domain:<name>; default: the product's own domain"
    parser.add_argument("--as", dest="principal", metavar="READER", help=reader)
    shown = "versions shown, the newest first; default: 20; 0 shows all"
    parser.add_argument("--limit", type=number("--limit", 0), default=20, metavar="N", help=shown)


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    registry, location, limit = Registry.open(root), current_lakes(root), options.limit
    product = registry.get(product_id(options.product, registry.names()))
    own = f"domain:{product.domain}"
    reader = reader_of(options.principal, own, location.reader, registry.domains())
    require_grant(product, reader, root)
    versions: list[dict[str, Any]] = []
    if location.exists(product.lake):
        with connect(location, read=[product.lake]) as connection:
            found = list(stamps(connection, product.lake, product.id, limit=limit + 1 if limit else None))
            tables = [table_behind(product.name, number, facts) for number, _, facts in found]
            sizes = bytes_of(connection, product.lake, tables)
        versions = [_facts(*stamp, size) for stamp, size in zip(found, sizes, strict=True)]
    shown, never = versions[: limit or None], f"{product.id} was never published; `mesh run {product.id}`"
    facts = {"product": product.id, "versions": shown, "complete": shown == versions}
    gone = newest_versions(location, [product])[1].get(product.id)
    status = answer(options, root, facts, (lambda: _print(shown)) if shown else never, gone)
    if shown != versions:
        note(options, f"newest {limit} versions; --limit 0 shows all")
    return status


def _facts(version: int, at: datetime, stamp: dict[str, Any], size: int | None) -> dict[str, Any]:
    results = stamp.get("checks")
    checks = None if results is None else asdict(Checks.of([each["status"] for each in results]))
    own = {"version": version, "published_at": at, "bytes": own_bytes(stamp, size)}
    return {**own, **stamp, "checks": checks, "results": results}


def _print(versions: list[dict[str, Any]]) -> None:
    rows = [
        {
            "version": f"v{each['version']}",
            "when": f"{each['published_at']:%Y-%m-%d %H:%M:%S %Z}",
            "rows": each["rows"],
            "written": each["rows_written"],
            "partition or batch": each.get("partition") or each.get("batch"),
            "contract": each.get("contract_version"),
            "commit": (each.get("commit") or "")[:8],
            "checks": each["checks"] and Checks(**each["checks"]),
            "seconds": each.get("seconds"),
            "bytes": each["bytes"],
            "run": each["run_id"],
        }
        for each in versions
    ]
    right = [name in ("version", "rows", "written", "seconds", "bytes") for name in rows[0]]
    print_table(list(rows[0]), [list(map(_cell, row.values())) for row in rows], right=right)


def _cell(value: object) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
