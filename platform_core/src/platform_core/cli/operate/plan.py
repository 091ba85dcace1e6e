"""``mesh plan``: the effect of a change on every product and its readers, before anything is made."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from platform_core.change.acknowledge import write_drafts
from platform_core.change.impact import WORDS
from platform_core.change.plan import plan
from platform_core.change.planned import ChangePlan, Planned, Reader
from platform_core.cli.output import answer, note
from platform_core.cli.table import print_table, print_text
from platform_core.diagnostics import shown
from platform_core.products.catalog.mark import write_marks
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_home, mesh_root
from platform_core.source.revision import revision
from platform_core.words import counted, listed
from platform_core.workspace.run.selection import parse_selection

SHARED: Final = 4
"""A cause of as many products is shown once, for all of them."""
HEAD: Final = ("product", "change", "because", "partitions", "seconds")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "selection",
        nargs="*",
        metavar="SELECTION",
        help="products or domains, with + before or after a name as in `mesh run`; all without one",
    )
    parser.add_argument(
        "--base",
        metavar="REV",
        help="compare with a commit, such as origin/main; by default with what is published",
    )
    parser.add_argument(
        "--write-change",
        action="store_true",
        help="draft the files in which the readers of breaking changes acknowledge them",
    )


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    names = Registry.open(root).names()
    selection = parse_selection(options.selection, names)
    base = revision(root, options.base) if options.base is not None else None
    found = plan(root, base)
    if base is not None:
        write_marks(mesh_home(root), options.base, found.marks())
    found = found.of(selection)
    status = answer(options, root, facts(found), lambda: _print(found, options.format), found.faults)
    if options.format == "table":
        note(options, summary(found))
    for file in write_drafts(root, base) if options.write_change else ():
        note(options, f"written: {shown(file)}")
    return status


def facts(found: ChangePlan) -> dict[str, Any]:
    """The members of the document; ``docs/change.md`` describes them."""
    return {
        "base": found.base,
        "seconds": found.seconds,
        "products": [
            {
                "product": each.verdict.product,
                "change": each.verdict.change,
                "because": list(each.verdict.because),
                "rows": each.verdict.moved.rows,
                "columns": sorted(each.verdict.moved.columns),
                "partitions": each.verdict.partitions,
                "expected": each.expected
                and {"seconds": each.expected.seconds, "bytes": each.expected.bytes},
                "demands_version": each.demands,
                "readers": [asdict(reader) for reader in each.readers],
                "endangered": each.endangered or None,
                "notes": list(each.notes),
            }
            for each in found.products
        ],
    }


def summary(found: ChangePlan) -> str:
    """``2 changed, 3 affected, 1 assumed unaffected, 22 unaffected; about 12 s``."""
    words = {"changed": "changed", "affected": "affected", "assumed": "assumed unaffected"}
    counts = Counter[str](each.verdict.change for each in found.products)
    parts = [f"{counts[kind]} {word}" for kind, word in words.items() if counts[kind]]
    parts.append(f"{counts['unaffected']} unaffected")
    return f"{', '.join(parts)}; about {found.seconds:.0f} s to make; nothing was made"


def _shared(found: ChangePlan) -> dict[str, int]:
    """The causes that many products have, with their number."""
    counts = Counter(cause for each in found.products for cause in each.verdict.own)
    return {
        cause: count for cause, count in counts.items() if count >= SHARED and cause not in WORDS.values()
    }


def _rows(found: ChangePlan, shared: dict[str, int]) -> Iterator[list[str]]:
    for each in found.products:
        verdict = each.verdict
        own = [cause for cause in verdict.because if cause not in shared]
        if verdict.change == "unaffected" or (verdict.because and not own):
            continue
        about = each.expected.seconds if each.expected is not None else None
        parts = "all" if verdict.partitions is None else counted(len(verdict.partitions), "key")
        word = "assumed unaffected" if verdict.change == "assumed" else verdict.change
        parts = parts if each.made else ""
        yield [verdict.product, word, "; ".join(own), parts, "" if about is None else f"{about:,.1f}"]


def _print(found: ChangePlan, format: str) -> None:
    if format == "markdown":
        print(markdown(found))
        return
    shared = _shared(found)
    if rows := list(_rows(found, shared)):
        print_table(HEAD, rows, [False, False, False, False, True])
    for cause, count in shared.items():
        print_text(f"{counted(count, 'product')}: {cause}")
    for line in _lines(found.products, shared):
        print_text(line)
    if not (rows or shared):
        print_text(f"{counted(len(found.products), 'product')} as before")


def _lines(products: Sequence[Planned], shared: Container[str]) -> Iterator[str]:
    """One line for each thing that people have to do or to know."""
    for each in products:
        name = each.verdict.product
        if each.demands is not None:
            yield f"{name}: its contract needs version {each.demands}"
        if each.endangered:
            yield f"{name}: {each.endangered}"
        yield from (f"{name}: {words}" for words in each.notes if each.verdict.change != "unaffected")
        # Readers of a product without a version, or whose library alone changed, have nothing to look at.
        if each.readers and any(cause not in shared for cause in each.verdict.because):
            yield f"{name}: read by {listed([_reader(reader) for reader in each.readers], 6)}"


def _reader(reader: Reader) -> str:
    what = f" ({listed(reader.columns, 6)})" if reader.columns is not None else ""
    return f"{reader.product}{what} of {reader.owner or reader.domain}"


def markdown(found: ChangePlan) -> str:
    """The plan for a pull request."""
    shared = _shared(found)
    lines = [f"### Plan{f' against {found.base[:12]}' if found.base else ''}", "", summary(found), ""]
    if rows := list(_rows(found, shared)):
        lines += [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
        lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
        lines.append("")
    lines += [f"- {counted(count, 'product')}: {cause}" for cause, count in shared.items()]
    return "\n".join([*lines, *(f"- {line}" for line in _lines(found.products, shared))])
