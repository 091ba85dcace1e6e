"""``mesh products``: every data product with its owner, promise and last published version."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_core.cli import FAILED, OK
from platform_core.words import age_in_words

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
    parser.add_argument("--domain", metavar="DOMAIN", help="only the products of this domain")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(options: argparse.Namespace) -> int:
    from platform_core.contracts.registry import Registry
    from platform_core.errors import render
    from platform_core.lake.location import LakeLocation
    from platform_core.settings import mesh_root

    root = mesh_root()
    registry = Registry.open(root)
    if options.domain is not None:
        require_domain(options.domain, registry.domains())
    products, diagnostics = registry.scan()
    wanted = [p for p in products if options.domain in (None, p.domain)]
    if options.domain is not None:
        folder = registry.path(f"{options.domain}/any").parent
        diagnostics = tuple(d for d in diagnostics if d.place is None or d.place.path.parent == folder)
    listed = with_versions(wanted, LakeLocation.current(root))
    if options.json:
        import json

        document = {
            "products": [_facts(entry) for entry in listed],
            "faults": [{"code": d.code, "message": d.message, "place": str(d.place)} for d in diagnostics],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(listed)
    if diagnostics:
        print(f"\n{render(diagnostics)}", file=sys.stderr)
    return FAILED if any(d.severity == "error" for d in diagnostics) else OK


def require_domain(domain: str, known: tuple[str, ...]) -> None:
    from platform_core.errors import Diagnostic, UsageError
    from platform_core.words import did_you_mean, listed

    if domain not in known:
        raise UsageError(
            Diagnostic(
                "U042",
                f'there is no domain "{domain}"',
                expected=f"one of {listed(known)}",
                fix=did_you_mean(domain, known),
            )
        )


def with_versions(products: list[DataProduct], location: LakeLocation) -> list[Listed]:
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
    from platform_core.cli.table import print_table
    from platform_core.products.description import sla_in_words

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


def _facts(entry: Listed) -> dict[str, Any]:
    from platform_core.products.description import sla_in_words

    product = entry.product
    return {
        "product": product.id,
        "owner": product.owner,
        "status": product.status,
        "version": product.version,
        "sla": sla_in_words(product) or None,
        "purpose": first_line(product.purpose),
        "published": published(entry.version),
    }


def published(version: Version | None) -> dict[str, Any] | None:
    """A published version for JSON; None where there is none yet."""
    if version is None:
        return None
    return {
        "version": version.version,
        "at": version.published_at.isoformat(),
        "run_id": version.run_id,
        "rows": version.rows,
        "bytes": version.bytes,
    }
