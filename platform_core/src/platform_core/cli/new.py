"""``mesh new product``: a contract, a function and a test, out of data that is there."""

from __future__ import annotations

import argparse
import sys

from platform_core.cli import OK
from platform_core.product_id import ProductId


def arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    product = kinds.add_parser(
        "product", help="a data product", description="Add a data product to a domain."
    )
    product.add_argument("product", metavar="DOMAIN/PRODUCT", help="such as sales/returns")
    product.add_argument(
        "--from",
        dest="subject",
        metavar="FILE|PRODUCT|SQL|MODEL",
        required=True,
        help="what it is made from: a Parquet, CSV or JSON file, a product, a query over granted products in "
        "quotes, or a dbt model of its name",
    )
    product.add_argument(
        "--columns", metavar="A,B,...", help="names of the columns, for a CSV file that does not name them"
    )


def run(options: argparse.Namespace) -> int:
    """Write contract, function and test, all of them or none, and say what to decide next."""
    from platform_core.cli.infer import place_of
    from platform_core.contracts.decisions import undecided
    from platform_core.contracts.registry import Registry
    from platform_core.errors import shown
    from platform_core.files import write_files
    from platform_core.inference.infer import infer
    from platform_core.inference.rehearsal import test_module
    from platform_core.inference.scaffold import maker, module, refuse_taken
    from platform_core.settings import mesh_root
    from platform_core.source.document import parse

    root = mesh_root()
    registry = Registry.open(root)
    product = options.product
    domain, name = ProductId(product).domain, ProductId(product).name
    contract = place_of(product, registry, root)
    code = root / "domains" / domain / "src" / domain / f"{name}.py"
    test = root / "domains" / domain / "tests" / f"test_{name}.py"
    refuse_taken(test)
    columns = options.columns.split(",") if options.columns else None
    inferred = infer(options.subject, registry, root, product=product, columns=columns)
    texts = {contract: inferred.text}
    made = maker(inferred, product, registry, root)
    if made is not None:
        there = code.read_text(encoding="utf-8") if code.exists() else None
        texts[code] = module(there, made, name, code, inferred.subject.words)
        texts[test] = test_module(inferred, made, product, registry)
    write_files(texts)
    for warning in inferred.warnings:
        print(warning.render(), file=sys.stderr)
    for path in texts:
        print(f"wrote {shown(path)}")
    if made is None:
        print(f"{inferred.subject.words} makes it: no function is needed")
    steps = [line for found in undecided(parse(contract)) for line in (found.expected or "").splitlines()]
    steps.append(
        f"mesh check {product}      # says what is left to decide, then whether contract and function fit"
    )
    steps.append(f"mesh run {product}        # write, audit, publish")
    print("\nNext, in this order:")
    for number, step in enumerate(steps, start=1):
        print(f"{number:>3}. {step}")
    return OK
