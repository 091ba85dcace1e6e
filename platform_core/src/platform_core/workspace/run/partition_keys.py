"""The partition keys of a command: one key, ``first..last``, or ``all``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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


def partition_tags(keys: tuple[str, ...] | None, per_run: int) -> Iterator[dict[str, str]]:
    """The tags of each run over consecutive keys, of at most ``per_run`` keys; 0 for no limit."""
    from platform_core.workspace.dagster_internals import ONE_KEY, RANGE_END, RANGE_START

    if keys is None:
        yield {}
        return
    size = per_run or max(1, len(keys))
    for start in range(0, len(keys), size):
        part = keys[start : start + size]
        yield {ONE_KEY: part[0]} if len(part) == 1 else {RANGE_START: part[0], RANGE_END: part[-1]}
