"""``mesh scorecard``: how every product stands with its policies, judged now."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from platform_core.cli.grammar import domain_option

if TYPE_CHECKING:
    from platform_core.contracts.model import DataProduct
    from platform_core.workspace.scorecard import Standing
    from platform_core.workspace.validate import Examination

UNJUDGED: Final = frozenset({"G406", "G490", "G491"})
"""Codes of governance files, policies and locations that cannot be read or loaded."""

COLUMNS: Final = (
    *("product", "kept", "errors", "warnings", "waived", "documented", "owned", "SLA", "quality", "open"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    domain_option(parser)


def run(options: argparse.Namespace) -> int:
    from datetime import date

    from platform_core.cli.output import answer
    from platform_core.codes import family
    from platform_core.registry.typed_names import domain_name
    from platform_core.settings import mesh_root
    from platform_core.workspace.scorecard import standings
    from platform_core.workspace.validate import About, examine

    today = date.today()
    root = mesh_root()
    found = examine(root, today)
    domains = sorted({location.domain for location in found.mesh.locations})
    if options.domain is not None:
        domains = [domain_name(options.domain, domains)]
    rows = [row for row in standings(found, today) if options.domain in (None, row.domain)]
    # An error that is no violation kept something from being judged.
    faults = [fault for fault in found.judgement.diagnostics if fault.severity == "error"]
    judged = family("G").codes.keys() | {policy.code for policy in found.catalogue.policies}
    faults = [fault for fault in faults if fault.code not in judged - UNJUDGED]
    if options.domain is not None:
        own = [location for location in found.mesh.locations if location.domain in domains]
        faults = list(filter(About(root, own, found.mesh), faults))
    products = [product for _, product in sorted(found.mesh.products.items()) if product.domain in domains]
    declared = [
        {"product": product.id, "column": column.name, "reason": column.not_personal}
        for product in products
        for column in product.columns
        if column.not_personal
    ]
    facts = {
        "products": [
            {"product": product.id, **_measured(found, [product], _about(product, rows))}
            for product in products
        ],
        "standings": [{**asdict(row), "product": row.subject if row.product else None} for row in rows],
        "not_personal": declared,
    }

    def show() -> None:
        _print(found, products, domains, rows)
        for said in declared:
            print("{product}: {column} is declared not personal: {reason}".format(**said))

    return answer(options, root, facts, show, faults)


def _about(product: DataProduct, rows: Sequence[Standing]) -> list[Standing]:
    return [row for row in rows if row.subject == product.id]


def _measured(
    found: Examination, products: Sequence[DataProduct], rows: Sequence[Standing]
) -> dict[str, float]:
    """The score of some products, and their coverage."""
    from platform_core.workspace.scorecard import coverage, score

    return {**asdict(score(rows)), **asdict(coverage(found, products))}


def _print(
    found: Examination, products: Sequence[DataProduct], domains: Sequence[str], rows: Sequence[Standing]
) -> None:
    from platform_core.cli.table import print_table

    lines = []
    for domain in domains:
        of_domain = [row for row in rows if row.domain == domain]
        own = [product for product in products if product.domain == domain]
        lines.append([domain, *_line(_measured(found, own, of_domain)), ""])
        for product in own:
            about = _about(product, rows)
            lines.append([f"  {product.id}", *_line(_measured(found, [product], about)), _open(about)])
        lines += _others(of_domain)
    lines += _others([row for row in rows if row.domain is None])
    print_table(COLUMNS, lines, right=[name not in ("product", "open") for name in COLUMNS])


def _others(rows: Sequence[Standing]) -> list[list[str]]:
    """A location, a plain asset or the mesh as a whole, where a policy of it is open."""
    from platform_core.workspace.scorecard import score

    lines = []
    for subject in dict.fromkeys(row.subject for row in rows if row.product is None):
        about = [row for row in rows if row.subject == subject]
        if words := _open(about):
            kept, *counts = asdict(score(about)).values()
            shown = [f"{int(kept * 100)}%", *(str(count or "-") for count in counts)]
            lines.append([f"  {subject}", *shown, "", "", "", "", words])
    return lines


def _line(measured: Mapping[str, float]) -> list[str]:
    # Rounded down: 100% is said only where nothing is missing.
    kept, *counts, documented, owned, sla, quality = measured.values()
    shares = [f"{int(share * 100)}%" for share in (kept, documented, owned, sla, quality)]
    return [shares[0], *(str(count or "-") for count in counts), *shares[1:]]


def _open(rows: Sequence[Standing]) -> str:
    """The codes that are broken, and those waived with the days left."""
    words = [row.code for row in rows if row.state in ("fail", "warn")]
    words += [f"{row.code} waived, {row.days_left} days left" for row in rows if row.state == "waived"]
    return ", ".join(words)
