"""``mesh products``: every data product with its owner, promise and last published version."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from platform_core.cli.documents import relative
from platform_core.cli.grammar import domain_option
from platform_core.cli.output import answer, note
from platform_core.cli.table import print_table
from platform_core.contracts.model import DataProduct
from platform_core.lake.damage import each_once, newest_versions
from platform_core.lake.lakes import current_lakes
from platform_core.lake.versions import Version
from platform_core.products.catalog.text import sla_in_words
from platform_core.registry.lookup import Registry
from platform_core.registry.search import MOST, index_of, search
from platform_core.registry.typed_names import domain_name
from platform_core.settings import mesh_root
from platform_core.words import age_in_words

WIDE: Final = ("product", "owner", "contract", "published", "rows", "when", "promise", "purpose")


def arguments(parser: argparse.ArgumentParser) -> None:
    domain_option(parser)
    parser.add_argument("--wide", action="store_true", help="also owner, contract, version and promise")
    text = "the products that match a text, the best first: names, columns, owners, tags, descriptions"
    parser.add_argument("--search", metavar="TEXT", help=text)


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    registry = Registry.open(root)
    wanted = [domain_name(options.domain, registry.domains())] if options.domain is not None else []
    if options.search is None:
        products, diagnostics = registry.scan(*wanted)
    else:
        found = search(registry, options.search, index_of(root), *wanted)
        products, diagnostics = registry.each(found)
        if len(found) in (0, MOST):
            note(options, f"the best {MOST}" if found else f'no product matches "{options.search}"')
    versions, damaged = newest_versions(current_lakes(root), products)
    diagnostics = (*diagnostics, *each_once(damaged))
    facts = {"products": [_facts(product, versions.get(product.id), root) for product in products]}
    return answer(options, root, facts, lambda: _print(products, versions, options.wide), diagnostics)


def _print(products: Sequence[DataProduct], versions: Mapping[str, Version], wide: bool) -> None:
    columns = WIDE if wide else ("product", "rows", "when", "purpose")
    rows = []
    for product in products:
        version = versions.get(product.id)
        row = {
            "product": product.id,
            "owner": product.owner or "-",
            "contract": f"{product.status} {product.version}",
            "published": f"v{version.version}" if version else "-",
            "rows": f"{version.rows:,}" if version else "-",
            "when": f"{age_in_words(version.published_at)} ago" if version else "never",
            "promise": sla_in_words(product) or "-",
            "purpose": " ".join(product.purpose.strip().partition("\n")[0].split()),
        }
        rows.append([row[column] for column in columns])
    print_table(columns, rows, right=[column in ("published", "rows") for column in columns])


def _facts(product: DataProduct, version: Version | None, root: Path) -> dict[str, Any]:
    return {
        "product": product.id,
        "owner": product.owner,
        "contract": contract(product, root),
        "sla": sla_in_words(product) or None,
        "purpose": product.purpose.strip().partition("\n")[0],
        "published": version and asdict(version),
    }


def contract(product: DataProduct, root: Path) -> dict[str, Any]:
    return {"version": product.version, "status": product.status, "path": relative(product.path, root)}
