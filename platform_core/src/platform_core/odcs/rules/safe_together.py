"""Products that a product must be safe together with: what one hides must not come out by subtraction."""

from __future__ import annotations

from collections.abc import Iterator

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import Column, Reference, Rule
from platform_core.odcs.custom_properties import find_property
from platform_core.source.cursor import Node

_EXPECTED = (
    "{product: <domain>/<product>, by: [<columns of both>], counts: [<own column>, <its column>], minimum: 5}"
)
_KEYS = ("product", "by", "counts", "minimum")


def together_rules(table: Node, columns: tuple[Column, ...]) -> Iterator[Rule]:
    """A rule for each entry of the custom property ``safeTogether`` of a schema object.

    Faults: C096 for an entry that does not name the other product, columns that both have, the two columns
    of counts, and the smallest difference of the two that may come out.
    """
    node = find_property(table, "safeTogether")
    if node is None:
        return
    own = [column.name for column in columns]
    for entry in [node[n] for n in range(len(node.value))] if isinstance(node.value, list) else [node]:
        if not entry.is_mapping("C096", "safeTogether", _EXPECTED, only=_KEYS):
            continue
        product, by, counts, minimum = (entry.get(key) for key in _KEYS)
        if not isinstance(product, str) or "/" not in product:
            entry["product"].error("C096", "safeTogether names no other product", _EXPECTED)
        elif not isinstance(by, list) or not 0 < len(by) < 5 or not set(by) <= set(own):
            entry["by"].error("C096", "by lists one to four columns that both products have", _EXPECTED)
        elif not isinstance(counts, list) or len(counts) != 2 or counts[0] not in own:
            entry["counts"].error(
                "C096", "counts lists an own column and one of the other product", _EXPECTED
            )
        elif not isinstance(minimum, int) or minimum < 2:  # true is 1
            entry["minimum"].error("C096", "minimum is no whole number of 2 or more", _EXPECTED)
        else:
            yield Rule(
                f"safe_together__{product.replace('/', '__')}",
                "together",
                entry.place(),
                (*by, counts[0]),
                limits=Bounds(minimum=minimum),
                reference=Reference(product, (*by, counts[1])),
                description=f"No {counts[0]} less {product}'s {counts[1]} is between 1 and {minimum - 1}.",
            )
