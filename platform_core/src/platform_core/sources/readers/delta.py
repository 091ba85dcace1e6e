"""Delta tables in a folder, at one version."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from platform_core.sources.order import Order
from platform_core.sources.readers.relation import RelationReader, engine, limit, load, missing
from platform_core.sql.quoting import literal


@contextmanager
def opened(orders: Sequence[Order], who: str, seconds: float) -> Iterator[RelationReader]:
    """A reader of one table, at the version that a source names, or the newest when this is called."""
    first, folder = orders[0].source, Path(orders[0].source.path)
    newest = _newest(folder)
    if newest is None:
        raise missing(first, "is not a Delta table", f"the commits of a table in {folder}/_delta_log")
    version = newest if first.version is None else first.version
    if version > newest:
        raise missing(first, f"has no version {version}", f"a version up to {newest}")
    with engine() as connection:
        load(connection, "delta", "delta", first.name)
        limit(connection, orders, folder)
        scan = f"delta_scan({literal(str(folder))}, version = {version})"
        yield RelationReader(connection, lambda _: scan, version)


def _newest(folder: Path) -> int | None:
    """The number of the newest commit; None without one."""
    names = (file.name for file in (folder / "_delta_log").glob("*"))
    found = (re.match(r"(\d{20})\.(?:json$|checkpoint\.)", name) for name in names)
    return max((int(match[1]) for match in found if match), default=None)
