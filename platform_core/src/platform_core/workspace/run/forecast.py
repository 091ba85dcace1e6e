"""The forecast of a run: its products and partitions, and their cost by the records of earlier versions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from platform_core.contracts.product_id import ProductId
from platform_core.graph import ordered
from platform_core.registry.lookup import Registry
from platform_core.source.workspace import Location
from platform_core.workspace.home import Home
from platform_core.workspace.introspection.cache import Introspection
from platform_core.workspace.records import every, recorded
from platform_core.workspace.run.affected_partitions import assets_of, grids_of, resolve_selection
from platform_core.workspace.run.partition_keys import chosen_partitions
from platform_core.workspace.run.selection import Selection

if TYPE_CHECKING:
    import dagster as dg

_LOOKED_BACK: Final = 20
"""Versions that are searched for one of the whole product."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A product that a run would make. ``seconds``, ``rows`` and ``bytes_read`` are those of its newest
    whole version, in proportion to the partitions; None for a product that was never made."""

    product: str
    location: str
    partitions: str
    """``first..last``; empty for the whole product."""
    rows: int | None = None
    seconds: float | None = None
    bytes_read: int | None = None


def forecast(
    root: Path, home: Home, locations: Sequence[Location], selection: Selection, partitions: str | None
) -> tuple[Forecast, ...]:
    """The products of a run, in an order in which it could make them. Locations are introspected where they
    have changed; no function is called. Raises UsageError U024 or U025 for wrong ``partitions``."""
    home.prepare(root)
    looking = Introspection(root, home)
    try:
        looks = looking.begin(locations)
        wait(looks.values())
    finally:
        looking.stop()
    known = {asset.key: asset for look in looks.values() for asset in assets_of(look.result())}
    wanted, settled = resolve_selection(selection, partitions, known.values(), root)
    grids = {key: tuple(w.key for w in grid) for key, grid in grids_of(Registry.open(root), wanted).items()}
    keys = chosen_partitions(partitions, {key: grids.get(key) for key in wanted}, settled)
    edges = {key: known[key].upstream if key in known else () for key in wanted}
    order = [key for key in ordered(edges) if key in wanted]
    with recorded(root) as instance:
        return tuple(
            _product(key, keys[key], grids.get(key, ()), instance)
            for key in [*order, *sorted(wanted - set(order))]
        )


def _product(
    key: str, keys: tuple[str, ...] | None, grid: Collection[str], instance: dg.DagsterInstance | None
) -> Forecast:
    part = f"{keys[0]}..{keys[-1]}" if keys and len(keys) < len(grid) else ""
    part = keys[0] if keys and part and len(keys) == 1 else part
    made = list(islice(every(instance, key), _LOOKED_BACK)) if instance is not None else []
    whole = next((each for each in made if each.rows_written == each.rows), next(iter(made), None))
    if whole is None:
        return Forecast(key, ProductId(key).domain, part)
    share = len(keys) / len(grid) if keys and grid else 1.0
    return Forecast(
        key,
        ProductId(key).domain,
        part,
        None if whole.rows is None else round(whole.rows * share),
        None if whole.seconds is None else whole.seconds * share,
        None if whole.bytes_read is None else round(whole.bytes_read * share),
    )
