"""The assets of a location from its facts, without a worker."""

from __future__ import annotations

from collections.abc import Iterator

from platform_core.contracts.product_id import ProductId
from platform_core.governance.facts import LocationFacts
from platform_core.workspace.protocol import Asset


def assets_of(facts: LocationFacts) -> Iterator[Asset]:
    """The assets of a location as its worker reports them, without the members that only a run needs."""
    referenced = {str(product.id): product.referenced for product in facts.products}
    for asset in facts.assets:
        if asset.materializable:
            factory = facts.factory.get(ProductId(asset.key).name) if asset.product else None
            inputs = {read.product: read.partitions for read in (factory.inputs if factory else ())}
            yield Asset(
                asset.key,
                tuple(key for key in asset.deps if key != asset.key),
                checked_against=tuple(key for key in referenced.get(asset.key, ()) if key not in inputs),
                all_of=tuple(sorted(name for name in inputs if inputs[name] == "all")),
                last_of=tuple(sorted(name for name in inputs if inputs[name] == "last")),
            )
