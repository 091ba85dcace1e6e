"""The cells of a product's time partitions, as Dagster has them: keys, and boundaries right across DST."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from platform_core.contracts.model import Grid, Partitions
from platform_core.diagnostics import UsageError
from platform_core.words import did_you_mean

PartitionsRead = Literal["same", "all", "last"]


@dataclass(frozen=True, slots=True)
class Window:
    """One partition, or several that follow each other: ``start`` (inclusive) and ``end`` (exclusive), aware.

    ``keys`` are those of its partitions, ``key`` is its own: ``<first>...<last>`` of several. Times are in
    UTC, and in the time zone of the contract where a product's function is handed its run's window.
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
    """What a function gets as its window, in the time zone of the contract; None without partitions.

    Without keys it is empty, at the start of the grid: so a function is tried where nothing is run. Raises
    UsageError U020 and U021 as ``spanning`` does.
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
            message, fix = f'there is no partition "{key}"', did_you_mean(key, names)
            raise UsageError.of("U020", message, partitions.place, expected=grid, fix=fix)
    cells = sorted((known[key] for key in wanted), key=lambda cell: cell.start)
    if not cells:
        raise UsageError.of("U021", "no partition is named", partitions.place, "one key or more")
    for before, after in pairwise(cells):
        if before.end != after.start:
            message = f'partitions are missing between "{before.key}" and "{after.key}"'
            expected = "partitions that follow each other, since one transaction writes them all"
            raise UsageError.of("U021", message, partitions.place, expected, "Run each stretch by itself.")
    if len(cells) == 1:
        return cells[0]
    keys = tuple(cell.key for cell in cells)
    return Window(f"{keys[0]}...{keys[-1]}", cells[0].start, cells[-1].end, keys)


def run_window(partitions: Partitions, keys: Iterable[str]) -> tuple[Window, bool]:
    """The window of a run over the keys that Dagster names, and whether it is the whole grid."""
    grid, named = {cell.key for cell in partition_windows(partitions)}, set(keys)
    # Dagster also names a day that the time zone never had.
    return window_spanning(partitions, named & grid or named), grid <= named


def keys_in(partitions: Partitions, span: str) -> tuple[str, ...]:
    """The keys that a window of ``spanning`` covers, by its own key; none where the grid has its ends no
    more."""
    names = [cell.key for cell in partition_windows(partitions)]
    first, _, last = span.partition("...")
    if not {first, last or first} <= set(names):
        return ()
    return tuple(names[names.index(first) : names.index(last or first) + 1])


def partitions_read(
    reader: Partitions | None, wanted: PartitionsRead | None, source: Partitions | None
) -> PartitionsRead | None:
    """Which partitions of a product one run of its reader reads; None where the product has none.

    Where the reader does not say what it wants, it reads those of its own run, or all if it has none.
    """
    if source is None:
        return None
    return wanted or ("same" if reader is not None else "all")


def window_read(
    reader: Partitions | None, wanted: PartitionsRead | None, source: Partitions | None, run: Window | None
) -> Window | None:
    """The part of a product that one run reads, which itself covers ``run``; None for all of it."""
    which = partitions_read(reader, wanted, source)
    if which == "last" and source is not None:
        return partition_windows(source)[-1]
    return run if which == "same" else None


def _cells(partitions: Partitions, until: datetime) -> Iterator[Window]:
    zone = ZoneInfo(partitions.timezone)
    if partitions.every == "hour":
        yield from _hours(partitions, zone, until)
        return
    local = partitions.start
    start = _utc(local, zone)
    while True:
        following = _next(local, partitions.every)
        end = _utc(following, zone)
        if end > until:
            return
        if start < end:  # not a day that the zone never had, as when it crossed the date line
            key = local.strftime("%Y-%m-%d")
            yield Window(key, start, end, (key,))
        local, start = following, end


def _hours(partitions: Partitions, zone: ZoneInfo, until: datetime) -> Iterator[Window]:
    """Hours of real time: 23 or 25 on the days that the clock changes."""
    start = _utc(partitions.start, zone)
    while True:
        end = start + timedelta(hours=1)
        if end > until:
            return
        local = start.astimezone(zone)
        key = local.strftime("%Y-%m-%d-%H:%M")
        if local.fold and local.utcoffset() != local.replace(fold=0).utcoffset():
            # The second of two hours of the same name carries its offset, as Dagster has it.
            key += local.strftime("%z")
        yield Window(key, start, end, (key,))
        start = end


def _next(local: datetime, every: Grid) -> datetime:
    if every == "month":
        year, month = divmod(local.year * 12 + local.month, 12)
        return local.replace(year=year, month=month + 1)
    return local + timedelta(days=7 if every == "week" else 1)


@lru_cache(maxsize=4096)
def _utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)
