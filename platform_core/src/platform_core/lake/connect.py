"""Opening lakes with DuckLake: a domain's own lakes to write, the lakes of other domains to read."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import duckdb

from platform_core.files import link_new, private_umask
from platform_core.lake.errors import GARBLED, damaged, lake_faults
from platform_core.lake.extensions import load_extension, open_connection
from platform_core.lake.location import LakeLocation, attach
from platform_core.lake.permissions import close_folder, written_privately
from platform_core.lake.spill import remove_unused, spill_into
from platform_core.settings import MEMORY
from platform_core.sql.quoting import literal, quoted

SCHEMAS = ("products", "staging", "internal")
attached: Counter[Path] = Counter()
"""The catalogs that DuckDB has open in this process."""


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
    attached.update(map(location.catalog, there))
    try:
        with private_umask() if private else nullcontext(), closing(open_connection(database)) as connection:
            load_extension(connection)
            configure_engine(connection)
            spill_into(connection, location, next(filter(location.is_private, there), None))
            for lake in there:
                _attach(connection, location, lake, writing=lake in write)
            yield connection
    except duckdb.Error as error:
        if there and GARBLED in str(error):
            with lake_faults(location, there[0]):
                raise
        raise
    finally:
        attached.subtract(map(location.catalog, there))
        remove_unused()


def _attach(
    connection: duckdb.DuckDBPyConnection, location: LakeLocation, lake: str, *, writing: bool
) -> None:
    if writing and not location.exists(lake):
        with written_privately(location, lake):
            _create(location, lake)
    with lake_faults(location, lake):
        require_catalog(location, lake)
        attach(connection, location, lake, read_only=not writing)


def require_catalog(location: LakeLocation, lake: str) -> None:
    """Raise LakeError L004 for a lake whose catalog is missing or empty, and close a restricted lake to other
    users."""
    close_folder(location, lake)
    if location.is_lost(lake):
        raise damaged(location, lake, "the catalog is missing, but its data files exist")
    # SQLite takes an empty file for a new database.
    if location.catalog(lake).stat().st_size == 0:
        raise damaged(location, lake, "the catalog is empty")


def configure_engine(connection: duckdb.DuckDBPyConnection) -> None:
    """Set the time zone and the memory limit that every engine of the platform has."""
    connection.execute("SET TimeZone = 'UTC'")
    # A progress bar would mix with the output of a command.
    connection.execute("SET enable_progress_bar = false")
    # By default half of what DuckDB takes: locations run at the same time.
    limit = MEMORY.memory() or f"{memory_of(connection) // 2} B"
    try:
        connection.execute(f"SET memory_limit = {literal(limit)}")
    except duckdb.ParserException as error:
        raise MEMORY.fault("an amount of memory", f"{MEMORY.name}=4GB") from error


def memory_of(connection: duckdb.DuckDBPyConnection) -> int:
    """The memory limit of an engine, in bytes."""
    row = connection.execute("SELECT current_setting('memory_limit')").fetchone()
    amount, unit = str(row[0]).split() if row else ("2", "GiB")
    return int(float(amount) * 1024 ** ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB").index(unit))


def _create(location: LakeLocation, lake: str) -> None:
    """Create an empty lake in one step, even if another process does so at the same time."""
    catalog = location.catalog(lake)
    draft = catalog.with_name(f".{os.getpid()}-{uuid.uuid4().hex[:8]}.sqlite")
    with lake_faults(location, lake):
        location.data(lake).mkdir(parents=True, exist_ok=True)
        try:
            with closing(open_connection()) as connection:
                load_extension(connection)
                configure_engine(connection)
                spill_into(connection, location, None)
                attach(connection, location, lake, read_only=False, catalog=draft)
                # Rows inside the catalog would make it grow, and the sizes of files would be wrong.
                connection.execute(f"CALL {quoted(lake)}.set_option('data_inlining_row_limit', 0)")
                for schema in SCHEMAS:
                    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(lake)}.{quoted(schema)}")
                connection.execute(f"DETACH {quoted(lake)}")
            # If another process was faster, its lake stays.
            link_new(draft, catalog)
        finally:
            for left in catalog.parent.glob(f"{draft.name}*"):
                left.unlink(missing_ok=True)
