"""Opening lakes with DuckLake: a domain's own lakes to write, the lakes of other domains to read; and reading
a catalog without DuckLake, which takes half a second to load."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import TypeVar

import duckdb

from platform_core.files import private_umask
from platform_core.lake.engine import open_engine
from platform_core.lake.errors import lake_faults
from platform_core.lake.local.faults import GARBLED
from platform_core.lake.local.spill import remove_unused, spill_into
from platform_core.lake.location import LakeLocation
from platform_core.lake.versions import Catalog

T = TypeVar("T")


@contextmanager
def connect(
    location: LakeLocation,
    *,
    write: Collection[str] = (),
    read: Collection[str] = (),
    database: str = ":memory:",
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the lakes attached under their own names.

    A lake in ``write`` is created if it is missing. A lake in ``read`` is attached READ_ONLY, and left out
    if it does not exist. If a restricted lake is attached and no other lake is written, this process creates
    files for its own user only. Raises LakeError: L002 unwritable, L003 full, L004 damaged, L005 extension
    missing.
    """
    for lake in write:
        with lake_faults(location, lake):
            location.root.mkdir(parents=True, exist_ok=True)
    private = any(map(location.is_private, (*write, *read))) and all(map(location.is_private, write))
    there = [lake for lake in dict.fromkeys((*write, *read)) if lake in write or location.exists(lake)]
    try:
        with (
            private_umask() if private else nullcontext(),
            location.attached(there),
            closing(open_engine(location.extensions, database)) as connection,
        ):
            spill_into(connection, location, next(filter(location.is_private, there), None))
            for lake in there:
                with lake_faults(location, lake):
                    location.prepare(lake, writing=lake in write)
                    location.attach(connection, lake, read_only=lake not in write)
            yield connection
    except duckdb.Error as error:
        if there and GARBLED in str(error):
            with lake_faults(location, there[0]):
                raise
        raise
    finally:
        remove_unused()


class LakeNeeded(Exception):
    """The catalog alone does not answer; DuckLake does."""


def read_catalog(location: LakeLocation, lake: str, ask: Callable[[Catalog], T]) -> T:
    """The answer from one state of an existing lake's catalog. ``ask`` is asked again, with the attached
    lake, if it raises LakeNeeded. Raises LakeError as ``connect`` does."""
    with lake_faults(location, lake), location.catalog(lake) as catalog:
        if catalog is not None:
            try:
                return ask(catalog)
            except LakeNeeded:
                pass
    with connect(location, read=[lake]) as general, lake_faults(location, lake):
        return ask(general)
