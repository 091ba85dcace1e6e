"""``mesh infer``: draft a contract from data. It fills in facts and marks the decisions for people."""

from __future__ import annotations

import argparse
import keyword
import re
from pathlib import Path
from typing import Final

from platform_core.authoring.infer import infer
from platform_core.cli.documents import relative
from platform_core.cli.output import answer
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import UsageError, shown
from platform_core.files import write_files
from platform_core.odcs.placeholders import undecided
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import domain_name
from platform_core.settings import mesh_root
from platform_core.source.document import parse
from platform_core.words import listed

LONGEST: Final = 60
"""The letters of a product's name: it is a part of names of files and tests."""
_TAKEN: Final = (
    "definitions",
    "policies",
    "sources",
    "platform_core",
    "data_product",
    "evaluate",
    "date",
    "datetime",
    "time",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "subject",
        metavar="FILE|TABLE|SQL|MODEL",
        help="a Parquet, CSV or JSON file; a product such as sales/stores; a query over granted products in "
        "quotes; a dbt model such as sales/store_performance",
    )
    parser.add_argument(
        "--as",
        dest="product",
        metavar="DOMAIN/PRODUCT",
        help="the product to describe: mesh writes its contract, and reads with the grants of its domain; "
        "without it, mesh prints the contract",
    )
    columns_option(parser)
    parser.add_argument("--replace", action="store_true", help="overwrite an existing contract")


def columns_option(parser: argparse.ArgumentParser) -> None:
    words = "names of the columns, for a CSV file without a header"
    parser.add_argument("--columns", type=lambda names: names.split(","), metavar="A,B,...", help=words)


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    registry = Registry.open(root)
    path = place_of(options.product, registry, root, replace=options.replace) if options.product else None
    inferred = infer(options.subject, registry, root, product=options.product, columns=options.columns)
    text, steps = inferred.text.removesuffix("\n"), list[str]()
    if path is not None:
        write_files({path: inferred.text})
        text = f"wrote {shown(path)}: {inferred.facts.rows:,} rows, {len(inferred.facts.columns)} columns"
        if steps := decisions(path):
            ask = f"Next, decide (`mesh check {options.product}` lists the rest):"
            text = "\n".join([text, "", ask, "", *steps])
    wrote = path and relative(path, root)
    facts = {"product": options.product, "wrote": wrote, "contract": inferred.text, "next": steps}
    return answer(options, root, facts, text, inferred.warnings)


def decisions(contract: Path) -> list[str]:
    return [line for found in undecided(parse(contract)) for line in (found.expected or "").splitlines()]


def place_of(product: str, registry: Registry, root: Path, *, replace: bool = False) -> Path:
    """The path for the contract of a new product. Raises UsageError: U042 for an unknown domain, U067 for an
    invalid name, U066 for an existing contract."""

    name = ProductId(product).name
    known = registry.domains()
    if name:
        domain_name(ProductId(product).domain, known)
    # The function and module of the product have its name, which must not hide a package.
    taken = keyword.iskeyword(name) or name in {*_TAKEN, *known} or name.startswith("test_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or taken or len(name) > LONGEST:
        raise UsageError.of(
            "U067",
            f'"{product}" is not a valid name of a product',
            expected=f"<domain>/<product>, at most {LONGEST} lower-case letters, digits and _; "
            f"domains: {listed(known)}",
            fix="Choose a name that is not a keyword of Python or a module of the domain." if taken else None,
        )
    path = registry.path(product)
    if path.exists() and not replace:
        raise UsageError.of(
            "U066",
            f"{product} already has a contract: {shown(path)}",
            expected="a product without one, or --replace",
            fix="Leave out --as to print the contract and compare, or write --replace to overwrite it.",
        )
    return path
