"""A budget in a contract or in ``governance/mesh.yaml``."""

from __future__ import annotations

from typing import Final

from platform_core.source.cursor import Node

KEYS: Final = ("seconds", "bytes")


def read_budget(node: Node, code: str) -> dict[str, float]:
    """The limits of ``{seconds: 3600, bytes: 5000000000}`` by name; both are optional. Faults have
    ``code``."""
    given = node.value if isinstance(node.value, dict) else {}
    if not given:
        node.error(code, f'"{node.value}" is not a budget', "{seconds: <number>, bytes: <number>}")
    node.has_only(KEYS, code, "budget")
    limits: dict[str, float] = {}
    for key in sorted(given.keys() & set(KEYS)):
        value = given[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            node[key].error(code, f'{key} is "{value}"', "a number above 0")
        else:
            limits[key] = value
    return limits
