"""The facts of a location's Dagster assets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import dagster as dg

from platform_core.diagnostics import Place
from platform_core.governance.facts import AssetFacts
from platform_core.products.catalog.spec import PRODUCT


def asset_facts(assets: Iterable[object]) -> tuple[AssetFacts, ...]:
    """The facts of assets, in the order of their keys; a spec without a definition is an external asset."""
    facts: dict[str, AssetFacts] = {}
    for asset in assets:
        for fact in _facts(asset):
            # A materializable asset replaces an external one of the same key.
            if fact.key not in facts or fact.materializable:
                facts[fact.key] = fact
    return tuple(facts[key] for key in sorted(facts))


def _facts(asset: object) -> Iterator[AssetFacts]:
    if isinstance(asset, dg.AssetSpec):
        yield _fact(asset, False, None)
    elif isinstance(asset, dg.AssetsDefinition):
        made = asset.is_materializable
        for spec in asset.specs:
            product = PRODUCT in spec.metadata
            yield _fact(spec, made, None if product or not made else _place(asset))
    elif isinstance(asset, dg.SourceAsset):
        yield AssetFacts("/".join(asset.key.path), False, description=asset.description or "")


def _fact(spec: dg.AssetSpec, materializable: bool, place: Place | None) -> AssetFacts:
    product = spec.metadata.get(PRODUCT)
    return AssetFacts(
        key="/".join(spec.key.path),
        materializable=materializable,
        product=product if isinstance(product, str) else None,
        owners=tuple(spec.owners),
        description=spec.description or "",
        deps=tuple(sorted("/".join(dep.asset_key.path) for dep in spec.deps)),
        place=place,
    )


def _place(asset: dg.AssetsDefinition) -> Place | None:
    compute = getattr(asset.node_def, "compute_fn", None)
    code = getattr(getattr(compute, "decorated_fn", None), "__code__", None)
    return Place(Path(code.co_filename), code.co_firstlineno) if code is not None else None
