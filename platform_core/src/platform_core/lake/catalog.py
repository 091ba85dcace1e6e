"""Reading a lake's catalog with Python's own SQLite, without DuckLake, which takes half a second to load."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Final, TypeVar

from platform_core.lake.connect import attached, connect, require_catalog
from platform_core.lake.errors import lake_faults
from platform_core.lake.location import LakeLocation
from platform_core.lake.versions import DATA_PATH, Catalog, catalog_of
from platform_core.sql.quoting import literal

T = TypeVar("T")
FORMAT: Final = "1.0"
"""The version of DuckLake's tables that are read without DuckLake."""
BUSY_SECONDS: Final = 30
_ARROWS: Final = (3, 38)
"""The first SQLite with ->>."""


class LakeNeeded(Exception):
    """The catalog alone does not answer; DuckLake does."""


def read_catalog(location: LakeLocation, lake: str, ask: Callable[[Catalog], T]) -> T:
    """The answer from one state of an existing lake's catalog. ``ask`` is asked again, with the attached
    lake, if it raises LakeNeeded for SQLite. Raises LakeError as ``connect`` does."""
    catalog = location.catalog(lake)
    # Two SQLites of one process remove each other's locks when they close a file.
    if sqlite3.sqlite_version_info >= _ARROWS and not attached[catalog]:
        with lake_faults(location, lake):
            require_catalog(location, lake)
            with closing(
                sqlite3.connect(":memory:", BUSY_SECONDS, isolation_level=None, uri=True)
            ) as connection:
                connection.create_function(DATA_PATH, 0, lambda: f"{location.data(lake)}/")
                url = literal(f"{catalog.absolute().as_uri()}?mode=ro")
                connection.execute(f"ATTACH {url} AS {catalog_of(lake)}")
                connection.execute("BEGIN")  # one state for all statements
                known = f"SELECT value FROM {catalog_of(lake)}.ducklake_metadata WHERE key = 'version'"
                if connection.execute(known).fetchall() == [(FORMAT,)]:
                    try:
                        return ask(connection)
                    except LakeNeeded:
                        pass
    with connect(location, read=[lake]) as general, lake_faults(location, lake):
        return ask(general)
