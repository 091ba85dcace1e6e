"""``mesh show``: one data product, as someone needs it who is about to use it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_core.cli import OK
from platform_core.product_id import ProductId

if TYPE_CHECKING:
    from platform_core.cli.products import Listed
    from platform_core.contracts.model import DataProduct
    from platform_core.contracts.registry import Registry
    from platform_core.source.federation import Team


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", help="such as sales/transactions")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(options: argparse.Namespace) -> int:
    from platform_core.cli.products import with_versions
    from platform_core.contracts.registry import Registry
    from platform_core.errors import LakeError, PlatformError
    from platform_core.lake.location import LakeLocation
    from platform_core.settings import mesh_root
    from platform_core.source.federation import read_federation

    root = mesh_root()
    registry = Registry.open(root)
    product = registry.get(product_id(options.product, registry))
    [entry] = with_versions([product], LakeLocation.current(root))
    federation = read_federation(root)
    team = federation.teams.get(product.owner or "")
    file, gone = None, None
    try:
        file = _file(entry, root)
    except LakeError as error:
        gone = error
    if options.json:
        import json

        print(json.dumps(_facts(entry, team, file), indent=2, ensure_ascii=False))
    else:
        _print(entry, team, root, file)
    # The product is shown all the same: its table can be read without the file beside it, or without
    # knowing how its team is reached.
    if gone is not None or not federation.readable:
        raise PlatformError(*(gone.diagnostics if gone else ()), *federation.faults)
    return OK


def product_id(written: str, registry: Registry) -> ProductId:
    """The id of the product that a person means: ``sales.transactions`` is ``sales/transactions``.

    Raises UsageError U043, with the nearest name, for one that the mesh does not have.
    """
    from platform_core.errors import Diagnostic, UsageError
    from platform_core.words import did_you_mean, listed

    names = registry.names()
    wanted = ProductId.written(written)
    if wanted in names:
        return wanted
    same = [name for name in names if name.name == wanted]
    raise UsageError(
        Diagnostic(
            "U043",
            f'there is no product "{written}"',
            expected=f"one of {listed(sorted(names))}",
            fix=f"did you mean {listed(same)}?" if same else did_you_mean(wanted, names),
        )
    )


def _print(entry: Listed, team: Team | None, root: Path, file: dict[str, Any] | None) -> None:
    from platform_core.cli.table import print_table

    product = entry.product
    print(f"{product.id}  {product.version}  {product.status}")
    for title, text in (
        ("", product.purpose),
        ("Usage", product.usage),
        ("Limitations", product.limitations),
    ):
        if text:
            print("\n".join(["", *([title] if title else []), text.strip()]))
    print()
    for label, lines in _sections(entry, team, root, file):
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
    print("\nChecks")
    from platform_core.products.description import rule_in_words
    from platform_core.products.reading import ways

    checks = [[f"  {r.name}", r.severity, r.scope, rule_in_words(r)] for r in product.rules]
    print_table(("  name", "severity", "scope", "what"), checks)
    print("\nRead it")
    for language, how in ways(product):
        print(f"  {language + ':':<10}{how}")


def _sections(
    entry: Listed, team: Team | None, root: Path, file: dict[str, Any] | None
) -> Iterator[tuple[str, list[str]]]:
    from platform_core.access.grants import asked
    from platform_core.errors import shown
    from platform_core.products.description import promises_in_words, stream_in_words
    from platform_core.words import age_in_words

    product, version = entry.product, entry.version
    yield "Owner", _owner(product, team)
    if support := [f"{s.channel} {s.url or ''}".strip() for s in product.support]:
        yield "Support", support
    yield "Promise", promises_in_words(product) or ["no deadline and no maximum age"]
    if (p := product.partitions) is not None:
        end = f"to {p.end:%Y-%m-%d} (exclusive)" if p.end else "on"
        yield "Partitions", [f"one per {p.every} of {p.column}, from {p.start:%Y-%m-%d} {end}, {p.timezone}"]
    readers = [grant.role for grant in product.grants if grant.access == "read"]
    grant = f"to be granted, ask {asked(product, root)} for a role in the contract"
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


def _file(entry: Listed, root: Path) -> dict[str, Any] | None:
    """The file that the published version keeps beside its table; None where it keeps none.

    Raises LakeError (L030 to L032) where there should be one and is not.
    """
    from platform_core.lake.kept import Shelf
    from platform_core.lake.location import LakeLocation

    if entry.product.file is None or entry.version is None:
        return None
    kept = Shelf(LakeLocation.current(root), entry.product).read(entry.version)
    return {
        "path": str(kept.stable),
        "in_place": kept.in_place,
        "version_path": str(kept.path),
        "format": kept.path.suffix.removeprefix("."),
        "bytes": kept.bytes,
        "sha256": kept.sha256,
    }


def _facts(entry: Listed, team: Team | None, file: dict[str, Any] | None) -> dict[str, Any]:
    from platform_core.cli.products import published
    from platform_core.products.description import rule_in_words, sla_in_words
    from platform_core.products.reading import ways

    product = entry.product
    partitions = product.partitions
    return {
        "product": product.id,
        "version": product.version,
        "status": product.status,
        "purpose": product.purpose,
        "usage": product.usage,
        "limitations": product.limitations,
        "owner": {
            "team": product.owner,
            "name": team.name if team else None,
            "email": team.email if team else None,
            "channels": [asdict(channel) for channel in team.channels] if team else [],
        },
        "support": [{"channel": s.channel, "url": s.url, "tool": s.tool} for s in product.support],
        "sla": sla_in_words(product) or None,
        "partitions": partitions
        and {
            "column": partitions.column,
            "every": partitions.every,
            "start": partitions.start.isoformat(),
            "end": partitions.end.isoformat() if partitions.end else None,
            "timezone": partitions.timezone,
        },
        "restricted": product.restricted,
        "columns": [
            {
                "name": column.name,
                "logical_type": column.logical_type,
                "physical_type": column.physical_type,
                "constraints": _constraints(product, column.name),
                "classification": column.classification,
                "tags": list(column.tags),
                "description": column.description,
            }
            for column in product.columns
        ],
        "checks": [
            {
                "name": rule.name,
                "severity": rule.severity,
                "scope": rule.scope,
                "description": rule_in_words(rule),
            }
            for rule in product.rules
        ],
        "grants": [{"role": grant.role, "access": grant.access} for grant in product.grants],
        "read": [how if language == "SQL" else f"{language}: {how}" for language, how in ways(product)],
        "kind": product.kind,
        "event_time": product.event_time,
        "file": file,
        "published": published(entry.version),
        "contract": str(product.path),
    }
