"""Walks of directed graphs: reachability, order and cycles."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

N = TypeVar("N", bound=Hashable)
Edges = Mapping[N, Collection[N]]
"""The targets of each node."""


def reached(start: Iterable[N], edges: Edges[N]) -> set[N]:
    """The nodes reachable from ``start``, including ``start``."""
    found = set(start)
    queue = list(found)
    while queue:
        for target in edges.get(queue.pop(), ()):
            if target not in found:
                found.add(target)
                queue.append(target)
    return found


def reversed_edges(edges: Edges[N]) -> dict[N, set[N]]:
    """The graph with all edges reversed."""
    found: dict[N, set[N]] = {}
    for node, targets in edges.items():
        for target in targets:
            found.setdefault(target, set()).add(node)
    return found


def ordered(edges: Edges[N]) -> list[N]:
    """All nodes, each after its targets, without nodes that are on a cycle or lead to one."""
    sorter = TopologicalSorter(edges)
    # After a CycleError, the sorter still returns the nodes that no cycle blocks.
    with suppress(CycleError):
        sorter.prepare()
    found: list[N] = []
    while ready := sorter.get_ready():
        found += ready
        sorter.done(*ready)
    return found


def shortest_cycles(edges: Edges[str]) -> Iterator[list[str]]:
    """One cycle, a short one, for each group of nodes that reach each other."""
    leading = edges.keys() - ordered(edges)
    # Nodes that only lead to a cycle, or are only reached from one, are left out.
    behind: list[str] = ordered(_back(_within(edges, leading)))
    left = leading - set(behind)
    while left:
        start = min(left)
        within = _within(edges, left)
        group, behind_it = reached([start], within), reached([start], _back(within))
        group &= behind_it
        # A shortest cycle through one of the first nodes is short enough to read.
        cycles = [cycle for node in sorted(group)[:20] if (cycle := _cycle_at(node, within)) is not None]
        if cycles:
            yield min(cycles, key=len)
        left -= group


def _back(edges: Edges[str]) -> dict[str, set[str]]:
    return reversed_edges(edges)


def _within(edges: Edges[str], nodes: Collection[str]) -> dict[str, list[str]]:
    return {node: [target for target in edges.get(node, ()) if target in nodes] for node in nodes}


def _cycle_at(start: str, edges: Edges[str]) -> list[str] | None:
    previous: dict[str, str] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for target in edges.get(node, ()):
            if target == start:
                path = [node]
                while path[-1] != start:
                    path.append(previous[path[-1]])
                return path[::-1]
            if target not in previous:
                previous[target] = node
                queue.append(target)
    return None
