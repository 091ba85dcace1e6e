"""The time partitions of a contract."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from platform_core.contracts.model import Column, Grid, Partitions
from platform_core.contracts.time_units import time_zone, time_zones
from platform_core.odcs.custom_properties import find_property
from platform_core.source.cursor import Node
from platform_core.words import listed

GRIDS: tuple[Grid, ...] = get_args(Grid)
_KEYS = ("every", "start", "end", "timezone")
_EXAMPLE = "value: {every: month, start: 2017-01-01, end: 2018-01-01, timezone: America/New_York}"
_CELL = {
    "hour": "a full hour",
    "day": "midnight",
    "week": "midnight of a Sunday",
    "month": "midnight of the first of a month",
}


def read_partitions(table: Node, columns: tuple[Column, ...]) -> Partitions | None:
    """The grid of the table's partitions; None where it has none. Every fault is C070."""
    marks = [
        (item["partitioned"], column)
        for item, column in zip(table.items("properties"), columns, strict=True)
        if item.get("partitioned") is True
    ]
    found = find_property(table, "partitions")
    if found is None:
        if marks:
            mark, column = marks[0]
            mark.error(
                "C070",
                f'the column "{column.name}" is partitioned, but no partitions are declared',
                "the custom property partitions on the schema object",
                f"Add to its customProperties:\n- property: partitions\n  {_EXAMPLE}",
                at_key=True,
            )
        return None
    if len(marks) != 1:
        count = "two columns are" if marks else "no column is"
        (marks[1][0] if marks else found).error(
            "C070",
            f"partitions are declared, but {count} marked as partitioned",
            "partitioned: true on exactly one column",
            "Keep it on one column." if marks else "Add partitioned: true to the column.",
            at_key=True,
        )
    by = marks[0][1] if marks else None
    if by is not None and by.logical_type not in {"date", "timestamp", None}:
        message = f'"{by.name}" is a {by.logical_type}, not a time'
        table.faults.error("C070", message, by.place, "a column of logicalType date or timestamp")
    return _grid(found, by)


def _grid(node: Node, column: Column | None) -> Partitions | None:
    if not node.is_mapping("C070", "partitions", listed(_KEYS), f"Write {_EXAMPLE}."):
        return None
    node.has_only(_KEYS, "C070", "partitions")
    missing = [key for key in ("every", "start") if node.get(key) is None]
    node.lacks(missing, "C070", "partitions", _EXAMPLE)
    every = _every(node["every"])
    zone = read_zone(node["timezone"] if node.get("timezone") is not None else None)
    start, end = _moment(node, "start", every), _moment(node, "end", every)
    if start is not None and end is not None and end <= start:
        expected = f"a time after {start:%Y-%m-%d %H:%M}; the end is exclusive"
        node["end"].error("C070", "partitions end before they start", expected)
        return None
    if every is None or start is None or zone is None or column is None:
        return None
    return Partitions(column.name, every, start, zone, node.place(), end)


def _every(node: Node) -> Grid | None:
    for grid in GRIDS:
        if node.value == grid:
            return grid
    if node.value is not None:
        node.error("C070", f'partitions every "{node.value}"', known=GRIDS)
    return None


def read_zone(node: Node | None) -> str | None:
    """An IANA time zone, by default UTC; None for any other name (C062)."""
    if node is None:
        return "UTC"
    if isinstance(node.value, str) and time_zone(node.value) is not None:
        return node.value
    expected = "an IANA name such as America/New_York or UTC, not an offset"
    node.error("C062", f'unknown time zone "{node.value}"', expected, known=time_zones())
    return None


def _moment(node: Node, key: str, every: Grid | None) -> datetime | None:
    value = node.get(key)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        expected = "a local date or time without an offset, 2017-01-01 or 2017-01-01T05:00"
        fix = "Remove the offset: timezone declares the zone." if moment is not None else None
        node[key].error("C070", f'{key} is "{value}"', expected, fix)
        return None
    if every is not None and not on_grid(moment, every):
        message = f"{key} is not the start of a {every}"
        node[key].error("C070", message, _CELL[every])
        return None
    return moment


def on_grid(moment: datetime, every: Grid) -> bool:
    """Whether a partition begins at a local time."""
    if moment.minute or moment.second or moment.microsecond:
        return False
    if every == "hour":
        return True
    if moment.hour:
        return False
    return every == "day" or (moment.isoweekday() == 7 if every == "week" else moment.day == 1)
