"""Policies on change: versions that announce it, readers that acknowledge it, and announced ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from platform_core.compatibility.change import Change, Grade
from platform_core.contracts.ending import Ending
from platform_core.contracts.model import DataProduct, place_in
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Place
from platform_core.governance.facts import ContractChange, MeshFacts, Read
from platform_core.governance.policy import Violation, policy
from platform_core.words import listed

_SHOWN = 6


@policy("G501", scope="mesh")
def version_announces(mesh: MeshFacts) -> Iterator[Violation]:
    for change in mesh.changes:
        if (version := change.version_demanded) is None:
            continue
        old, new, grade = change.old.version, change.new, change.grade
        worst = [f"{each.code}: {each.message}" for each in change.changes if each.grade == grade]
        message = f"{new.id} {new.version} has {grade.word} changes: {listed(worst, _SHOWN)}"
        fix = f"Write version: {version}, or undo the change."
        yield Violation(message, place_in(new, "/version"), new.id, f"{version} or later, after {old}", fix)


@policy("G502", scope="mesh", severity="warn")
def weaker_promise(mesh: MeshFacts) -> Iterator[Violation]:
    for change in mesh.changes:
        for each in change.changes:
            hit = _hit(mesh, change.new, each) if each.grade is Grade.RISKY else ()
            if readers := sorted({read.reader for read in hit}):
                message = f"{change.new.id} weakens a promise to {listed(readers, _SHOWN)}: {each.message}"
                yield Violation(message, each.place, change.new.id, f"readers that know of it ({each.code})")


@policy("G503", scope="mesh")
def acknowledged(mesh: MeshFacts) -> Iterator[Violation]:
    for change in mesh.changes:
        for fault in change.acknowledged.faults:
            yield Violation(fault.message, fault.place, change.new.id, fault.expected, fault.fix)
        if change.version_demanded is not None:
            continue  # its file is named after the version
        for reader, columns in sorted(readers_broken(mesh, change).items()):
            speakers = mesh.federation.representatives.get(ProductId(reader).domain, ())
            if (lacking := _lacking(change, reader, speakers, mesh.today)) is not None:
                place, what = lacking
                version = f"{change.new.id} {change.new.version}"
                message = f"{version} breaks {reader}, which reads {listed(columns, _SHOWN)}: {what}"
                expected = f"{reader}, by one of {listed(speakers) or 'nobody yet'}, until a day to come"
                yield Violation(message, place, change.new.id, expected)


def _lacking(
    change: ContractChange, reader: str, speakers: tuple[str, ...], today: date
) -> tuple[Place, str] | None:
    """Where and why the acknowledgement of a reader does not hold; None if it does."""
    file = change.acknowledged
    given = file.given.get(reader)
    if given is None:
        place = Place(file.path) if file.exists else place_in(change.new, "/version")
        return place, "it has not acknowledged that"
    if given.by not in speakers:
        return given.place, f"{given.by} does not speak for it" if given.by else "nobody speaks for it yet"
    if given.until is None or given.until < today:
        return given.place, f"its time ended on {given.until}" if given.until else "it names no last day"
    return None


@policy("G504", scope="mesh", severity="warn")
def deprecated_column(mesh: MeshFacts) -> Iterator[Violation]:
    for read in mesh.reads:
        product = mesh.known.get(read.source)
        old = {each.name for each in product.columns if each.deprecated} if product is not None else set()
        if used := sorted(old & {*(read.columns or ())}):
            message = f"{read.reader} reads {listed(used)} of {read.source}, which is deprecated"
            yield Violation(message, read.place, read.reader, "columns that stay")


@policy("G505", scope="mesh", severity="warn")
def ends_soon(mesh: MeshFacts) -> Iterator[Violation]:
    yield from _reads_of_ending(mesh, ended=False)


@policy("G506", scope="mesh")
def has_ended(mesh: MeshFacts) -> Iterator[Violation]:
    yield from _reads_of_ending(mesh, ended=True)


@policy("G507", scope="mesh")
def successor_exists(mesh: MeshFacts) -> Iterator[Violation]:
    for product in mesh.products.values():
        ending = product.ending
        if ending is not None and ending.successor not in {None, *mesh.known, *mesh.unread}:
            message = f"the successor of {product.id} is {ending.successor}, which does not exist"
            yield Violation(message, ending.place, product.id, "the id of a product")


def readers_broken(mesh: MeshFacts, change: ContractChange) -> dict[str, list[str]]:
    """The readers that a new version breaks, with the columns through which it does."""
    found: dict[str, dict[str, None]] = {}
    for each in change.changes:
        for read in _hit(mesh, change.new, each) if each.grade is Grade.BREAKING else ():
            names = [name for name in each.columns or () if read.columns is None or name in read.columns]
            found.setdefault(read.reader, {}).update(dict.fromkeys(names or ["the product"]))
    return {reader: list(names) for reader, names in found.items()}


def _hit(mesh: MeshFacts, product: DataProduct, change: Change) -> Iterator[Read]:
    """The reads that a change of a contract concerns, of the product or of its masked twin."""
    twin = ProductId.of(product.domain, product.masking.name) if product.masking is not None else None
    sources = {twin} if change.twin else {product.id, twin}
    for read in mesh.reads:
        if read.source not in sources or read.reader in (product.id, twin):
            continue
        granted = change.roles is None or f"domain:{read.domain}" in change.roles
        if granted and (
            change.columns is None or read.columns is None or {*change.columns} & {*read.columns}
        ):
            yield read


def readers_of(mesh: MeshFacts, product: DataProduct) -> list[Read]:
    """The reads of a product whose end is announced, by readers that have to move."""
    ending = product.ending
    return [
        read
        for read in mesh.reads
        if read.source == product.id and ending is not None and read.reader != ending.successor
        # A reader that ends too need not move.
        if (reader := mesh.products.get(read.reader)) is None or reader.ending is None
    ]


def _reads_of_ending(mesh: MeshFacts, *, ended: bool) -> Iterator[Violation]:
    for product in mesh.known.values():
        ending = product.ending
        if ending is None or (ending.last_day is not None and ending.last_day < mesh.today) is not ended:
            continue
        for read in readers_of(mesh, product):
            message = f"{read.reader} reads {product.id}, {_ends(ending)}"
            fix = f"Move to {ending.successor}." if ending.successor else None
            yield Violation(message, read.place, read.reader, "a product that stays", fix)


def _ends(ending: Ending) -> str:
    return f"which ends on {ending.last_day}" if ending.last_day else "which has a successor"
