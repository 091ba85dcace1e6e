"""``mesh scorecard``: the state of every product with its policies, judged now."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Final

from platform_core.cli.grammar import domain_option
from platform_core.cli.output import answer
from platform_core.cli.table import print_table, print_text
from platform_core.codes import family
from platform_core.contracts.model import DataProduct
from platform_core.registry.typed_names import domain_name
from platform_core.settings import mesh_root
from platform_core.workspace.scorecard import Standing, coverage, score, standings
from platform_core.workspace.validate import About, Examination, examine

UNJUDGED: Final = frozenset({"G406", "G490", "G491"})
"""Codes for governance files, policies and locations that cannot be read or loaded."""

COLUMNS: Final = (
    *("product", "kept", "errors", "warnings", "waived", "documented", "owned", "SLA", "quality", "open"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    domain_option(parser)


def run(options: argparse.Namespace) -> int:

    today = date.today()
    root = mesh_root()
    found = examine(root, today)
    domains = sorted({location.domain for location in found.mesh.locations})
    if options.domain is not None:
        domains = [domain_name(options.domain, domains)]
    rows = [row for row in standings(found, today) if options.domain in (None, row.domain)]
    # An error that is not a violation has prevented a judgement.
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
            {"product": product.id, **_score(found, [product], _about(product, rows))} for product in products
        ],
        "standings": [{**asdict(row), "product": row.subject if row.product else None} for row in rows],
        "not_personal": declared,
    }

    def show() -> None:
        _print(found, products, domains, rows)
        for column in declared:
            print_text("{product}: {column} is declared not personal: {reason}".format(**column))

    return answer(options, root, facts, show, faults)


def _about(product: DataProduct, rows: Sequence[Standing]) -> list[Standing]:
    return [row for row in rows if row.subject == product.id]


def _score(found: Examination, products: Sequence[DataProduct], rows: Sequence[Standing]) -> dict[str, float]:

    return {**asdict(score(rows)), **asdict(coverage(found, products))}


def _print(
    found: Examination, products: Sequence[DataProduct], domains: Sequence[str], rows: Sequence[Standing]
) -> None:
    lines = []
    for domain in domains:
        of_domain = [row for row in rows if row.domain == domain]
        own = [product for product in products if product.domain == domain]
        lines.append([domain, *_line(_score(found, own, of_domain)), ""])
        for product in own:
            about = _about(product, rows)
            lines.append([f"  {product.id}", *_line(_score(found, [product], about)), _open(about)])
        lines += _others(of_domain)
    lines += _others([row for row in rows if row.domain is None])
    print_table(COLUMNS, lines, right=[name not in ("product", "open") for name in COLUMNS])


def _others(rows: Sequence[Standing]) -> list[list[str]]:
    lines = []
    for subject in dict.fromkeys(row.subject for row in rows if row.product is None):
        about = [row for row in rows if row.subject == subject]
        if words := _open(about):
            kept, *counts = asdict(score(about)).values()
            shown = [f"{int(kept * 100)}%", *(str(count or "-") for count in counts)]
            lines.append([f"  {subject}", *shown, "", "", "", "", words])
    return lines


def _line(measured: Mapping[str, float]) -> list[str]:
    # Rounded down, so that 100% means that nothing is missing.
    kept, *counts, documented, owned, sla, quality = measured.values()
    shares = [f"{int(share * 100)}%" for share in (kept, documented, owned, sla, quality)]
    return [shares[0], *(str(count or "-") for count in counts), *shares[1:]]


def _open(rows: Sequence[Standing]) -> str:
    words = [row.code for row in rows if row.state in ("fail", "warn")]
    words += [f"{row.code} waived, {row.days_left} days left" for row in rows if row.state == "waived"]
    return ", ".join(words)
