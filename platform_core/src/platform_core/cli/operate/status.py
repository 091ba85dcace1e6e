"""``mesh status``: products that are overdue, failing or stale, and the products that they affect."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from datetime import datetime

from platform_core.cli.exit_status import FAILED
from platform_core.cli.grammar import domain_option
from platform_core.cli.output import answer
from platform_core.cli.table import print_table, print_text
from platform_core.contracts.product_id import ProductId
from platform_core.operations.watch.standing import Watched, watched
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import domain_name
from platform_core.settings import mesh_root
from platform_core.words import age_in_words, counted, duration_in_words, listed
from platform_core.workspace.status import Status, Trouble, mesh_status

SHOWN_READERS = 2


def arguments(parser: argparse.ArgumentParser) -> None:
    domain_option(parser, "only products of this domain, or products that affect it")


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    if options.domain is not None:
        domain_name(options.domain, Registry.open(root).domains())
    found = mesh_status(root)
    if options.domain is not None:
        found = _about(found, options.domain)
    facts = {
        "begun": found.begun,
        "products": len(found.products),
        "checks": asdict(found.checks),
        "troubles": [{**asdict(trouble), "domains": trouble.domains} for trouble in found.troubles],
        "past_retention": [asdict(kept) for kept in found.retained],
    }
    watch = watched(root)
    because = {name: id for name, id in watch.because.items() if name in {t.product for t in found.troubles}}
    facts |= {"because": because, "incidents": list(watch.open), "watch": watch.last}
    faults = (*found.faults, *watch.faults)
    status = answer(options, root, facts, lambda: _print(found, options.domain, watch), faults)
    return FAILED if found.troubles or watch.open else status


def _about(found: Status, domain: str) -> Status:
    return replace(
        found,
        products=tuple(p for p in found.products if p.domain == domain),
        troubles=tuple(t for t in found.troubles if domain in (ProductId(t.product).domain, *t.domains)),
        retained=tuple(r for r in found.retained if ProductId(r.product).domain == domain),
    )


def _print(found: Status, domain: str | None, watch: Watched) -> None:
    if not found.begun:
        print_text("nothing has run in this mesh yet; `mesh run` makes every product")
        return
    troubles = found.troubles
    if troubles:
        rows = [
            [
                *(t.product, t.state, _age(t.since), t.why, t.owner or "-", _readers(t)),
                watch.because.get(t.product, "-"),
            ]
            for t in troubles
        ]
        print_table(("product", "state", "since", "why", "owner", "affects", "because of"), rows)
        print()
    unwell = {t.product for t in troubles}
    own = [t for t in troubles if domain in (None, ProductId(t.product).domain)]
    states = [(state, sum(t.state == state for t in own)) for state in ("failing", "overdue", "stale")]
    counts = ", ".join(f"{count} {state}" for state, count in states if count)
    well = sum(product.id not in unwell for product in found.products)
    print_text(f"{well} of {len(found.products)} products as promised{f'; {counts}' if counts else ''}")
    if others := unwell - {t.product for t in own}:
        print_text(f"{counted(len(others), 'product')} of other domains not as promised, affecting {domain}")
    if words := str(found.checks):
        print_text(f"checks: {words}")
    for kept in found.retained:
        versions = counted(kept.versions, "version")
        past = f"past the retention of {duration_in_words(kept.retention)}"
        print_text(f"{kept.product}: {versions} {past}, the oldest of {age_in_words(kept.oldest)} ago")
    if watch.open:
        print_text(f"{counted(len(watch.open), 'open incident')}: {listed(watch.open, 6)}")
    if watch.last is None and not watch.faults:
        print_text("the watch has never run: nobody is alerted; `mesh serve` or `mesh watch` starts it")
    elif watch.last is not None:
        print_text(f"the watch last ran {age_in_words(watch.last)} ago")


def _age(since: datetime | None) -> str:
    return age_in_words(since) if since else "never"


def _readers(trouble: Trouble) -> str:
    if not trouble.affects:
        return "-"
    if len(trouble.affects) <= SHOWN_READERS:
        return ", ".join(trouble.affects)
    domains = sorted({ProductId(product).domain for product in trouble.affects})
    return f"{len(trouble.affects)} products of {', '.join(domains)}"
