"""``mesh diff``: the difference between two versions of a product."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from platform_core.access.diff.versions import Difference, difference
from platform_core.access.grants import ANALYSTS, reader_of, require_grant
from platform_core.cli.output import answer
from platform_core.cli.read.query_formats import markdown_line
from platform_core.cli.table import print_table
from platform_core.contracts.model import DataProduct
from platform_core.lake.lakes import current_lakes
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import product_id
from platform_core.settings import mesh_root
from platform_core.sql.allowed import moment_text


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", help="such as sales/transactions")
    past = "a version of the lake, or a time such as 2026-01-31T12:00 (UTC); default: the version before"
    moment = partial(moment_text, "--against")
    parser.add_argument("--against", type=moment, metavar="VERSION|TIME", help=past)
    reader = "the principal: analysts (default) or domain:<name>"
    parser.add_argument("--as", dest="principal", metavar="READER", help=reader)


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    registry, location = Registry.open(root), current_lakes(root)
    product = registry.get(product_id(options.product, registry.names()))
    reader = reader_of(options.principal, ANALYSTS, location.reader, registry.domains())
    require_grant(product, reader, root)
    found = difference(product, location, options.against)
    facts: dict[str, Any] = {"product": product.id, "from": found.old, "to": found.new}
    facts |= {"rows": found.rows, "columns": found.columns, "schema": found.schema}
    show = _print_markdown if options.format == "markdown" else print_table
    return answer(options, root, facts, lambda: _print(product, found, show))


def _print(product: DataProduct, found: Difference, show: Callable[..., None]) -> None:
    if found.old is None:
        print(f"{product.id}: nothing to compare, version {found.new} is the only one that the lake keeps")
        return
    same = sum(found.rows.values()) == found.rows["same"] and not any(found.schema.values())
    print(f"{product.id}: version {found.old} to {found.new}{', the same content' if same else ''}\n")
    counts = [f"{count:,}" for count in found.rows.values()]
    show([f"rows {name}" for name in found.rows], [counts], [True] * len(counts))
    if columns := list(_columns(found)):
        print()
        show(("column", "difference", "example"), columns)
    if product.restricted:
        print(f"\n{product.id} is restricted: only its rows are counted.")
    elif not found.by:
        print("\nWhole rows are compared, because there is no primary key that is unique in both versions.")


def _print_markdown(names: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool] = ()) -> None:
    for row in (names, ["---:" if right else "---"] * len(names), *rows):
        print(markdown_line(row))


def _columns(found: Difference) -> Iterator[list[str]]:
    """A row of the table for each column that differs, and one for each further example."""
    for what in ("added", "removed"):
        yield from ([name, f"{what}, {kind}", ""] for name, kind in found.schema[what].items())
    for name, (old, new) in found.schema["retyped"].items():
        yield [name, f"was {old}, is {new}, compared as text", ""]
    for name, each in found.columns.items():
        words = f"{each['changed']:,} changed"
        for row in each["examples"]:
            values = (row["old"], row["new"], *row["key"].values())
            old, new, *key = ("NULL" if value is None else value for value in values)
            names = map(" ".join, zip(row["key"], key, strict=True))
            yield [name, words, f"{', '.join(names)}: {old} -> {new}"]
            name = words = ""
