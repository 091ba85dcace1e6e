"""Which partitions a command means: one key, ``first..last``, or ``all``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from platform_core.diagnostics import Diagnostic, UsageError
from platform_core.words import did_you_mean

ALL = "all"


def chosen_keys(asked: str, grid: Sequence[str], asset: str) -> tuple[str, ...]:
    """The consecutive keys of one asset's grid that were asked for.

    Raises:
        UsageError: U024 where a key is not on the grid or a range runs backwards.
    """
    if asked == ALL:
        return tuple(grid)
    first, dots, last = asked.partition("..")
    ends = (first, last if dots else first)
    for key in ends:
        if key not in grid:
            raise UsageError(_off_grid(key, grid, asset))
    start, stop = (grid.index(key) for key in ends)
    if stop < start:
        raise UsageError.of("U024", f"the range {asked} runs backwards", fix=f"--partitions {last}..{first}")
    return tuple(grid[start : stop + 1])


def chosen_partitions(
    asked: str | None,
    grids: Mapping[str, Sequence[str] | None],
    settled: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, tuple[str, ...] | None]:
    """Per asset the keys to materialize, None for one without partitions.

    ``asked`` None means all keys of every grid; the keys of ``settled`` assets are known already.

    Raises:
        UsageError: U024 as above; U025 where keys were asked for and no asset has partitions.
    """
    if asked is not None and asked != ALL and not any(grid is not None for grid in grids.values()):
        raise UsageError.of(
            "U025",
            "--partitions was given, but no selected product has partitions",
            fix="leave --partitions out, or select a partitioned product",
        )
    known = settled or {}
    return {
        asset: known.get(asset)
        if grid is None or asset in known
        else chosen_keys(ALL if asked is None else asked, grid, asset)
        for asset, grid in grids.items()
    }


def _off_grid(key: str, grid: Sequence[str], asset: str) -> Diagnostic:
    expected = f"{grid[0]} .. {grid[-1]} ({len(grid)} keys)" if grid else "no partition exists yet"
    return Diagnostic(
        "U024",
        f'"{key}" is no partition of {asset}',
        expected=f"one key, first..last, or all; the keys are {expected}",
        fix=did_you_mean(key, grid),
    )
