"""The staged sources of a run, and the facts that a run records of all its sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import Window
from platform_core.lake.partition_filter import window_bounds
from platform_core.products.declare import ProductFunction
from platform_core.settings import mesh_root
from platform_core.sources.columns import columns_of
from platform_core.sources.order import Range
from platform_core.sources.source import Source
from platform_core.sources.staging import Staging, order_of
from platform_core.sql.quoting import quoted


def declared_columns(function: ProductFunction, source: Source) -> dict[str, str] | None:
    """The columns of a source of a function, as ``columns_of`` gives them."""
    root = mesh_root(function.place.path.parent)
    return columns_of(source, function.domain, root, function.place)


def staging_of(
    function: ProductFunction, consumer: DataProduct, window: Window | None, room: Path, run_id: str
) -> Staging:
    """The staging of a run, with files in ``room``. Raises SourceError S001 to S003, S026."""
    orders = {}
    folder = room / "sources"
    for name, source in function.sources.items():
        if source.staged:
            folder.mkdir(exist_ok=True)
            columns = declared_columns(function, source)
            part = _part(source, consumer, columns, window)
            orders[name] = order_of(name, source, columns, part, folder)
    return Staging(orders, f"mesh/{consumer.id}/{run_id[:8]}", function.place)


def _part(
    source: Source, consumer: DataProduct, columns: Mapping[str, str] | None, window: Window | None
) -> Range | None:
    grid, by = consumer.partitions, source.time_column
    if window is None or grid is None or by is None or by not in (columns or {}):
        return None  # bind reports a time_column that is missing
    on_source = replace(consumer, partitions=replace(grid, column=by))
    column, start, end = window_bounds(on_source, columns or {}, window)
    return Range(column, str(start), str(end))


def source_facts(
    connection: duckdb.DuckDBPyConnection, function: ProductFunction, staging: Staging
) -> dict[str, dict[str, Any]]:
    """The facts of each source that was read: rows, the version of a table format, and the newest row of a
    source that promises a latency, with the promised seconds."""
    facts: dict[str, dict[str, Any]] = {}
    for argument, read in staging.staged.items():
        kept = {"rows": read.rows, "version": read.version, "newest": read.newest}
        facts[function.sources[argument].name] = kept
    for source in function.sources.values():
        if source.latency is not None:
            found = facts.setdefault(source.name, {})
            found["latency"] = source.latency.total_seconds()
            newest = found.get("newest") if source.staged else _newest(connection, source)
            found["newest"] = _moment(newest)
    return facts


def _moment(text: str | None) -> str | None:
    """The time in ISO 8601, in UTC without a zone; a day counts until its end. None without a row, and for
    a time outside of Python's range."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    days = timedelta(days=len(text or "") == len("2024-01-31"))
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) + days).isoformat()


def _newest(connection: duckdb.DuckDBPyConnection, source: Source) -> str | None:
    if source.time_column is None:
        return datetime.fromtimestamp(source.locate().stat().st_mtime, UTC).isoformat()
    query = f"SELECT max({quoted(source.time_column)})::VARCHAR FROM ({source.query()})"
    [(newest,)] = connection.execute(query).fetchall()
    return None if newest is None else str(newest)
