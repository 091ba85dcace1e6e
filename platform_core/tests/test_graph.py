from __future__ import annotations

from platform_core.graph import shortest_cycles


def test_cycles_are_shortest() -> None:
    edges = {"a": ["b", "x"], "b": ["c", "a"], "c": ["a"], "x": [], "s": ["s"], "t": ["a"]}
    assert sorted(shortest_cycles(edges)) == [["a", "b"], ["s"]]


def test_a_long_chain_is_not_a_cycle_and_does_not_recurse() -> None:
    chain = {str(n): [str(n + 1)] for n in range(20_000)}
    assert list(shortest_cycles(chain)) == []
    chain["20000"] = ["0"]
    assert [len(cycle) for cycle in shortest_cycles(chain)] == [20_001]
