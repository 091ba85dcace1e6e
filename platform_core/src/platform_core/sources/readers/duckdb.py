"""Tables of a DuckDB file, which is opened read-only and only while it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from platform_core.sources.order import Order
from platform_core.sources.readers.relation import RelationReader, engine, limit, table_name, unreachable
from platform_core.sql.quoting import literal


@contextmanager
def opened(orders: Sequence[Order], who: str, seconds: float) -> Iterator[RelationReader]:
    """A reader of tables and views of one file. No process can write it until the block ends."""
    first = orders[0].source
    with engine() as connection:
        try:
            connection.execute(f"ATTACH {literal(first.path)} AS db (READ_ONLY)")
        except duckdb.Error as error:
            expected = "a DuckDB file that no process has open for writing"
            raise unreachable(first, error, expected, "End that process, or copy the file.") from None
        limit(connection, orders)
        yield RelationReader(connection, lambda order: f"db.{table_name(order, 'main')}")
