"""The partition keys of a command: one key, ``first..last``, or ``all``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from platform_core.diagnostics import UsageError
from platform_core.words import did_you_mean

ALL = "all"


def chosen_keys(asked: str, grid: Sequence[str], asset: str) -> tuple[str, ...]:
    """The requested consecutive keys of one asset's grid. Raises UsageError U024 for an unknown key or a
    backward range."""
    if asked == ALL:
        return tuple(grid)
    first, dots, last = asked.partition("..")
    ends = (first, last if dots else first)
    for key in ends:
        if key not in grid:
            known = f"{grid[0]} .. {grid[-1]} ({len(grid)} keys)" if grid else "no partition exists yet"
            expected = f"one key, first..last, or all; the keys are {known}"
            message, fix = f'"{key}" is not a partition of {asset}', did_you_mean(key, grid)
            raise UsageError.of("U024", message, None, expected, fix)
    start, stop = (grid.index(key) for key in ends)
    if stop < start:
        raise UsageError.of("U024", f"the range {asked} is backward", fix=f"`--partitions {last}..{first}`")
    return tuple(grid[start : stop + 1])


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
