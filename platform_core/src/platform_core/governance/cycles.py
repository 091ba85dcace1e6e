"""Cycles of a graph, each drawn as short as it can be."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping


def shortest_cycles(edges: Mapping[str, Collection[str]]) -> Iterator[list[str]]:
    """One cycle for each group of nodes that reach each other: a shortest one, from its first name on.

    ``edges`` are the targets of each node. Takes time linear in the graph, but for the groups that have
    a cycle, which are looked at closely.
    """
    for group in _reaching_each_other(edges):
        members = set(group)
        # The shortest through the first few is short enough to read.
        found = [_through(node, edges, members) for node in sorted(members)[:20]]
        yield min(found, key=len)


def _through(start: str, edges: Mapping[str, Collection[str]], members: set[str]) -> list[str]:
    """A shortest way from a node back to itself, within its group."""
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
            if target in members and target not in came_from:
                came_from[target] = node
                queue.append(target)
    raise ValueError(f"{start} is in no cycle")


def _reaching_each_other(edges: Mapping[str, Collection[str]]) -> Iterator[list[str]]:
    """Tarjan's strongly connected components that hold a cycle, without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    for root in edges:
        if root in index:
            continue
        work = [(root, iter(edges.get(root, ())))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, targets = work[-1]
            target = next(targets, None)
            if target is not None:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(edges.get(target, ()))))
                elif target in on_stack:
                    low[node] = min(low[node], index[target])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == index[node]:
                group: list[str] = []
                while not group or group[-1] != node:
                    group.append(stack.pop())
                    on_stack.discard(group[-1])
                if len(group) > 1 or node in edges.get(node, ()):
                    yield group
