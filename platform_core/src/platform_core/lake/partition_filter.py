"""SQL for the rows of a partition."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import Window
from platform_core.diagnostics import DefinitionError
from platform_core.sql.quoting import literal, quoted


def window_predicate(product: DataProduct, columns: Mapping[str, str], window: Window) -> str:
    """SQL that is true for the rows of a window. Raises as ``window_bounds`` does."""
    name, lower, upper = window_bounds(product, columns, window)
    return f"({quoted(name)} >= {literal(lower)} AND {quoted(name)} < {literal(upper)})"


def window_bounds(product: DataProduct, columns: Mapping[str, str], window: Window) -> tuple[str, date, date]:
    """The column of a window, its first value and the first value after it, by the table's columns and their
    DuckDB types.

    A timestamp without a zone is UTC; a date is a day in the time zone of the partitions. Raises
    DefinitionError L008 if the partition column is missing or has another type.
    """
    partitions = product.partitions
    if partitions is None:
        message = f"{product.id} has no partitions, but the run writes partition {window.key}"
        fix = "Declare the partitions in the contract, or run without --partitions."
        raise DefinitionError.of("L008", message, product.place, fix=fix)
    name, kind = partitions.column, columns.get(partitions.column)
    if kind == "DATE" and window.end - window.start >= timedelta(hours=23):
        zone = ZoneInfo(partitions.timezone)
        return name, window.start.astimezone(zone).date(), window.end.astimezone(zone).date()
    if kind == "TIMESTAMP WITH TIME ZONE":
        return name, window.start, window.end
    if kind is not None and kind.startswith("TIMESTAMP"):
        return name, window.start.replace(tzinfo=None), window.end.replace(tzinfo=None)
    found = "is not in the data" if kind is None else f"is {kind}"
    message = f'the partition column "{name}" of {product.id} {found}'
    expected = "a column of type TIMESTAMP or TIMESTAMPTZ, or DATE where partitions are whole days"
    fix = f'Return a column "{name}" of such a type, or mark another column in the contract.'
    raise DefinitionError.of("L008", message, partitions.place, expected, fix)
