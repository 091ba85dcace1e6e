"""Lineage by column, over all domains: the columns whose values flow into a column, and those that it flows
into."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platform_core.change.kept_prints import KeptPrints
from platform_core.fingerprint.made_from import MadeFrom, QueryPrint
from platform_core.governance.facts import MeshFacts
from platform_core.graph import ordered, reached, reversed_edges
from platform_core.source.federation import read_federation
from platform_core.source.workspace import read_locations
from platform_core.workspace.home import Home
from platform_core.workspace.introspection.cache import introspect

Direction = Literal["up", "down"]
Node = tuple[str, str]
"""A product or source, and its column."""


@dataclass(frozen=True, slots=True)
class Step:
    """A column, and the columns next to it in one direction."""

    node: Node
    beyond: tuple[Node, ...]
    known: bool = True
    """False where the maker does not show its columns: ``beyond`` has all that it may use."""


@dataclass(frozen=True)
class Lineage:
    """The lineage of all columns of a mesh."""

    origins: Mapping[Node, tuple[Node, ...]]
    """The columns whose values flow into each column."""
    coarse: frozenset[str]
    """The products whose maker does not show its columns."""

    @classmethod
    def of(cls, root: Path) -> Lineage:
        """The lineage of the mesh at ``root``, without locations that do not load."""
        mesh = MeshFacts(introspect(root, read_locations(root)), read_federation(root))
        makers = {name: each.made_from for name, each in mesh.factories.items() if each.made_from is not None}
        prints = KeptPrints(Home.of(root).introspection / "fingerprints.json").of(makers.values())
        found: dict[Node, tuple[Node, ...]] = {}
        for name, maker in makers.items():
            found |= _origins(name, maker, prints[maker])
        return cls(found, frozenset(name for name, maker in makers.items() if prints[maker].unread))

    def steps(self, product: str, column: str | None, direction: Direction) -> Iterator[Step]:
        """The columns reached from one column, or from all columns of a product, each with the next ones."""
        edges: Mapping[Node, Collection[Node]]
        edges = self.origins if direction == "up" else reversed_edges(self.origins)
        start = [node for node in self.origins if node[0] == product and column in (None, node[1])]
        near = {node: tuple(sorted(edges.get(node, ()))) for node in reached(start, edges)}
        # From the start outward.
        for node in reversed(ordered(near)):
            if beyond := near[node]:
                makers = {node[0]} if direction == "up" else {each[0] for each in beyond}
                yield Step(node, beyond, known=not makers & self.coarse)

    def columns(self, product: str) -> tuple[str, ...]:
        """The columns of a product whose maker is known."""
        return tuple(column for name, column in self.origins if name == product)


def _origins(product: str, maker: MadeFrom, prints: QueryPrint) -> dict[Node, tuple[Node, ...]]:
    return {
        (product, column): tuple(
            (source, used) for source in maker.reads for used in each.values.get(source, ())
        )
        for column, each in prints.columns.items()
    }
