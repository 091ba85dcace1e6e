"""``mesh stats``: the statistics of a version's columns, made when it was published."""

from __future__ import annotations

import argparse
import json
from typing import Any

from platform_core.access.grants import require_grant, require_principal
from platform_core.cli.grammar import number
from platform_core.cli.output import answer
from platform_core.cli.table import print_table
from platform_core.diagnostics import RunError
from platform_core.lake.connect import connect
from platform_core.lake.location import LakeLocation
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.lake.versions import stamps
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import product_id
from platform_core.settings import mesh_root


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", help="such as sales/transactions")
    reader = "the principal: analysts (default) or domain:<name>"
    parser.add_argument("--as", dest="principal", default="analysts", metavar="READER", help=reader)
    version = "an older version, which `mesh history` lists"
    parser.add_argument("--version", type=number("--version", 1), metavar="N", help=version)


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    registry, location = Registry.open(root), LakeLocation.current(root)
    product = registry.get(product_id(options.product, registry.names()))
    require_principal(options.principal, registry.domains())
    require_grant(product, options.principal, root)
    with connect(location, read=[product.lake]) as connection:
        stamp = next(stamps(connection, product.lake, product.id, version=options.version, limit=1), None)
    file = ProductFiles(location, product).statistics(stamp[0]) if stamp else None
    if stamp is None or file is None or not file.is_file():
        version = f"version {stamp[0]}" if stamp else f"version {options.version or 'that is published'}"
        expected = "a version that was published by a run since 0.4"
        fix = f"`mesh history {product.id}` lists the versions; `mesh run {product.id}` publishes one."
        raise RunError.of("R024", f"{product.id} has no statistics of {version}", None, expected, fix)
    columns = json.loads(file.read_bytes())
    facts = {"product": product.id, "version": stamp[0], "rows": stamp[2]["rows"], "columns": columns}
    return answer(options, root, facts, lambda: _print(columns))


def _print(columns: list[dict[str, Any]]) -> None:
    rows = [
        [
            each["column"],
            each["type"],
            f"{each['null']:.1%}",
            f"{'' if each['exact'] else 'about '}{each['distinct']:,}",
            each["minimum"] or "",
            " ".join(each["quartiles"]),
            each["maximum"] or "",
            ", ".join(f"{value} {share:.0%}" for value, share in each["frequent"]),
        ]
        for each in columns
    ]
    names = ("column", "type", "null", "distinct", "minimum", "quartiles", "maximum", "most frequent")
    print_table(names, rows, right=[name in ("null", "distinct") for name in names])
