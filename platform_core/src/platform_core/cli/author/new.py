"""``mesh new``: write the files of a domain, or contract, function and test of a product from data."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from platform_core.authoring.domain.files import domain_files, require_new
from platform_core.authoring.domain.lock import LOCK
from platform_core.authoring.infer import infer
from platform_core.authoring.outside import EXTRAS, with_needs
from platform_core.authoring.product.product_test import test_module
from platform_core.authoring.product.scaffold import formatted, maker, module, refuse_taken
from platform_core.cli.author.infer import columns_option, decisions, place_of
from platform_core.cli.documents import relative
from platform_core.cli.grammar import one_of
from platform_core.cli.output import answer
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, UsageError, shown
from platform_core.files import write_files
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_root
from platform_core.source.federation import read_federation
from platform_core.source.workspace import read_locations
from platform_core.sources.columns import locked_in, require_own


def arguments(parser: argparse.ArgumentParser) -> None:
    kinds = ("domain", "product")
    parser.add_argument("kind", type=one_of("KIND", kinds), metavar="KIND", help="domain or product")
    parser.add_argument("name", metavar="NAME", help="such as travel, or sales/returns for a product")
    parser.add_argument("--team", metavar="TEAM", help="of a domain: its new team, such as travel-analytics")
    parser.add_argument("--dbt", action="store_true", help="of a domain: with a dbt project")
    parser.add_argument(
        "--from",
        dest="subject",
        metavar="FILE|PRODUCT|SQL|MODEL|SOURCE",
        help="of a product: its source, a Parquet, CSV or JSON file, a product, a query over granted "
        "products in quotes, a dbt model of its name, a URL, or a table such as "
        "postgres:SHOP_DB:public.orders",
    )
    columns_option(parser)


def run(options: argparse.Namespace) -> int:
    """Write the files, all of them or none, and list the next steps."""
    root = mesh_root()
    of_domain = {"--team": options.team, "--dbt": options.dbt}
    of_product = {"--from": options.subject, "--columns": options.columns}
    own, others = (of_domain, of_product) if options.kind == "domain" else (of_product, of_domain)
    needed, fix = next(iter(own)), f"`mesh new --help` describes the options of a {options.kind}."
    expected = f"mesh new {options.kind} {options.name} {needed} ..."
    for name in (name for name, value in others.items() if value):
        raise UsageError.of("U091", f"unexpected argument {name}", None, expected, fix)
    if not own[needed]:
        raise UsageError.of("U093", f"{needed} is missing", None, expected, fix)
    return _domain(options, root) if options.kind == "domain" else _product(options, root)


def _domain(options: argparse.Namespace, root: Path) -> int:
    domain, registry, federation = options.name, Registry.open(root), read_federation(root)
    if federation.faults:
        raise UsageError(*federation.faults)
    known = {*registry.domains(), *(each.name for each in read_locations(root))}
    require_new(root, domain, options.team, known, federation)
    texts = domain_files(root, domain, options.team, options.dbt, federation)
    write_files(texts)
    locked = root / "domains" / domain / LOCK in texts
    steps = [
        *([] if locked else ["make lock            # no other domain has these packages: needs the index"]),
        "make setup           # its environment",
        f"mesh new product {domain}/<name> --from <file, product or SQL>",
    ]
    return _written(options, root, {"domain": domain}, texts, [], steps)


def _product(options: argparse.Namespace, root: Path) -> int:
    registry = Registry.open(root)
    product = options.name
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
        texts[code] = formatted(module(there, made, name, code, inferred.subject.words), code, root, domain)
        texts[test] = formatted(test_module(inferred, made, product, registry), test, root, domain)
    outside = inferred.subject.outside
    if outside is not None:
        if outside.lock is not None:
            lock = locked_in(outside.source, domain, root)
            require_own(lock, outside.source)
            texts[lock] = outside.lock
        project = root / "domains" / domain / "pyproject.toml"
        before = project.read_text(encoding="utf-8")
        if (needs := with_needs(before, outside.source)) != before:
            texts[project] = needs
    write_files(texts)
    steps = decisions(contract)
    if outside is not None and outside.source.kind in EXTRAS:
        steps.append("make lock setup           # the extra of the source")
    steps.append(f"mesh check {product}      # lists open decisions, then compares contract and function")
    steps.append(f"mesh run {product}        # write, audit, publish")
    notes = [] if made is not None else [f"{inferred.subject.words} makes it: no function is needed"]
    return _written(options, root, {"product": product}, texts, notes, steps, inferred.warnings)


def _written(
    options: argparse.Namespace,
    root: Path,
    facts: Mapping[str, object],
    texts: Iterable[Path],
    notes: Sequence[str],
    steps: Sequence[str],
    warnings: Sequence[Diagnostic] = (),
) -> int:
    lines = [*(f"wrote {shown(path)}" for path in texts), *notes]
    lines += ["", "Next, in this order:", *(f"{n:>3}. {step}" for n, step in enumerate(steps, start=1))]
    whole = {**facts, "wrote": [relative(path, root) for path in texts], "next": steps}
    return answer(options, root, whole, "\n".join(lines), warnings)
