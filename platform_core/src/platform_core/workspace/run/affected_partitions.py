"""The partitions that a run refreshes for a selection of partitions with its downstream.

For one month of a product and its downstream (``sales/transactions+ --partitions 2017-03-01``), a run makes
this month of consumers by month and the whole of consumers of all months, but nothing of consumers that read
only another month.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from platform_core.contracts.partitions import ALL, Window, chosen_keys, partition_windows
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import PlatformError
from platform_core.governance.facts import LocationFacts
from platform_core.registry.lookup import Registry
from platform_core.workspace.protocol import Asset
from platform_core.workspace.run.selection import Selection

Grids = Mapping[str, Sequence[Window]]


def resolve_selection(
    selection: Selection, asked: str | None, assets: Iterable[Asset], root: Path
) -> tuple[frozenset[str], Mapping[str, tuple[str, ...]]]:
    """The products of a run, and the partitions of those that depend on the selected partitions; the other
    products take the keys of the command. Raises UsageError U024 for an unknown key."""
    by_key = {asset.key: asset for asset in assets}
    products = frozenset(selection.products)
    if asked not in (None, ALL) and selection.downstream_of:
        found = affected(selection, asked, by_key, grids_of(Registry.open(root), by_key))
        if found is not None:
            return products & found.keys(), {key: keys for key, keys in found.items() if keys is not None}
    upstream = {key: asset.upstream for key, asset in by_key.items()}
    return selection.resolve(upstream, {key: asset.reads for key, asset in by_key.items()}), {}


def affected(
    selection: Selection, asked: str, assets: Mapping[str, Asset], grids: Grids
) -> dict[str, tuple[str, ...] | None] | None:
    """The selected assets and the affected ones downstream, with their keys. ``grids`` are the partitions of
    partitioned products. None if no product to follow has partitions. Raises UsageError U024 for an unknown
    key."""
    chosen = selection.resolve({key: asset.upstream for key, asset in assets.items()}, {})
    keys = {
        key: chosen_keys(asked, [window.key for window in grids[key]], key) if key in grids else None
        for key in chosen
    }
    stretches = {
        key: stretch
        for key, found in keys.items()
        if found and (stretch := _over(window for window in grids[key] if window.key in found)) is not None
    }
    everywhere = _over(stretches[key] for key in selection.downstream_of & stretches.keys())
    if everywhere is None:
        return None
    touched = {key: stretches.get(key, everywhere) for key in selection.downstream_of}
    _spread(touched, assets, grids)
    for key in touched.keys() - chosen:
        grid = grids.get(key)
        keys[key] = None if grid is None else tuple(w.key for w in grid if _overlap(touched[key], w))
    return keys


def grids_of(registry: Registry, assets: Collection[str]) -> dict[str, tuple[Window, ...]]:
    """The partitions of the products among assets, from their contracts."""
    found: dict[str, tuple[Window, ...]] = {}
    for name in set(registry.names()) & set(assets):
        try:
            product = registry.get(name)
        except PlatformError:
            continue  # its location does not load, which reports the fault
        if product.partitions is not None:
            found[name] = partition_windows(product.partitions)
    return found


def _spread(touched: dict[str, Window], assets: Mapping[str, Asset], grids: Grids) -> None:
    readers: dict[str, list[Asset]] = {}
    for asset in assets.values():
        for key in asset.reads:
            readers.setdefault(key, []).append(asset)
    queue = list(touched)
    while queue:
        key = queue.pop()
        for reader in readers.get(key, ()):
            read = _read(reader, key, touched[key], grids)
            before = touched.get(reader.key)
            after = _over(part for part in (before, read) if part is not None)
            if after is not None and after != before:
                touched[reader.key] = after
                queue.append(reader.key)


def _read(reader: Asset, key: str, stretch: Window, grids: Grids) -> Window | None:
    """The affected time of a reader, from an affected stretch of one of its inputs."""
    grid, source = grids.get(reader.key), grids.get(key)
    if source and key in reader.last_of and not _overlap(stretch, source[-1]):
        return None
    if grid is None:
        return stretch
    if source and key in (*reader.all_of, *reader.last_of):
        return _over(grid)
    return _over(window for window in grid if _overlap(stretch, window))


def _overlap(one: Window, other: Window) -> bool:
    return one.start < other.end and other.start < one.end


def _over(parts: Iterable[Window]) -> Window | None:
    found = list(parts)
    if not found:
        return None
    return Window("", min(part.start for part in found), max(part.end for part in found))


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
