"""The lakes as a Dagster resource."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import duckdb
from dagster_duckdb import DuckDBResource

from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes


class LakeResource(DuckDBResource):
    """dagster-duckdb's resource, with lakes attached under their names.

    A plain asset takes it as the parameter ``lake`` and keeps its tables in the schema ``internal`` of its
    domain's lake; only the platform writes to ``products``.
    """

    database: str = ":memory:"

    @contextmanager
    def connect(
        self, *, write: Collection[str] = (), read: Collection[str] = ()
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the lakes ``write`` attached read-write and ``read`` READ_ONLY."""
        location = current_lakes()
        with connect(location, write=write, read=read, database=self.database) as connection:
            yield connection
