"""Publishing 20,940,529 promotions from their published table, plain and masked.

    python -m benchmarks.masked prepare | plain | fewer | masked

``prepare`` publishes them first. All variants read that table and publish a product with the same columns:
``plain`` with the contract of the promotions, ``masked`` as a twin with one hashed and one generalized
column, and with the check that no raw value is in the files. ``fewer`` is ``plain`` without the rule of
uniqueness, which the twin does not have because weeks become equal.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from benchmarks.promotions import PRODUCT, lakes, publish
from platform_core.contracts.model import DataProduct, Mask, Masking, Rule
from platform_core.lake.lakes import current_lakes
from platform_core.lake.location import table_of
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.masking.publish import hashing, publish_masked
from platform_core.odcs.masked_twin import masked_twin
from platform_core.quality.gate import gate
from platform_core.registry.lookup import Registry


def prepare() -> float:
    with lakes() as connection:
        return publish(connection, connection)["seconds"]


def plain() -> float:
    """A copy, with all rules of the contract."""
    registry = Registry.open()
    return _copy(registry, registry.get(PRODUCT).rules)


def fewer() -> float:
    """The same, with only the rules of the twin."""
    registry = Registry.open()
    promotions = registry.get(PRODUCT)
    asked = {rule.name for rule in masked_twin(_masking(promotions)).rules}
    return _copy(registry, tuple(rule for rule in promotions.rules if rule.name in asked))


def _copy(registry: Registry, rules: tuple[Rule, ...]) -> float:
    product = replace(registry.get(PRODUCT), name="promotions_copy", rules=rules)
    with lakes() as connection:
        began = time.monotonic()
        publish_table(
            connection,
            current_lakes(),
            product,
            f"SELECT * FROM {table_of(registry.get(PRODUCT))}",
            stamp=Stamp(run_id="benchmark", asset=product.id),
            audit=gate(connection, product, resolve=lambda name: table_of(registry.get(name))),
        )
        return time.monotonic() - began


def masked() -> float:
    """The twin: the product's number as a hash, the week in groups of four."""
    registry = Registry.open()
    parent = _masking(registry.get(PRODUCT))
    twin = masked_twin(parent)
    with lakes() as connection, hashing(connection, twin):
        began = time.monotonic()
        publish_masked(
            connection,
            current_lakes(),
            twin,
            parent,
            table_of(registry.get(PRODUCT)),
            stamp=Stamp(run_id="benchmark", asset=twin.id),
            audit=gate(connection, twin, resolve=lambda name: table_of(registry.get(name))),
        )
        return time.monotonic() - began


def _masking(product: DataProduct) -> DataProduct:
    masks = {
        "product_id": Mask("hash", product.place, key="product"),
        "week": Mask("generalize", product.place, width=4),
    }
    columns = tuple(replace(column, mask=masks.get(column.name)) for column in product.columns)
    return replace(product, columns=columns, masking=Masking("promotions_masked", product.place))


WAYS: Final[dict[str, Callable[[], float]]] = {way.__name__: way for way in (prepare, plain, fewer, masked)}

if __name__ == "__main__":
    print(json.dumps({"seconds": WAYS[sys.argv[1]]()}))
