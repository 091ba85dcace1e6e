"""The locks of a product's sources: their columns, as the sources have them now."""

from __future__ import annotations

from pathlib import Path

from platform_core.diagnostics import UsageError, shown
from platform_core.files import write_whole
from platform_core.products.declare import ProductFunction
from platform_core.products.makers.lookup import maker_of
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import unknown_product
from platform_core.sources.columns import lock_text, locked_in, require_own
from platform_core.sources.staging import order_of, stage


def lock_sources(name: str, registry: Registry, root: Path) -> list[str]:
    """Write the lock of each source that only a run reads and whose columns are not declared in the code;
    returns a phrase for each.

    Raises UsageError U043 for an unknown product; SourceError S020 to S025 for a source that cannot be asked.
    """
    if name not in registry.names():
        raise UsageError(unknown_product(name, registry.names()))
    product = registry.get(name)
    maker, _ = maker_of(product, root)
    if not isinstance(maker, ProductFunction):
        return []
    asked = {
        argument: source
        for argument, source in maker.sources.items()
        if source.asked and source.tabular and source.columns is None
    }
    orders = [order_of(argument, source, None) for argument, source in asked.items()]
    found = stage(orders, f"mesh/{name}", maker.place) if orders else {}
    phrases = []
    for argument, source in asked.items():
        path = locked_in(source, product.domain, root)
        require_own(path, source)
        write_whole(path, lock_text(source, found[argument].types))
        phrases.append(f"locked {shown(path)}")
    return phrases
