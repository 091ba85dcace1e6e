"""``mesh stats``: the statistics of a version's columns, made when it was published."""

from __future__ import annotations

import argparse
import json
from typing import Any

from platform_core.access.grants import ANALYSTS, reader_of, require_grant
from platform_core.cli.grammar import number
from platform_core.cli.output import answer
from platform_core.cli.table import print_table
from platform_core.diagnostics import LakeError, RunError, shown
from platform_core.lake.damage import newest_versions
from platform_core.lake.lakes import current_lakes
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.quality.statistics import columns_shown
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import product_id
from platform_core.settings import mesh_root

FACTS = ("column", "type", "null", "distinct", "estimated", "minimum", "quartiles", "maximum", "frequent")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", help="such as sales/transactions")
    reader = "the principal: analysts (default) or domain:<name>"
    parser.add_argument("--as", dest="principal", metavar="READER", help=reader)
    version = "an older version, which `mesh history` lists"
    parser.add_argument("--version", type=number("--version", 1), metavar="N", help=version)


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    registry, location = Registry.open(root), current_lakes(root)
    product = registry.get(product_id(options.product, registry.names()))
    reader = reader_of(options.principal, ANALYSTS, location.reader, registry.domains())
    require_grant(product, reader, root)
    versions, damaged = newest_versions(location, [product])
    if damaged:
        raise LakeError(*damaged[product.id])
    version = options.version or (versions[product.id].version if versions else 0)
    files = ProductFiles(location, product)
    files.fetch(version)
    file = files.statistics(version)
    if not file.is_file():
        message = f"{product.id} has no statistics of {f'version {version}' if version else 'any version'}"
        expected = "a version that a run published, with its statistics"
        fix = f"`mesh history {product.id}` lists the versions; `mesh run {product.id}` publishes one."
        raise RunError.of("R023", message, None, expected, fix)
    try:
        columns = [{name: each[name] for name in FACTS} for each in json.loads(file.read_bytes())]
    except (ValueError, KeyError, TypeError):
        fix = f"`mesh run {product.id}` publishes a version with statistics."
        raise LakeError.of("L031", f"{shown(file)} was changed", None, "the statistics", fix) from None
    for each in columns:
        if each["column"] not in columns_shown(product):  # by the contract of today
            each |= {"minimum": None, "quartiles": [], "maximum": None, "frequent": {}}
    facts = {"product": product.id, "product_version": version, "columns": columns}
    return answer(options, root, facts, lambda: _print(columns))


def _print(columns: list[dict[str, Any]]) -> None:
    rows = []
    for each in columns:
        null, distinct = f"{each['null']:.1%}", f"{'about ' * each['estimated']}{each['distinct']:,}"
        frequent = ", ".join(f"{value} {share:.1%}" for value, share in each["frequent"].items())
        bounds = [each["minimum"] or "", " ".join(each["quartiles"]), each["maximum"] or ""]
        rows.append([each["column"], each["type"], null, distinct, *bounds, frequent])
    names = ("column", "type", "null", "distinct", "minimum", "quartiles", "maximum", "most frequent")
    print_table(names, rows, right=[name in ("null", "distinct") for name in names])
