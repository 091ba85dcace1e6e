"""``mesh new product``: write a contract, a function and a test from existing data."""

from __future__ import annotations

import argparse

from platform_core.authoring.infer import infer
from platform_core.authoring.product_test import test_module
from platform_core.authoring.scaffold import maker, module, refuse_taken
from platform_core.cli.author.infer import columns_option, decisions, place_of
from platform_core.cli.documents import relative
from platform_core.cli.grammar import one_of
from platform_core.cli.output import answer
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import shown
from platform_core.files import write_files
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_root


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", type=one_of("KIND", ("product",)), metavar="KIND", help="product")
    parser.add_argument("product", metavar="DOMAIN/PRODUCT", help="such as sales/returns")
    parser.add_argument(
        "--from",
        dest="subject",
        metavar="FILE|PRODUCT|SQL|MODEL",
        required=True,
        help="its source: a Parquet, CSV or JSON file, a product, a query over granted products in quotes, "
        "or a dbt model of its name",
    )
    columns_option(parser)


def run(options: argparse.Namespace) -> int:
    """Write contract, function and test, all of them or none, and list the next steps."""
    root = mesh_root()
    registry = Registry.open(root)
    product = options.product
    domain, name = ProductId(product).domain, ProductId(product).name
    contract = place_of(product, registry, root)
    code = root / "domains" / domain / "src" / domain / f"{name}.py"
    test = root / "domains" / domain / "tests" / f"test_{name}.py"
    refuse_taken(test)
    inferred = infer(options.subject, registry, root, product=product, columns=options.columns)
    texts = {contract: inferred.text}
    made = maker(inferred, product, registry, root)
    if made is not None:
        there = code.read_text(encoding="utf-8") if code.exists() else None
        texts[code] = module(there, made, name, code, inferred.subject.words)
        texts[test] = test_module(inferred, made, product, registry)
    write_files(texts)
    steps = decisions(contract)
    steps.append(f"mesh check {product}      # lists open decisions, then compares contract and function")
    steps.append(f"mesh run {product}        # write, audit, publish")
    lines = [f"wrote {shown(path)}" for path in texts]
    if made is None:
        lines.append(f"{inferred.subject.words} makes it: no function is needed")
    lines += ["", "Next, in this order:", *(f"{n:>3}. {step}" for n, step in enumerate(steps, start=1))]
    facts = {"product": product, "wrote": [relative(path, root) for path in texts], "next": steps}
    return answer(options, root, facts, "\n".join(lines), inferred.warnings)
