"""The partitions of a product with Dagster's keys, and with boundaries that are correct across DST."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal
from zoneinfo import ZoneInfo

from platform_core.contracts.model import Grid, Partitions
from platform_core.diagnostics import UsageError
from platform_core.words import did_you_mean

PartitionsRead = Literal["same", "all", "last"]
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Window:
    """One partition or several adjacent ones: ``start`` (inclusive) and ``end`` (exclusive) are aware.

    ``keys`` are the keys of its partitions, ``key`` is its own: ``<first>...<last>`` for several. Times are
    in UTC, for a product's function in the time zone of the contract.
    """

    key: str
    start: datetime
    end: datetime
    keys: tuple[str, ...] = ()


def partition_windows(partitions: Partitions, now: datetime | None = None) -> tuple[Window, ...]:
    """All partitions that are complete at ``now`` (aware; the present by default), in order."""
    moment = now if now is not None else datetime.now(UTC)
    if partitions.end is not None:
        moment = min(moment, _utc(partitions.end, ZoneInfo(partitions.timezone)))
    return tuple(_cells(partitions, moment))


def function_window(partitions: Partitions | None, keys: Collection[str] = ()) -> Window | None:
    """The window that a product's function receives, in the time zone of the contract; None without
    partitions. Without keys the window is empty, at the start of the grid: a dry run uses it.

    Raises UsageError U020 and U021 like ``window_spanning``.
    """
    if partitions is None:
        return None
    zone = ZoneInfo(partitions.timezone)
    if not keys:
        start = partitions.start.replace(tzinfo=zone)
        return Window("", start, start)
    found = window_spanning(partitions, keys)
    return replace(found, start=found.start.astimezone(zone), end=found.end.astimezone(zone))


def window_spanning(partitions: Partitions, keys: Iterable[str]) -> Window:
    """One window over adjacent partitions, its key ``<first>...<last>``.

    Raises UsageError U020 for an unknown key, U021 for no keys and for keys with a gap between them.
    """
    known = {cell.key: cell for cell in partition_windows(partitions)}
    names, wanted = list(known), set(keys)
    for key in wanted:
        if key not in known:
            grid = f"{names[0]} to {names[-1]}, every {partitions.every}" if names else "none yet"
            message, fix = f'unknown partition "{key}"', did_you_mean(key, names)
            raise UsageError.of("U020", message, partitions.place, expected=grid, fix=fix)
    cells = sorted((known[key] for key in wanted), key=lambda cell: cell.start)
    if not cells:
        raise UsageError.of("U021", "no partition is given", partitions.place, "one key or more")
    for before, after in pairwise(cells):
        if before.end != after.start:
            message = f'partitions are missing between "{before.key}" and "{after.key}"'
            expected = "adjacent partitions, since one transaction writes them all"
            raise UsageError.of(
                "U021",
                message,
                partitions.place,
                expected,
                "Run the partitions before and after the gap separately.",
            )
    if len(cells) == 1:
        return cells[0]
    keys = tuple(cell.key for cell in cells)
    return Window(f"{keys[0]}...{keys[-1]}", cells[0].start, cells[-1].end, keys)


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


def run_window(partitions: Partitions, keys: Iterable[str]) -> tuple[Window, bool]:
    """The window of a run over Dagster's keys, and whether it covers the whole grid."""
    grid, named = {cell.key for cell in partition_windows(partitions)}, set(keys)
    # Dagster also names days that the time zone skipped.
    return window_spanning(partitions, named & grid or named), grid <= named


def keys_in(partitions: Partitions, span: str) -> tuple[str, ...]:
    """The keys that the window with the key ``span`` covers; none where the grid no longer has its ends."""
    names = [cell.key for cell in partition_windows(partitions)]
    first, _, last = span.partition("...")
    if not {first, last or first} <= set(names):
        return ()
    return tuple(names[names.index(first) : names.index(last or first) + 1])


def partitions_read(
    reader: Partitions | None, wanted: PartitionsRead | None, source: Partitions | None
) -> PartitionsRead | None:
    """The partitions of a product that one run of its reader reads; None where the product has none.

    A reader that declares nothing reads the partitions of its run, or all if it has no partitions.
    """
    if source is None:
        return None
    return wanted or ("same" if reader is not None else "all")


def window_read(
    reader: Partitions | None, wanted: PartitionsRead | None, source: Partitions | None, run: Window | None
) -> Window | None:
    """The window of a product that a run over ``run`` reads; None for the whole product."""
    which = partitions_read(reader, wanted, source)
    if which == "last" and source is not None:
        return partition_windows(source)[-1]
    return run if which == "same" else None


def _cells(partitions: Partitions, until: datetime) -> Iterator[Window]:
    zone, local = ZoneInfo(partitions.timezone), partitions.start
    hourly = partitions.every == "hour"
    start = _utc(local, zone)
    while True:
        key = _hour_key(start.astimezone(zone)) if hourly else local.strftime("%Y-%m-%d")
        local = _next(local, partitions.every)
        # An hour is an hour of real time: a day has 23 or 25 when the clock changes.
        end = start + timedelta(hours=1) if hourly else _utc(local, zone)
        if end > until:
            return
        if start < end:  # a zone that crosses the date line skips a day
            yield Window(key, start, end, (key,))
        start = end


def _hour_key(local: datetime) -> str:
    # As in Dagster, the second of two hours with the same name has its offset in its key.
    repeated = local.fold and local.utcoffset() != local.replace(fold=0).utcoffset()
    return local.strftime("%Y-%m-%d-%H:%M%z" if repeated else "%Y-%m-%d-%H:%M")


def _next(local: datetime, every: Grid) -> datetime:
    if every == "month":
        year, month = divmod(local.year * 12 + local.month, 12)
        return local.replace(year=year, month=month + 1)
    return local + timedelta(days=7 if every == "week" else 1)


@lru_cache(maxsize=4096)
def _utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)
