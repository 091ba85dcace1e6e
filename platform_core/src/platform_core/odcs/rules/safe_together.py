"""Products with which a product must be safe: subtraction must not reveal what one of them hides."""

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

    Faults: C096 for an entry without the other product, the common columns, the two columns of counts, or the
    smallest allowed difference of the two.
    """
    node = find_property(table, "safeTogether")
    if node is None:
        return
    own = [column.name for column in columns]
    for entry in node.elements() if isinstance(node.value, list) else [node]:
        if not entry.is_mapping("C096", "safeTogether", _EXPECTED, only=_KEYS):
            continue
        product, by, counts, minimum = (entry.get(key) for key in _KEYS)
        if not isinstance(product, str) or "/" not in product:
            entry["product"].error("C096", "safeTogether has no other product", _EXPECTED)
        elif not isinstance(by, list) or not 0 < len(by) < 5 or not set(by) <= set(own):
            entry["by"].error("C096", "by is not a list of one to four own columns", _EXPECTED)
        elif not isinstance(counts, list) or len(counts) != 2 or counts[0] not in own:
            entry["counts"].error(
                "C096", "counts is not a list of an own column and one of the other product", _EXPECTED
            )
        elif not isinstance(minimum, int) or minimum < 2:  # true is 1
            entry["minimum"].error("C096", "minimum is not a whole number of 2 or more", _EXPECTED)
        else:
            yield Rule(
                f"safe_together__{product.replace('/', '__')}",
                "together",
                entry.place(),
                (*by, counts[0]),
                limits=Bounds(minimum=minimum),
                reference=Reference(product, (*by, counts[1])),
                description=f"{counts[0]} minus {product}'s {counts[1]} is never 1 to {minimum - 1}.",
            )
