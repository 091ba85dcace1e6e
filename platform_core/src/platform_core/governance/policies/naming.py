"""Policies on the names of products and columns."""

from __future__ import annotations

import re
from collections.abc import Iterator

from platform_core.contracts.model import DataProduct
from platform_core.governance.facts import MeshFacts
from platform_core.governance.policy import Violation, policy
from platform_core.words import snake

WORD = re.compile(r"[a-z][a-z0-9_]*")
# Marks that belong to version control or to the contract's version.
_DRAFT = re.compile(r"(?:tbl|tmp|temp|test|copy|new|old|final|bak|v[0-9]+)")


@policy("G115", scope="product")
def naming(product: DataProduct, mesh: MeshFacts) -> Iterator[Violation]:
    words = product.name.split("_")
    marks = [words[index] for index in {0, -1} if _DRAFT.fullmatch(words[index])]
    if marks and len(words) > 1 and not _follows(product, mesh):
        message = f'the name of {product.id} has the mark "{marks[0]}"'
        yield Violation(message, product.place, product.id, "a name without version or draft mark")
    for column in product.columns:
        if not WORD.fullmatch(column.name):
            message = f'the column "{column.name}" of {product.id} is not in lower-case words'
            fix = f"Rename it to {snake(column.name) or 'a word in English'}."
            yield Violation(message, column.place, product.id, "letters a to z, digits and _", fix)


def _follows(product: DataProduct, mesh: MeshFacts) -> bool:
    """Whether it is the successor of a product, and needs another name next to that."""
    return any(each.ending and each.ending.successor == product.id for each in mesh.known.values())
