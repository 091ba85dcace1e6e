"""Where the lakes are. One lake per domain, and one more for its restricted products."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from platform_core.contracts.model import DataProduct
from platform_core.settings import LAKE, mesh_home
from platform_core.sql.quoting import literal, quoted

if TYPE_CHECKING:
    import duckdb

RESTRICTED: Final = "_restricted"
"""What the name of a domain's restricted lake ends with."""


@dataclass(frozen=True, slots=True)
class LakeLocation:
    """The folder of all lakes; each lake is one folder in it: its catalog, its data and its lock."""

    root: Path

    @classmethod
    def current(cls, root: Path | None = None) -> LakeLocation:
        """The location by ``MESH_LAKE``, else ``lake`` in the state of the mesh at ``root``, by default the
        one that the working directory is in."""
        return cls(LAKE.folder() or mesh_home(root) / "lake")

    def folder(self, lake: str) -> Path:
        return self.root / lake

    def catalog(self, lake: str) -> Path:
        return self.root / lake / "catalog.sqlite"

    def data(self, lake: str) -> Path:
        return self.root / lake / "data"

    def lock(self, lake: str) -> Path:
        return self.root / lake / "lake.lock"

    def is_private(self, lake: str) -> bool:
        """Whether a lake is a domain's restricted one, for its own user alone."""
        return lake.endswith(RESTRICTED)

    def exists(self, lake: str) -> bool:
        """Whether there is such a lake, be it one of which only the files are left."""
        return self.catalog(lake).exists() or self.is_lost(lake)

    def is_lost(self, lake: str) -> bool:
        """Whether a lake's catalog is gone, and its files are there."""
        return not self.catalog(lake).exists() and next(self.data(lake).rglob("*.parquet"), None) is not None

    def shared(self) -> tuple[str, ...]:
        """The domains whose shared lake this user can read, sorted."""
        names = [path.name for path in self.root.glob("*")]
        return tuple(sorted(name for name in names if not self.is_private(name) and self.is_readable(name)))

    def is_readable(self, lake: str) -> bool:
        """Whether there is such a lake for this user; a restricted one is its domain's alone."""
        if os.access(self.catalog(lake), os.R_OK | os.W_OK):
            return True
        return os.access(self.data(lake), os.R_OK | os.W_OK | os.X_OK) and self.is_lost(lake)


def attach(
    connection: duckdb.DuckDBPyConnection,
    location: LakeLocation,
    lake: str,
    *,
    read_only: bool,
    catalog: Path | None = None,
) -> None:
    """The one ATTACH of a lake: another catalog or object store is a change here only. Raises duckdb.Error.

    ``catalog`` names the file of a lake that is to be made. A lake that is there is never made anew, not even
    where its catalog was emptied.
    """
    # The catalog keeps the path under which it was made; its files are relative to it. A folder that was
    # moved, copied or reached through a link since then has the data where the catalog is now.
    options = [f"DATA_PATH {literal(f'{location.data(lake)}/')}", "OVERRIDE_DATA_PATH 1"]
    # A reader must not be refused while a writer commits.
    options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 30000"]
    if read_only:
        options.append("READ_ONLY")
    if catalog is None:
        options.append("CREATE_IF_NOT_EXISTS false")
    url = literal(f"ducklake:sqlite:{catalog or location.catalog(lake)}")
    connection.execute(f"ATTACH {url} AS {quoted(lake)} ({', '.join(options)})")


def table_of(product: DataProduct) -> str:
    """The relation under which every reader finds a product: ``"<lake>"."products"."<name>"``."""
    return f'{quoted(product.lake)}."products".{quoted(product.name)}'
