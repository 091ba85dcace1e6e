"""The time partitions that a contract describes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

from platform_core.contracts.faults import Faults
from platform_core.contracts.model import Column, Grid, Partitions
from platform_core.contracts.properties import find_property
from platform_core.contracts.units import time_zone, time_zones
from platform_core.source.document import Document
from platform_core.words import did_you_mean, listed

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaObject

GRIDS: tuple[Grid, ...] = get_args(Grid)
_KEYS = ("every", "start", "end", "timezone")
_EXAMPLE = "value: {every: month, start: 2017-01-01, end: 2018-01-01, timezone: America/New_York}"
_CELL = {
    "hour": "a full hour",
    "day": "midnight",
    "week": "midnight of a Sunday",
    "month": "midnight of the first of a month",
}

Where = tuple[str | int, ...]


def read_partitions(
    document: Document,
    table: SchemaObject | None,
    index: int | None,
    columns: tuple[Column, ...],
    faults: Faults,
) -> Partitions | None:
    """The grid of the table's partitions; None where it has none. Every fault is C070."""
    if table is None or index is None:
        return None
    partitioned = [number for number, item in enumerate(table.properties or []) if item.partitioned]
    found = find_property(document, ("schema", index), "partitions")
    if found is None:
        if partitioned:
            faults.error(
                "C070",
                f'the table is partitioned by "{columns[partitioned[0]].name}", but on no grid',
                document.key_place("schema", index, "properties", partitioned[0], "partitioned"),
                expected="the custom property partitions on the schema object",
                fix=f"Add to its customProperties:\n- property: partitions\n  {_EXAMPLE}",
            )
        return None
    value, where = found
    if len(partitioned) != 1:
        extra = ("schema", index, "properties", partitioned[1], "partitioned") if partitioned else where
        count = "two columns" if partitioned else "no column"
        faults.error(
            "C070",
            f"there is a grid of partitions, and {count} to lay it on",
            document.key_place(*extra),
            expected="partitioned: true on exactly one column",
            fix="Add partitioned: true to the column." if not partitioned else "Keep it on one column.",
        )
    column = columns[partitioned[0]] if partitioned else None
    if column is not None and column.logical_type not in {"date", "timestamp", None}:
        faults.error(
            "C070",
            f'"{column.name}" is a {column.logical_type}, not a time',
            column.place,
            expected="a column of logicalType date or timestamp",
        )
    return _grid(document, value, where, column, faults)


def _grid(
    document: Document, value: Any, where: Where, column: Column | None, faults: Faults
) -> Partitions | None:
    if not isinstance(value, dict):
        faults.error("C070", "partitions is no mapping", document.place(*where), fix=f"Write {_EXAMPLE}.")
        return None
    for key in value:
        if key not in _KEYS:
            faults.error(
                "C070",
                f'partitions know no "{key}"',
                document.key_place(*where, key),
                expected=listed(_KEYS),
                fix=did_you_mean(key, _KEYS),
            )
    missing = [key for key in ("every", "start") if value.get(key) is None]
    if missing:
        faults.error(
            "C070",
            f"partitions do not say {' and '.join(missing)}",
            document.place(*where),
            expected=listed(_KEYS),
            fix=f"Write {_EXAMPLE}.",
        )
    every = _every(document, value.get("every"), where, faults)
    zone = _zone(document, value.get("timezone"), where, faults)
    start = _moment(document, value, "start", where, every, faults)
    end = _moment(document, value, "end", where, every, faults)
    if start is not None and end is not None and end <= start:
        faults.error(
            "C070",
            "partitions end before they start",
            document.place(*where, "end"),
            expected=f"a time after {start:%Y-%m-%d %H:%M}; the end is exclusive",
        )
        return None
    if every is None or start is None or zone is None or column is None:
        return None
    return Partitions(column.name, every, start, zone, document.place(*where), end)


def _every(document: Document, value: Any, where: Where, faults: Faults) -> Grid | None:
    for grid in GRIDS:
        if value == grid:
            return grid
    if value is not None:
        near = {"monthly": "month", "weekly": "week", "daily": "day", "hourly": "hour"}.get(
            str(value).lower()
        )
        faults.error(
            "C070",
            f'partitions every "{value}"',
            document.place(*where, "every"),
            expected="hour, day, week or month",
            fix=f"Write every: {near}." if near else did_you_mean(str(value), GRIDS),
        )
    return None


def _zone(document: Document, value: Any, where: Where, faults: Faults) -> str | None:
    if value is None:
        return "UTC"
    if isinstance(value, str) and time_zone(value) is not None:
        return value
    bad_zone(document, value, (*where, "timezone"), faults)
    return None


def bad_zone(document: Document, value: Any, where: Where, faults: Faults) -> None:
    """Report C062: a name that is no IANA time zone."""
    faults.error(
        "C062",
        f'"{value}" is no time zone',
        document.place(*where),
        expected="an IANA name such as America/New_York or UTC, never an offset or an abbreviation",
        fix=did_you_mean(str(value), time_zones()),
    )


def _moment(
    document: Document, value: dict[str, Any], key: str, where: Where, every: Grid | None, faults: Faults
) -> datetime | None:
    said = value.get(key)
    if said is None:
        return None
    place = document.place(*where, key)
    try:
        moment = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        faults.error(
            "C070",
            f'{key} is "{said}"',
            place,
            expected="a local date or time without an offset, 2017-01-01 or 2017-01-01T05:00",
            fix="The time zone is said once, by timezone." if moment is not None else None,
        )
        return None
    if every is not None and not on_grid(moment, every):
        faults.error(
            "C070",
            f"{key} does not fall on the grid of partitions every {every}",
            place,
            expected=_CELL[every],
        )
        return None
    return moment


def on_grid(moment: datetime, every: Grid) -> bool:
    """Whether a local time is where a cell of the grid begins."""
    if moment.minute or moment.second or moment.microsecond:
        return False
    if every == "hour":
        return True
    if moment.hour:
        return False
    return every == "day" or (moment.isoweekday() == 7 if every == "week" else moment.day == 1)
