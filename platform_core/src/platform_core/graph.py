"""Walks of directed graphs: what is reached, in which order, and cycles."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

Edges = Mapping[str, Collection[str]]
"""The nodes that each node leads to."""


def reached(start: Iterable[str], edges: Edges) -> set[str]:
    """The nodes that edges lead to from some nodes, in any number of steps; these nodes included."""
    found = set(start)
    queue = list(found)
    while queue:
        for target in edges.get(queue.pop(), ()):
            if target not in found:
                found.add(target)
                queue.append(target)
    return found


def reversed_edges(edges: Edges) -> dict[str, set[str]]:
    """The same graph, each edge the other way."""
    found: dict[str, set[str]] = {}
    for node, targets in edges.items():
        for target in targets:
            found.setdefault(target, set()).add(node)
    return found


def ordered(edges: Edges) -> list[str]:
    """All nodes, each after those that it leads to; what is on a cycle, or leads to one, is left out."""
    sorter = TopologicalSorter(edges)
    # The sorter still gives everything that no cycle blocks.
    with suppress(CycleError):
        sorter.prepare()
    found: list[str] = []
    while ready := sorter.get_ready():
        found += ready
        sorter.done(*ready)
    return found


def shortest_cycles(edges: Edges) -> Iterator[list[str]]:
    """One cycle for each group of nodes that reach each other: a shortest one, from its first name on."""
    leading = edges.keys() - ordered(edges)
    # What only leads to a cycle, or is only led to by one, is on none.
    left = leading - set(ordered(reversed_edges(_within(edges, leading))))
    while left:
        start = min(left)
        within = _within(edges, left)
        group = reached([start], within) & reached([start], reversed_edges(within))
        # A shortest cycle through one of the first few is short enough to read.
        ways = [way for node in sorted(group)[:20] if (way := _back_to(node, within)) is not None]
        if ways:
            yield min(ways, key=len)
        left -= group


def _within(edges: Edges, nodes: Collection[str]) -> dict[str, list[str]]:
    return {node: [target for target in edges.get(node, ()) if target in nodes] for node in nodes}


def _back_to(start: str, edges: Edges) -> list[str] | None:
    """The nodes of a shortest way from a node back to itself; None where there is none."""
    came_from: dict[str, str] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for target in edges.get(node, ()):
            if target == start:
                path = [node]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if target not in came_from:
                came_from[target] = node
                queue.append(target)
    return None
