"""The state of the mesh that goes with products or a domain, also with a domain that has left the tree.

Every step can be repeated, so a second call finishes an interrupted one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import shown
from platform_core.lake.damage import from_each_lake
from platform_core.lake.lakes import current_lakes
from platform_core.lake.publication.reader_files import linked, remove_links
from platform_core.lake.removal import (
    lakes_of,
    may_hold,
    remove_lake,
    remove_product,
    require_local,
    require_owner,
    require_unpinned,
)
from platform_core.lake.versions import published
from platform_core.masking.keys import KeyRing
from platform_core.words import counted
from platform_core.workspace.home import Home
from platform_core.workspace.records.products import recorded


@dataclass(frozen=True)
class Step:
    """``words`` name what goes."""

    words: str
    apply: Callable[[], None]


def of_domain(root: Path, domain: str) -> Iterator[Step]:
    """The records, caches, keys and lakes of a domain."""
    yield from _records(root, lambda product: product.domain == domain)
    home, location, ring = Home.of(root), current_lakes(root), KeyRing.current(root)
    require_local(location, domain)
    caches = [*home.introspection.glob(f"{domain}.*json"), home.path / "dbt" / domain]
    for path in (each for each in (*caches, home.logs / f"{domain}.log") if each.exists()):
        remove = partial(shutil.rmtree, path) if path.is_dir() else partial(path.unlink, missing_ok=True)
        yield Step(f"the cache or log {shown(path)}", remove)
    yield from _keys(ring, [name for name in ring.names() if name.startswith(f"{domain}.")])
    for lake in lakes_of(location, domain):
        found, _ = from_each_lake(location, [lake], published) if location.exists(lake) else ({}, ())
        count = sum(len(versions) for versions in found.get(lake, {}).values())
        words = f"the lake {lake}: {counted(len(found.get(lake, {})), 'product')}, "
        yield Step(words + counted(count, "version"), partial(remove_lake, location, lake))
        yield from _links(home, lake, "*")


def of_products(root: Path, products: Collection[ProductId], keys: Collection[str]) -> Iterator[Step]:
    """The records and versions of products, and the keys that no other product is hashed with."""
    yield from _records(root, lambda product: product in products)
    ring, location = KeyRing.current(root), current_lakes(root)
    yield from _keys(ring, [name for name in ring.names() if name in keys])
    for product in products:
        require_owner(location, product.domain)
        for lake in lakes_of(location, product.domain):
            if may_hold(location, lake, product):
                require_unpinned(location, lake, product)
                found, _ = from_each_lake(location, [lake], published)
                versions = counted(len(found.get(lake, {}).get(product, ())), "version")
                remove = partial(remove_product, location, lake, product, f"removal of {product}", lake)
                yield Step(f"{versions} of {product} in the lake {lake}", remove)
                yield from _links(Home.of(root), lake, product.name)


def _records(root: Path, of: Callable[[ProductId], bool]) -> Iterator[Step]:
    """The materializations in Dagster's instance, and the runs that made nothing else."""
    with recorded(root) as instance:
        if instance is None:
            return
        keys = [key for key in instance.all_asset_keys() if of(ProductId("/".join(key.path)))]
        runs = [
            run.run_id
            for run in instance.get_runs()
            if run.asset_selection and all(of(ProductId("/".join(key.path))) for key in run.asset_selection)
        ]

    def remove() -> None:
        with recorded(root) as instance:
            if instance is not None:
                instance.wipe_assets(keys)
                for run in runs:
                    instance.delete_run(run)

    if keys or runs:
        words = f"the records of {counted(len(keys), 'asset')} and {counted(len(runs), 'run')} in Dagster"
        yield Step(words, remove)


def _links(home: Home, lake: str, product: str) -> Iterator[Step]:
    if folders := linked(home.path, lake, product):
        words = f"{counted(len(folders), 'folder')} of links for BI tools in the lake {lake}"
        yield Step(words, partial(remove_links, home.path, lake, product))


def _keys(ring: KeyRing, names: Collection[str]) -> Iterator[Step]:
    for name in names:
        yield Step(f"the key {name}: no value can be hashed with it again", partial(ring.remove, name))
