"""Policies on the graph of all locations: keys, references and cycles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Place
from platform_core.governance.facts import MeshFacts, Read
from platform_core.governance.policy import Violation, policy
from platform_core.graph import shortest_cycles
from platform_core.sql.quoting import fold
from platform_core.words import did_you_mean, listed

_MOST_GUESSED = 2000
"""Among more names, a suggestion takes too long."""


@policy("G301", scope="mesh")
def dangling(mesh: MeshFacts) -> Iterator[Violation]:
    made = _made(mesh)
    outside = {
        (location.domain, asset.key)
        for location in mesh.locations
        for asset in location.assets
        if not asset.materializable
    }
    domains = {location.domain for location in mesh.locations}
    for read in mesh.reads:
        source, domain = read.source, ProductId(read.source).domain
        if source in mesh.known or source in mesh.unread or source in made:
            continue
        # An asset may be outside of the mesh if no domain has its name.
        if read.kind == "asset" and domain not in domains and (read.domain, source) in outside:
            continue
        if domain in mesh.unloaded:
            continue
        what = "has a foreign key to" if read.kind == "reference" else "reads"
        known = [name for name in mesh.known if name.startswith(f"{domain}/")] or list(mesh.known)
        guess = did_you_mean(source, known[:_MOST_GUESSED])
        expected = f"one of {listed(known)}"
        if guess is None and domain not in domains:
            guess = (
                f"Correct the name, or register it in the repository of {domain}: `mesh register {domain}`"
            )
        yield Violation(
            f"{read.reader} {what} {source}, which does not exist", read.place, read.reader, expected, guess
        )


@policy("G303", scope="mesh")
def duplicate_key(mesh: MeshFacts) -> Iterator[Violation]:
    makers: dict[str, list[tuple[str, Place | None]]] = defaultdict(list)
    for location in mesh.locations:
        own = {asset.key: asset.place or location.place for asset in location.assets if asset.materializable}
        own |= {ProductId.of(location.domain, factory.name): factory.place for factory in location.factories}
        for key, place in own.items():
            makers[key].append((location.name, place))
    for key, found in makers.items():
        domain = ProductId(key).domain
        # The location with the name of the key's domain comes first: it may make the product.
        found.sort(key=lambda maker: maker[0] != domain)
        for name, place in found[1:]:
            message = f"two locations make {key}: {found[0][0]} and {name}"
            expected = f"one location; the other is at {found[0][1]}"
            yield Violation(message, place, key, expected)


@policy("G304", scope="mesh")
def cycle(mesh: MeshFacts) -> Iterator[Violation]:
    edges: dict[str, dict[str, Read]] = defaultdict(dict)
    for read in mesh.reads:
        edges[read.reader].setdefault(read.source, read)
    for names in shortest_cycles({name: list(found) for name, found in edges.items()}):
        ring = [*names, names[0]]
        message = f"{names[0]} reads itself: {' -> '.join(ring)}"
        steps = [edges[reader][source] for reader, source in pairwise(ring)]
        lines = [
            f"{step.reader} reads {step.source}" + (f" at {step.place}" if step.place else "")
            for step in steps
        ]
        expected = "no cycle; here\n" + "\n".join(lines[:12])
        yield Violation(message, steps[0].place, names[0], expected)


@policy("G306", scope="mesh")
def unknown_column(mesh: MeshFacts) -> Iterator[Violation]:
    for read in mesh.reads:
        product = mesh.known.get(read.source)
        if product is None or not read.columns:
            continue
        known = _columns(tuple(column.name for column in product.columns))
        for name in read.columns:
            if fold(name) not in known:
                names = [column.name for column in product.columns]
                message = f'{read.reader} reads the column "{name}", which {product.id} does not have'
                guess = did_you_mean(name, names)
                yield Violation(message, read.place, read.reader, f"one of {listed(names)}", guess)


@policy("G310", scope="mesh")
def foreign_asset(mesh: MeshFacts) -> Iterator[Violation]:
    made = _made(mesh)
    for read in mesh.reads:
        if read.source in mesh.known or read.source in mesh.unread:
            continue
        owners = made.get(read.source)
        if owners and read.domain not in owners:
            message = f"{read.reader} reads {read.source}, a plain asset of {listed(sorted(owners))}"
            yield Violation(message, read.place, read.reader, "a data product, with a contract and a grant")


def _made(mesh: MeshFacts) -> dict[str, set[str]]:
    made: dict[str, set[str]] = defaultdict(set)
    for location in mesh.locations:
        for asset in location.assets:
            if asset.materializable:
                made[asset.key].add(location.domain)
        for factory in location.factories:
            made[ProductId.of(location.domain, factory.name)].add(location.domain)
    return made


@lru_cache(maxsize=4096)
def _columns(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(fold, names))
