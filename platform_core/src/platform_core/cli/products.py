"""``mesh products``: every data product with its owner, promise and last published version."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_core.cli.grammar import domain_option

if TYPE_CHECKING:
    from platform_core.contracts.model import DataProduct
    from platform_core.lake.location import LakeLocation
    from platform_core.lake.versions import Version


@dataclass(frozen=True)
class Listed:
    """A product with what its lake says of it."""

    product: DataProduct
    version: Version | None


def arguments(parser: argparse.ArgumentParser) -> None:
    domain_option(parser)


def run(options: argparse.Namespace) -> int:
    from platform_core.cli.output import answer
    from platform_core.contracts.named import domain_name
    from platform_core.contracts.registry import Registry, mesh_root
    from platform_core.lake.location import LakeLocation

    root = mesh_root()
    registry = Registry.open(root)
    wanted = [domain_name(options.domain, registry.domains())] if options.domain is not None else []
    products, diagnostics = registry.scan(*wanted)
    listed = with_versions(products, LakeLocation.current(root))
    facts = {"products": [_facts(entry, root) for entry in listed]}
    return answer(options, root, facts, lambda: _print(listed), diagnostics)


def with_versions(products: Sequence[DataProduct], location: LakeLocation) -> list[Listed]:
    """The products with their latest published versions, from the lakes that exist."""
    from platform_core.lake.connect import connect
    from platform_core.lake.versions import latest

    lakes = {product.lake for product in products if location.exists(product.lake)}
    if not lakes:
        return [Listed(product, None) for product in products]
    with connect(location, read=lakes) as connection:
        return [
            Listed(product, latest(connection, product) if product.lake in lakes else None)
            for product in products
        ]


def _print(listed: list[Listed]) -> None:
    from platform_core.cli.output import age_in_words
    from platform_core.products.description import sla_in_words
    from platform_core.workspace.table import print_table

    rows = []
    for entry in listed:
        product, version = entry.product, entry.version
        rows.append(
            [
                product.id,
                product.owner or "-",
                f"{product.status} {product.version}",
                f"v{version.version}" if version else "-",
                f"{version.rows:,}" if version else "-",
                f"{age_in_words(version.published_at)} ago" if version else "never",
                sla_in_words(product) or "-",
                first_line(product.purpose),
            ]
        )
    columns = ("product", "owner", "contract", "published", "rows", "when", "promise", "purpose")
    right = tuple(column in ("published", "rows") for column in columns)
    print_table(columns, rows, right=right)


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _facts(entry: Listed, root: Path) -> dict[str, Any]:
    from platform_core.products.description import sla_in_words

    product = entry.product
    return {
        "product": product.id,
        "owner": product.owner,
        "contract": contract(product, root),
        "sla": sla_in_words(product) or None,
        "purpose": first_line(product.purpose),
        "published": entry.version and asdict(entry.version),
    }


def contract(product: DataProduct, root: Path) -> dict[str, Any]:
    """A contract for JSON."""
    from platform_core.workspace.document import relative

    return {"version": product.version, "status": product.status, "path": relative(product.path, root)}
