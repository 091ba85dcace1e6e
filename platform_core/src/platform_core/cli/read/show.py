"""``mesh show``: the facts of one data product that its user needs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from platform_core.access.grants import asked
from platform_core.cli.documents import picked
from platform_core.cli.output import answer
from platform_core.cli.read.products import contract
from platform_core.cli.table import print_table, print_text, visible
from platform_core.contracts.model import Column, DataProduct
from platform_core.diagnostics import shown
from platform_core.governance.facts import MeshFacts
from platform_core.governance.policies.change import readers_of
from platform_core.lake.damage import newest_versions
from platform_core.lake.lakes import current_lakes
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.lake.versions import Version
from platform_core.operations.store.journal import kept_in_words
from platform_core.products.catalog.text import (
    promises_in_words,
    rule_in_words,
    sla_in_words,
    stream_in_words,
    ways,
)
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import product_id
from platform_core.settings import mesh_root
from platform_core.source.federation import Team, read_teams
from platform_core.source.workspace import read_locations
from platform_core.words import age_in_words, counted, listed
from platform_core.workspace.home import Home
from platform_core.workspace.introspection.cache import kept_facts
from platform_core.workspace.records.check_counts import Checks
from platform_core.workspace.records.products import checked


@dataclass(frozen=True, slots=True)
class Move:
    """A reader that has to move to another product: its place, and the columns that the successor lacks."""

    reader: str
    place: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class ProductFacts:
    """A product with facts of the lake, the federation and the last run."""

    product: DataProduct
    version: Version | None
    root: Path
    team: Team | None
    file: dict[str, Any] | None
    checks: Checks | None
    kept: str | None = None
    """How it kept its promises."""
    moves: tuple[Move, ...] = ()
    """The readers that have to move, because its end is announced."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", help="such as sales/transactions")


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    registry = Registry.open(root)
    product = registry.get(product_id(options.product, registry.names()))
    versions, damaged = newest_versions(current_lakes(root), [product])
    version, gone = versions.get(product.id), damaged.get(product.id, ())
    teams = read_teams(root)
    team = teams.teams.get(product.owner or "")
    results = checked(Home.of(root).dagster, [product]).get(product.id)
    checks = Checks.of([each.outcome for each in results.values()]) if results else None
    # Faults of the file or of teams.yaml do not prevent the display: the table can still be read.
    file = None if gone else _file(product, version, root)
    kept, moves = kept_in_words(root, product.id), tuple(_moves(product, root))
    known = ProductFacts(product, version, root, team, file, checks, kept, moves)
    return answer(options, root, _facts(known), lambda: _print(known), (*gone, *teams.faults))


def _print(known: ProductFacts) -> None:

    product = known.product
    print_text(f"{product.id}  {product.version}  {product.status}")
    for title, text in (
        ("", product.purpose),
        ("Usage", product.usage),
        ("Limitations", product.limitations),
    ):
        if text:
            print_text("\n".join(["", *([title] if title else []), text.strip()]))
    print()
    for label, lines in _sections(known):
        for position, line in enumerate(lines):
            print_text(line, f"{label if position == 0 else '':<12}")
    print("\nColumns")
    rows = [
        [
            f"  {column.name}",
            column.physical_type or column.logical_type or "-",
            " ".join(_constraints(column)) or "-",
            column.classification or "-",
            " ".join(column.tags) or "-",
            " ".join(column.description.split()),
        ]
        for column in product.columns
    ]
    print_table(("  name", "type", "constraints", "class", "tags", "description"), rows)
    print_text(f"\nChecks{f': {known.checks}' if known.checks else ''}")
    rules = [[f"  {r.name}", r.severity, r.scope, rule_in_words(r)] for r in product.rules]
    print_table(("  name", "severity", "scope", "what"), rules)
    print("\nRead it")
    for language, how in ways(product):
        # Not folded, so that it can be pasted.
        print(visible(f"  {language + ':':<10}{'; '.join(how.splitlines())}"))


def _sections(known: ProductFacts) -> Iterator[tuple[str, list[str]]]:
    product, version, file = known.product, known.version, known.file
    yield "Owner", _owner(product, known.team)
    if support := [f"{s.channel} {s.url or ''}".strip() for s in product.support]:
        yield "Support", support
    promises = promises_in_words(product) or ["no deadline and no maximum age"]
    yield "Promise", [*promises, known.kept] if known.kept else promises
    if (p := product.partitions) is not None:
        end = f"to {p.end:%Y-%m-%d} (exclusive)" if p.end else "on"
        yield "Partitions", [f"one per {p.every} of {p.column}, from {p.start:%Y-%m-%d} {end}, {p.timezone}"]
    readers = [grant.role for grant in product.grants if grant.access == "read"]
    grant = f"for a grant, ask {asked(product, known.root)} for a role in the contract"
    yield "Readers", [f"domain:{product.domain} (its own)", *readers, grant]
    if product.restricted:
        yield "Restricted", ["in its own lake, which no other domain attaches"]
    if product.masking is not None:
        yield "Masked twin", [f"{product.domain}/{product.masking.name}, for principals without this grant"]
    if version is None:
        reader = current_lakes(known.root).reader
        none = f"no version that {reader} can read" if reader else f"never; `mesh run {product.id}`"
        yield "Published", [none]
    else:
        size = f", {version.bytes:,} bytes" if version.bytes is not None else ""
        at = f"{age_in_words(version.published_at)} ago ({version.published_at:%Y-%m-%d %H:%M %Z})"
        rows = f"{version.rows:,} rows{size}, by run {version.run_id}"
        view = [f"a view of {version.view_of}"] if version.view_of else []
        yield "Published", [f"version {version.version}, {at}", rows, *view]
    if product.kind != "table":
        yield "Kind", [product.kind]
    if product.event_time is not None:
        yield "Stream", [stream_in_words(product)]
    if file is not None:
        size, kept = f"{file['bytes']:,} bytes, sha256 {file['sha256']}", shown(Path(file["version_path"]))
        repair = [] if file["in_place"] else [f"`mesh run {product.id}` repairs the stable name"]
        yield "File", [shown(Path(file["path"])), size, f"kept as {kept}", *repair]
    if signature := product.signature:
        over = "above" if signature.better == "higher" else "below"
        margin = f"at least {signature.margin:g} {over} its baseline"
        features = (f"takes {feature.name} ({feature.type})" for feature in signature.features)
        yield "Model", [f"predicts {signature.target}, judged by {signature.metric}: {margin}", *features]
    if (ending := product.ending) is not None:
        until = f"until {ending.last_day}, " if ending.last_day else ""
        to = f"move to {ending.successor}" if ending.successor else "without a successor"
        yield (
            "Ends",
            [
                f"{until}{to}: {counted(len({each.reader for each in known.moves}), 'reader')} left",
                *map(_move, known.moves),
            ],
        )
    yield "Contract", [shown(product.path)]


def _moves(product: DataProduct, root: Path) -> Iterator[Move]:
    ending = product.ending
    if ending is None:
        return
    mesh = MeshFacts(kept_facts(root, read_locations(root)), read_teams(root))
    successor = mesh.known.get(ending.successor or "")
    for read in readers_of(mesh, product):
        lacking = (name for name in read.columns or () if successor and successor.column(name) is None)
        yield Move(read.reader, str(read.place or ""), tuple(lacking))


def _move(move: Move) -> str:
    lacking = f", which has no {listed(move.missing)}" if move.missing else ""
    return f"{move.reader} at {move.place}: name the successor{lacking}"


def _owner(product: DataProduct, team: Team | None) -> list[str]:
    if product.owner is None:
        return [f"the domain {product.domain}"]
    lines = [f"{product.owned_by}" + (f" ({team.name})" if team and team.name else "")]
    if team is None:
        return lines
    channels = ((channel.tool, channel.name, channel.url) for channel in team.channels)
    lines += [team.email] if team.email else []
    return [*lines, *(" ".join(word for word in words if word) for words in channels)]


def _constraints(column: Column) -> list[str]:
    marks = {"key": column.key_position is not None, "required": column.required, "unique": column.unique}
    return [mark for mark, holds in marks.items() if holds]


def _file(product: DataProduct, version: Version | None, root: Path) -> dict[str, Any] | None:
    if product.file is None or version is None:
        return None
    kept = ProductFiles(current_lakes(root), product).read(version)
    paths = {"path": str(kept.stable), "version_path": str(kept.path), "format": kept.path.suffix[1:]}
    return {**paths, **picked(kept, "in_place", "bytes", "sha256")}


def _facts(known: ProductFacts) -> dict[str, Any]:
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
        "kept": known.kept,
        "partitions": grid and picked(grid, "column", "every", "start", "end", "timezone"),
        "columns": [
            picked(column, "name", "logical_type", "physical_type", "classification", "tags", "description")
            | {"constraints": _constraints(column)}
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
        "ending": product.ending
        and {
            **picked(product.ending, "end_of_support", "end_of_life", "successor"),
            "readers": [asdict(move) for move in known.moves],
        },
    }
