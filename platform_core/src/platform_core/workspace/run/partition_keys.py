"""The partition keys of a command: one key, ``first..last``, or ``all``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from platform_core.contracts.partitions import ALL, chosen_keys
from platform_core.diagnostics import UsageError


def chosen_partitions(
    asked: str | None,
    grids: Mapping[str, Sequence[str] | None],
    settled: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, tuple[str, ...] | None]:
    """The keys to materialize per asset, None for one without partitions. ``asked`` None means all keys;
    ``settled`` assets have their keys already. Raises UsageError U024, and U025 for keys without a
    partitioned asset."""
    asked = ALL if asked is None else asked
    if asked != ALL and not any(grid is not None for grid in grids.values()):
        message = "--partitions needs a partitioned product, and none is selected"
        fix = "Leave out --partitions, or select a partitioned product."
        raise UsageError.of("U025", message, fix=fix)
    known = settled or {}
    return {
        asset: known.get(asset) if grid is None or asset in known else chosen_keys(asked, grid, asset)
        for asset, grid in grids.items()
    }
