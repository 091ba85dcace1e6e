"""``mesh show``: one data product, as someone needs it who is about to use it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_core.words import age_in_words

if TYPE_CHECKING:
    from platform_core.contracts.model import DataProduct
    from platform_core.lake.versions import Version
    from platform_core.source.federation import Team
    from platform_core.workspace.check_counts import Checks


@dataclass(frozen=True)
class ProductFacts:
    """A product with what the lake, the federation and the last run say of it."""

    product: DataProduct
    version: Version | None
    root: Path
    team: Team | None
    file: dict[str, Any] | None
    checks: Checks | None


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", help="such as sales/transactions")


def run(options: argparse.Namespace) -> int:
    from platform_core.cli.output import answer
    from platform_core.lake.damage import newest_versions
    from platform_core.lake.location import LakeLocation
    from platform_core.registry.lookup import Registry
    from platform_core.registry.typed_names import product_id
    from platform_core.settings import mesh_root
    from platform_core.source.federation import read_teams
    from platform_core.workspace.check_counts import Checks
    from platform_core.workspace.home import Home
    from platform_core.workspace.records import checked

    root = mesh_root()
    registry = Registry.open(root)
    product = registry.get(product_id(options.product, registry.names()))
    versions, damaged = newest_versions(LakeLocation.current(root), [product])
    version, gone = versions.get(product.id), damaged.get(product.id, ())
    teams = read_teams(root)
    team = teams.teams.get(product.owner or "")
    results = checked(Home.of(root).dagster, [product]).get(product.id)
    checks = Checks.of([each.outcome for each in results.values()]) if results else None
    # The product is shown all the same: its table can be read without the file beside it, and without
    # knowing how its team is reached.
    file = None if gone else _file(product, version, root)
    known = ProductFacts(product, version, root, team, file, checks)
    return answer(options, root, _facts(known), lambda: _print(known), (*gone, *teams.faults))


def _print(known: ProductFacts) -> None:
    from platform_core.cli.table import print_table

    product = known.product
    print(f"{product.id}  {product.version}  {product.status}")
    for title, text in (
        ("", product.purpose),
        ("Usage", product.usage),
        ("Limitations", product.limitations),
    ):
        if text:
            print("\n".join(["", *([title] if title else []), text.strip()]))
    print()
    for label, lines in _sections(known):
        for position, line in enumerate(lines):
            print(f"{label if position == 0 else '':<12}{line}")
    print("\nColumns")
    rows = [
        [
            f"  {column.name}",
            column.physical_type or column.logical_type or "-",
            " ".join(_constraints(product, column.name)) or "-",
            column.classification or "-",
            " ".join(column.tags) or "-",
            column.description.strip(),
        ]
        for column in product.columns
    ]
    print_table(("  name", "type", "constraints", "class", "tags", "description"), rows)
    print(f"\nChecks{f': {known.checks}' if known.checks else ''}")
    from platform_core.products.catalog_text import rule_in_words, ways

    rules = [[f"  {r.name}", r.severity, r.scope, rule_in_words(r)] for r in product.rules]
    print_table(("  name", "severity", "scope", "what"), rules)
    print("\nRead it")
    for language, how in ways(product):
        print(f"  {language + ':':<10}{how}")


def _sections(known: ProductFacts) -> Iterator[tuple[str, list[str]]]:
    from platform_core.access.grants import asked
    from platform_core.diagnostics import shown
    from platform_core.products.catalog_text import promises_in_words, stream_in_words

    product, version, file = known.product, known.version, known.file
    yield "Owner", _owner(product, known.team)
    if support := [f"{s.channel} {s.url or ''}".strip() for s in product.support]:
        yield "Support", support
    yield "Promise", promises_in_words(product) or ["no deadline and no maximum age"]
    if (p := product.partitions) is not None:
        end = f"to {p.end:%Y-%m-%d} (exclusive)" if p.end else "on"
        yield "Partitions", [f"one per {p.every} of {p.column}, from {p.start:%Y-%m-%d} {end}, {p.timezone}"]
    readers = [grant.role for grant in product.grants if grant.access == "read"]
    grant = f"to be granted, ask {asked(product, known.root)} for a role in the contract"
    yield "Readers", [f"domain:{product.domain} (its own)", *readers, grant]
    if product.restricted:
        yield "Restricted", ["in a lake of its own, which no other domain attaches"]
    if product.masking is not None:
        yield "Masked twin", [f"{product.domain}/{product.masking.name}, for who may not read this"]
    if version is None:
        yield "Published", [f"never; mesh run {product.id}"]
    else:
        size = f", {version.bytes:,} bytes" if version.bytes is not None else ""
        yield (
            "Published",
            [
                f"version {version.version}, {age_in_words(version.published_at)} ago "
                f"({version.published_at:%Y-%m-%d %H:%M %Z})",
                f"{version.rows:,} rows{size}, by run {version.run_id}",
            ],
        )
    if product.kind != "table":
        yield "Kind", [product.kind]
    if product.event_time is not None:
        yield "Stream", [stream_in_words(product)]
    if file is not None:
        yield (
            "File",
            [
                shown(Path(file["path"])),
                f"{file['bytes']:,} bytes, sha256 {file['sha256']}",
                f"kept as {shown(Path(file['version_path']))}",
                *([] if file["in_place"] else [f"the stable name is put right by: mesh run {product.id}"]),
            ],
        )
    if signature := product.signature:
        over = "above" if signature.better == "higher" else "below"
        yield (
            "Model",
            [
                f"foretells {signature.target}, judged by {signature.metric}: at least "
                f"{signature.margin:g} {over} its baseline",
                *(f"takes {feature.name} ({feature.type})" for feature in signature.features),
            ],
        )
    yield "Contract", [shown(product.path)]


def _owner(product: DataProduct, team: Team | None) -> list[str]:
    if product.owner is None:
        return [f"the domain {product.domain}"]
    lines = [f"{product.owned_by}" + (f" ({team.name})" if team and team.name else "")]
    if team is None:
        return lines
    channels = ((channel.tool, channel.name, channel.url) for channel in team.channels)
    lines += [team.email] if team.email else []
    return [*lines, *(" ".join(word for word in words if word) for words in channels)]


def _constraints(product: DataProduct, name: str) -> list[str]:
    column = product.column(name)
    if column is None:
        return []
    marks = {"key": column.key_position is not None, "required": column.required, "unique": column.unique}
    return [mark for mark, holds in marks.items() if holds]


def _file(product: DataProduct, version: Version | None, root: Path) -> dict[str, Any] | None:
    """The file that the published version keeps beside its table; None where it keeps none."""
    from platform_core.cli.documents import picked
    from platform_core.lake.location import LakeLocation
    from platform_core.lake.publication.product_files import ProductFiles

    if product.file is None or version is None:
        return None
    kept = ProductFiles(LakeLocation.current(root), product).read(version)
    paths = {"path": str(kept.stable), "version_path": str(kept.path), "format": kept.path.suffix[1:]}
    return {**paths, **picked(kept, "in_place", "bytes", "sha256")}


def _facts(known: ProductFacts) -> dict[str, Any]:
    from platform_core.cli.documents import picked
    from platform_core.cli.read.products import contract
    from platform_core.products.catalog_text import rule_in_words, sla_in_words, ways

    product, version, grid = known.product, known.version, known.product.partitions
    return {
        "product": product.id,
        "contract": contract(product, known.root),
        **picked(product, "purpose", "usage", "limitations", "kind", "event_time", "restricted"),
        "owner": {
            "team": product.owner,
            **(picked(known.team, "name", "email") if known.team else {"name": None, "email": None}),
            "channels": [picked(channel, "name", "tool", "url") for channel in known.team.channels]
            if known.team
            else [],
        },
        "support": [picked(support, "channel", "url", "tool") for support in product.support],
        "sla": sla_in_words(product) or None,
        "partitions": grid and picked(grid, "column", "every", "start", "end", "timezone"),
        "columns": [
            picked(column, "name", "logical_type", "physical_type", "classification", "tags", "description")
            | {"constraints": _constraints(product, column.name)}
            for column in product.columns
        ],
        "rules": [
            picked(rule, "name", "severity", "scope") | {"description": rule_in_words(rule)}
            for rule in product.rules
        ],
        "grants": [picked(grant, "role", "access") for grant in product.grants],
        "read": [how if language == "SQL" else f"{language}: {how}" for language, how in ways(product)],
        "file": known.file,
        "published": version and asdict(version),
        "checks": known.checks and asdict(known.checks),
    }
