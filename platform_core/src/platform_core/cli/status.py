"""``mesh status``: which products are overdue, failing or stale, and whom that affects."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from platform_core.cli import FAILED, OK
from platform_core.product_id import ProductId
from platform_core.words import counted

if TYPE_CHECKING:
    from platform_core.workspace.status import Status, Trouble

SHOWN_READERS = 2


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--domain", metavar="DOMAIN", help="only products of this domain, or that affect it")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.epilog = (
        "Exit code: 0 every product is as promised, 1 some are not, 2 the command was called wrongly."
    )


def run(options: argparse.Namespace) -> int:
    from platform_core.cli.products import require_domain
    from platform_core.contracts.registry import Registry
    from platform_core.errors import render
    from platform_core.settings import mesh_root
    from platform_core.workspace.status import mesh_status

    root = mesh_root()
    if options.domain is not None:
        require_domain(options.domain, Registry.open(root).domains())
    found = mesh_status(root)
    troubles = [t for t in found.troubles if _about(t, options.domain)]
    if options.format == "json":
        import json

        print(json.dumps(_document(found, troubles, options.domain), indent=2, ensure_ascii=False))
    else:
        _print(found, troubles, options.domain)
    errors = [fault for fault in found.faults if fault.severity == "error"]
    if errors:
        print(f"\n{render(errors)}", file=sys.stderr)
    return FAILED if troubles or errors else OK


def _about(trouble: Trouble, domain: str | None) -> bool:
    return domain is None or domain in (ProductId(trouble.product).domain, *trouble.domains)


def _print(found: Status, troubles: list[Trouble], domain: str | None) -> None:
    from platform_core.cli.table import print_table
    from platform_core.words import age_in_words, duration_in_words

    if not found.begun:
        print("nothing was run in this mesh yet; `mesh run` makes every product")
        return
    if troubles:
        rows = [[t.product, t.state, _age(t.since), t.why, t.owner or "-", _readers(t)] for t in troubles]
        print_table(("product", "state", "since", "why", "owner", "affects"), rows)
        print()
    own = [p for p in found.products if domain in (None, p.domain)]
    unwell = {t.product for t in troubles}
    states = [(state, sum(t.state == state for t in troubles)) for state in ("failing", "overdue", "stale")]
    counts = ", ".join(f"{count} {state}" for state, count in states if count)
    well = sum(product.id not in unwell for product in own)
    print(f"{well} of {len(own)} products as promised{f'; {counts}' if counts else ''}")
    for kept in found.retained:
        if domain in (None, ProductId(kept.product).domain):
            versions = counted(kept.versions, "version")
            past = f"past the retention of {duration_in_words(kept.retention)}"
            print(f"{kept.product}: {versions} {past}, the oldest of {age_in_words(kept.oldest)} ago")


def _age(since: datetime | None) -> str:
    from platform_core.words import age_in_words

    return age_in_words(since) if since else "ever"


def _readers(trouble: Trouble) -> str:
    if not trouble.affects:
        return "-"
    if len(trouble.affects) <= SHOWN_READERS:
        return ", ".join(trouble.affects)
    domains = sorted({ProductId(product).domain for product in trouble.affects})
    return f"{len(trouble.affects)} products of {', '.join(domains)}"


def _document(found: Status, troubles: list[Trouble], domain: str | None) -> dict[str, Any]:
    return {
        "begun": found.begun,
        "products": sum(domain in (None, product.domain) for product in found.products),
        "troubles": [
            {
                "product": t.product,
                "state": t.state,
                "since": t.since.isoformat() if t.since else None,
                "why": t.why,
                "owner": t.owner,
                "affects": list(t.affects),
                "domains": list(t.domains),
            }
            for t in troubles
        ],
        "past_retention": [
            {
                "product": kept.product,
                "versions": kept.versions,
                "oldest": kept.oldest.isoformat(),
                "retention_days": kept.retention.total_seconds() / 86400,
            }
            for kept in found.retained
            if domain in (None, ProductId(kept.product).domain)
        ],
        "faults": [{"code": d.code, "message": d.message, "place": str(d.place)} for d in found.faults],
    }
