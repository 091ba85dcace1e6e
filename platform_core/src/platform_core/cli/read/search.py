"""``mesh products --search``: the products that match a text, the best first."""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from platform_core.cli.documents import relative
from platform_core.cli.output import answer, note
from platform_core.cli.table import print_table
from platform_core.diagnostics import Diagnostic, LakeError
from platform_core.lake.location import LakeLocation
from platform_core.lake.newest import Newest, newest_of
from platform_core.registry.lookup import Registry
from platform_core.registry.search import MOST, Found, search
from platform_core.settings import mesh_home
from platform_core.words import age_in_words, counted

SLOW = 100
"""Contracts to read from which on the wait is announced."""


def found_products(options: argparse.Namespace, root: Path, registry: Registry) -> int:
    def reading(changed: int) -> None:
        if changed >= SLOW:
            note(options, f"reading {counted(changed, 'changed contract')} for the index of words, once")

    file = mesh_home(root) / "search.sqlite"
    found = search(registry, options.search, file, domain=options.domain, reading=reading)
    versions, faults = _versions(LakeLocation.current(root), found)
    facts = [_facts(each, versions.get(each.product), root) for each in found]
    status = answer(options, root, {"products": facts}, lambda: _print(found, versions), faults)
    if not found:
        note(options, f'no product matches "{options.search}"')
    elif len(found) == MOST:
        note(options, f"the best {MOST}; a longer text finds less")
    return status


def _versions(
    location: LakeLocation, found: tuple[Found, ...]
) -> tuple[dict[str, Newest], tuple[Diagnostic, ...]]:
    lakes: dict[str, list[str]] = defaultdict(list)
    for each in found:
        lakes[each.lake].append(each.product)
    versions: dict[str, Newest] = {}
    faults: tuple[Diagnostic, ...] = ()
    for lake, products in sorted(lakes.items()):
        try:
            versions |= newest_of(location, lake, products)
        except LakeError as error:
            faults += error.diagnostics
    return versions, faults


def _facts(found: Found, version: Newest | None, root: Path) -> dict[str, object]:
    contract = {"version": found.version, "status": found.status, "path": relative(Path(found.path), root)}
    facts = {"product": found.product, "owner": found.owner, "contract": contract, "purpose": found.purpose}
    return {**facts, "published": version and asdict(version)}


def _print(found: tuple[Found, ...], versions: dict[str, Newest]) -> None:
    rows = []
    for each in found:
        version = versions.get(each.product)
        count, when = (f"{version.rows:,}", f"{age_in_words(version.published_at)} ago") if version else ("-", "never")
        rows.append([each.product, count, when, each.owner or "-", each.purpose])
    if rows:
        print_table(("product", "rows", "when", "owner", "purpose"), rows, right=(False, True, False, False, False))
