"""``mesh lineage``: the columns from which a column is made, and those that are made from it."""

from __future__ import annotations

import argparse
from typing import Final

from platform_core.change.lineage import Direction, Lineage, Node, Step
from platform_core.cli.output import answer
from platform_core.cli.table import print_table, print_text
from platform_core.diagnostics import UsageError
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import product_id
from platform_core.settings import mesh_root
from platform_core.words import did_you_mean, listed

HEADS: Final = {"up": ("column", "made from"), "down": ("column", "flows into")}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT[.COLUMN]", help="such as sales/stores.store_id")
    parser.add_argument("--up", action="store_true", help="only the columns that it is made from")
    parser.add_argument("--down", action="store_true", help="only the columns that are made from it")


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    name, _, column = options.product.partition(".")
    product = product_id(name, Registry.open(root).names())
    lineage = Lineage.of(root)
    known = lineage.columns(product)
    if column and column not in known:
        message = f'{product} has no column "{column}"' if known else f"the maker of {product} is unknown"
        expected = listed(known) if known else "a product whose location loads"
        raise UsageError.of("U099", message, None, expected, did_you_mean(column, known))
    directions: list[Direction] = ["up"] if options.up and not options.down else ["down"]
    if options.up == options.down:
        directions = ["up", "down"]
    found = {each: list(lineage.steps(product, column or None, each)) for each in directions}
    document: dict[str, object] = {
        "product": product,
        "column": column or None,
        **{each: [_document(step) for step in steps] for each, steps in found.items()},
    }

    def table() -> None:
        for direction, steps in found.items():
            if steps:
                rows = [[_words(step.node), _beyond(step)] for step in steps]
                print_table(HEADS[direction], rows)
            else:
                print_text(f"{HEADS[direction][1]}: no column")

    return answer(options, root, document, table)


def _document(step: Step) -> dict[str, object]:
    beyond = [{"product": product, "column": column} for product, column in step.beyond]
    return {"product": step.node[0], "column": step.node[1], "columns": beyond, "known": step.known}


def _words(node: Node) -> str:
    return ".".join(node)


def _beyond(step: Step) -> str:
    return ", ".join(map(_words, step.beyond)) + ("" if step.known else " (any of them: Python)")
