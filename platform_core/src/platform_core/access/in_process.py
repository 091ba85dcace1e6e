"""Granted rows in the caller's own process: the engine of a query without the process around it.

The engine shows only the granted versions. The caller's Python is stopped by nothing: it can open every file
that its user may read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb

from platform_core.access.grants import require_principal
from platform_core.access.query import asked_versions, query_fault, refusals
from platform_core.access.versions import files_of_versions, naming_damage, private_lake
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import UsageError
from platform_core.lake.damage import damaged_file
from platform_core.lake.location import LakeLocation
from platform_core.lake.spill import spill_path, spill_room
from platform_core.registry.lookup import Registry
from platform_core.sealed.engine import new_engine, products_read, show_version, shut
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.version import VersionFiles
from platform_core.settings import MEMORY
from platform_core.sql.allowed import tables_read_at

Opened = Mapping[tuple[str, str], VersionFiles]
"""Versions with open files, by product id and the text after AT in the names of their views."""


@dataclass(frozen=True)
class GrantedRows:
    """Rows that are read when they are asked for. Their files stay open, so every read gets the same
    versions."""

    products: tuple[str, ...]
    """Ids of the products that the engine's plan reads."""
    sql: str
    _connection: duckdb.DuckDBPyConnection
    _shown: Mapping[str, DataProduct]
    _files: SealedFiles

    def relation(self) -> duckdb.DuckDBPyRelation:
        """The rows in the engine, which lives as long as a relation of it."""
        with self.faults():
            return self._connection.sql(self.sql)

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Raise errors of the engine in the block as UsageError U040 or U045, or LakeError L004."""
        with naming_damage(self._shown, self._files), _engine_faults():
            yield

    @property
    def version(self) -> int:
        """The version of the first product."""
        return int(next(iter(self._files.paths)).split("/")[2])


def granted_rows(
    sql: str, principal: str, registry: Registry, location: LakeLocation, root: Path, as_of: str | None = None
) -> GrantedRows:
    """The rows of a query, judged as ``granted_query`` does. Raises what it raises, without U044."""
    require_principal(principal, registry.domains())
    with refusals():
        named, sql = tables_read_at(sql)
    asked = asked_versions(named, principal, registry, root, as_of)
    products = [product for product, _ in asked.values()]
    return rows_of(products, location, partial(files_of_versions, asked, location), lambda _: sql)


def rows_of(
    products: Iterable[DataProduct],
    location: LakeLocation,
    opened: Callable[[SealedFiles, Path | None], Opened],
    sql: Callable[[Opened], str],
) -> GrantedRows:
    """The rows of SQL over versions of products, which the caller has judged. ``opened`` opens them, and
    may write copies into the folder."""
    MEMORY.memory()
    shown: dict[str, DataProduct] = {product.id: product for product in products}
    private, files = private_lake(shown.values(), location), SealedFiles()
    with spill_room(location, private) as room, naming_damage(shown, files), _engine_faults():
        versions = opened(files, room)
        connection = new_engine()
        files.show(connection)
        for (product, at), version in versions.items():
            try:
                show_version(connection, product, version, at)
            except duckdb.Error:
                words = "it does not hold the columns that were published"
                raise damaged_file(shown[product], words) from None
        shut(connection, spill_path(location, private))
        text = sql(versions)
        read = products_read(connection, text)
        rows = GrantedRows(tuple(sorted(shown) if read is None else read), text, connection, shown, files)
        rows.relation()
        return rows


@contextmanager
def _engine_faults() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise UsageError(query_fault(type(error).__name__, str(error).strip())) from None
