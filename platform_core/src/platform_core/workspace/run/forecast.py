"""The forecast of a run, which makes nothing: from contracts, facts of locations and records of versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from platform_core.contracts.product_id import ProductId
from platform_core.graph import ordered
from platform_core.registry.lookup import Registry
from platform_core.source.workspace import Location
from platform_core.workspace.home import Home
from platform_core.workspace.introspection.cache import Introspection, kept_facts
from platform_core.workspace.records.products import Materialization, newest, recorded
from platform_core.workspace.run.affected_partitions import assets_of, grids_of, resolve_selection
from platform_core.workspace.run.partition_keys import chosen_partitions
from platform_core.workspace.run.selection import Selection


@dataclass(frozen=True, slots=True)
class Expected:
    """A product that a run would make. Members are None for one that was never made."""

    product: str
    partitions: str
    """In the form of --partitions; empty for the whole product."""
    rows: int | None = None
    seconds: float | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """``seconds`` is the time until the last product ends, where each location makes one after the other."""

    products: tuple[Expected, ...]
    seconds: float
    ends: Mapping[str, float] = field(default_factory=dict)
    """The seconds until each product ends."""


def forecast(
    root: Path, home: Home, locations: Sequence[Location], selection: Selection, asked: str | None
) -> Forecast:
    """The products that ``MeshRun`` would make, each after its upstream. Only a selection with ``+`` looks at
    changed code.
    Raises UsageError U024, U025 for wrong ``--partitions``."""
    facts = list(kept_facts(root, locations))
    if selection.follows_graph:
        looking = Introspection(root, home)
        try:
            facts = [look.result() for look in looking.begin(locations).values()]
        finally:
            looking.stop()
    assets = {asset.key: asset for each in facts for asset in assets_of(each)}
    wanted, known = resolve_selection(selection, asked, assets.values(), root)
    windows = grids_of(Registry.open(root), wanted)
    grids = {key: tuple(w.key for w in windows[key]) if key in windows else None for key in sorted(wanted)}
    partitions = chosen_partitions(asked, grids, known)
    upstream = {key: assets[key].upstream if key in assets else () for key in grids}
    with recorded(root) as instance:
        made = newest(instance, grids) if instance is not None else {}
    return estimate(made, partitions, grids, upstream)


def estimate(
    made: Mapping[str, Materialization],
    partitions: Mapping[str, Sequence[str] | None],
    grids: Mapping[str, Sequence[str] | None],
    upstream: Mapping[str, Sequence[str]],
) -> Forecast:
    """The forecast of a run that makes ``partitions`` of each product, whose partitions are ``grids``;
    ``made`` has the last run of each."""
    order = [key for key in ordered(upstream) if key in grids]
    keys = [*order, *sorted(grids.keys() - set(order))]  # the rest wait for each other
    expected = {key: _expected(key, partitions[key], grids[key], made.get(key)) for key in keys}
    ends = _ends(expected, upstream)
    return Forecast(tuple(expected.values()), max(ends.values(), default=0.0), ends)


def _expected(
    key: str, keys: Sequence[str] | None, grid: Sequence[str] | None, last: Materialization | None
) -> Expected:
    part = "" if not keys or keys == grid else keys[0] if len(keys) == 1 else f"{keys[0]}..{keys[-1]}"
    if last is None or last.rows is None:
        return Expected(key, part)
    # A stream, and a product of one partition, wrote fewer rows than it has.
    rows, written = last.rows_written if grid is None else None, last.rows_written or last.rows
    if rows is None:
        rows = round(last.rows * len(keys or ()) / max(1, len(grid or ()))) if grid else last.rows
    seconds = None if last.seconds is None else last.seconds * (rows / written if grid and written else 1)
    size = None if last.bytes is None else round(last.bytes * rows / last.rows) if last.rows else 0
    return Expected(key, part, rows, seconds, size)


def _ends(expected: Mapping[str, Expected], upstream: Mapping[str, Sequence[str]]) -> dict[str, float]:
    ends: dict[str, float] = {}
    free: dict[str, float] = {}
    for key, each in expected.items():
        location = ProductId(key).domain
        begins = max([free.get(location, 0.0), *(ends.get(up, 0.0) for up in upstream[key])])
        ends[key] = free[location] = begins + (each.seconds or 0.0)
    return ends
