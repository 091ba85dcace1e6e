"""Where the lakes are: one per domain, and a second one for its restricted products."""

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
"""The suffix of a restricted lake's name."""


@dataclass(frozen=True, slots=True)
class LakeLocation:
    """The folder of all lakes. A lake is a folder in it with a catalog, data files and a lock."""

    root: Path

    @classmethod
    def current(cls, root: Path | None = None) -> LakeLocation:
        """The folder from ``MESH_LAKE``, else ``lake`` in the state of the mesh at ``root``, by default
        of the working directory."""
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
        """Whether a lake is a restricted one, which only its own user can read."""
        return lake.endswith(RESTRICTED)

    def exists(self, lake: str) -> bool:
        """Whether a lake exists, even if its catalog is missing."""
        return self.catalog(lake).exists() or self.is_lost(lake)

    def is_lost(self, lake: str) -> bool:
        """Whether the catalog is missing but data files exist."""
        return not self.catalog(lake).exists() and next(self.data(lake).rglob("*.parquet"), None) is not None

    def shared(self) -> tuple[str, ...]:
        """The domains whose shared lake this user can read, sorted."""
        names = [path.name for path in self.root.glob("*")]
        return tuple(sorted(name for name in names if not self.is_private(name) and self.is_readable(name)))

    def is_readable(self, lake: str) -> bool:
        """Whether the lake exists and this user may read it."""
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
    """Attach a lake. This is the only ATTACH of a lake, so another catalog or object store changes only
    this.

    Only with ``catalog``, the file of a new lake, is a lake created; an existing lake is not created again
    even if its catalog is empty. Raises duckdb.Error.
    """
    # The catalog stores the path under which it was created. The folder may have been moved or copied since.
    options = [f"DATA_PATH {literal(f'{location.data(lake)}/')}", "OVERRIDE_DATA_PATH 1"]
    # Without WAL a commit would make readers fail.
    options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 30000"]
    if read_only:
        options.append("READ_ONLY")
    if catalog is None:
        options.append("CREATE_IF_NOT_EXISTS false")
    url = literal(f"ducklake:sqlite:{catalog or location.catalog(lake)}")
    connection.execute(f"ATTACH {url} AS {quoted(lake)} ({', '.join(options)})")


def table_of(product: DataProduct) -> str:
    """A product's relation for readers: ``"<lake>"."products"."<name>"``."""
    return f'{quoted(product.lake)}."products".{quoted(product.name)}'
